"""Pages ask for a session; without one they lead to the login instead of answering with a problem document."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from csms.api.access import Principal, authenticate, require_csrf, require_role
from csms.api.problems import ProblemError
from csms.api.wire import read_bytes
from csms.services.api_keys import Role

MAX_FORM_BYTES = 8_192


class LoginNeeded(Exception):
    """Nobody is logged in."""


def page_needs(role: Role) -> Callable[[Request], Coroutine[Any, Any, Principal]]:
    async def check(request: Request) -> Principal:
        principal = await authenticate(request)
        if principal is None:
            raise LoginNeeded
        require_role(principal, role)
        return principal

    check.needed_role = role  # type: ignore[attr-defined]
    return check


ViewerPage = Annotated[Principal, Depends(page_needs(Role.VIEWER))]
OperatorPage = Annotated[Principal, Depends(page_needs(Role.OPERATOR))]


async def read_form(request: Request) -> dict[str, str]:
    """A small urlencoded form; the last of repeated fields counts."""
    raw = await read_bytes(request, MAX_FORM_BYTES)
    try:
        return dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=32))
    except ValueError:
        raise ProblemError(400, "malformed_form", "the form cannot be read") from None


async def read_guarded_form(request: Request, who: Principal) -> dict[str, str]:
    """A form whose sender saw the page: it repeats the session's CSRF token."""
    form = await read_form(request)
    require_csrf(who, form.get("csrf", ""))
    return form
