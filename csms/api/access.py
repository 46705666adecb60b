"""Who is asking and what they may do. A route without a role is refused when the application is built."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.routing import APIRoute

from csms.api.problems import ProblemError
from csms.api.sessions import COOKIE, FailureBrake, OneTimePasswords, Sessions
from csms.services.api_keys import ApiKeys, Role

CSRF_HEADER = "x-csrf-token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PUBLIC_PATHS = frozenset({"/healthz", "/readyz", "/login", "/static"})
"""All that answers without a key."""


@dataclass(frozen=True, slots=True)
class Access:
    keys: ApiKeys
    sessions: Sessions
    one_time: OneTimePasswords
    brake: FailureBrake


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody whose credentials were verified."""

    name: str
    """As it stands in the audit log: ``key:<id>`` or ``login:<name>``."""
    role: Role
    csrf: str | None = None
    """Set for browser sessions: writes must repeat it."""


async def authenticate(request: Request) -> Principal | None:
    """The caller by API key or by session cookie; ``None`` without credentials. 401 for wrong ones."""
    access: Access = request.app.state.deps.access
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme:
        return await _by_key(request, access, scheme, token.strip())
    session = access.sessions.read(request.cookies.get(COOKIE, ""))
    if session is None:
        return None
    if session.key_id is not None and await access.keys.current(session.key_id) is None:
        return None  # the key was revoked while the session was open
    return Principal(name=f"login:{session.subject}", role=session.role, csrf=session.csrf)


async def _by_key(request: Request, access: Access, scheme: str, token: str) -> Principal:
    address = address_of(request)
    require_patience(access.brake, address)
    record = await access.keys.verify(token) if scheme.lower() == "bearer" else None
    if record is None:
        access.brake.failed(address)
        raise unauthorised("the API key is not valid")
    return Principal(name=f"key:{record.key_id}", role=Role(record.role))


def needs(role: Role) -> Callable[[Request], Coroutine[Any, Any, Principal]]:
    """A dependency that lets in whoever has at least ``role``."""

    async def check(request: Request) -> Principal:
        principal = await authenticate(request)
        if principal is None:
            raise unauthorised("send Authorization: Bearer <key id>.<secret>")
        require_role(principal, role)
        if request.method not in SAFE_METHODS and principal.csrf is not None:
            require_csrf(principal, request.headers.get(CSRF_HEADER, ""))
        return principal

    check.needed_role = role  # type: ignore[attr-defined]
    return check


Viewer = Annotated[Principal, Depends(needs(Role.VIEWER))]
Operator = Annotated[Principal, Depends(needs(Role.OPERATOR))]
Admin = Annotated[Principal, Depends(needs(Role.ADMIN))]


def require_role(principal: Principal, role: Role) -> None:
    if not principal.role.covers(role):
        raise ProblemError(
            403, "role_too_low", f"this needs the role {role}, yours is {principal.role}"
        )


def require_csrf(principal: Principal, token: str) -> None:
    if principal.csrf is None or not hmac.compare_digest(token.encode(), principal.csrf.encode()):
        raise ProblemError(403, "csrf", "the form is out of date: reload the page and try again")


def require_patience(brake: FailureBrake, address: str) -> None:
    wait_s = brake.retry_after_s(address)
    if wait_s > 0:
        raise ProblemError(
            429,
            "too_many_failures",
            "too many failed attempts from this address",
            headers={"Retry-After": str(int(wait_s) + 1)},
        )


def unauthorised(detail: str) -> ProblemError:
    return ProblemError(401, "unauthorised", detail, headers={"WWW-Authenticate": "Bearer"})


def address_of(request: Request) -> str:
    return request.client.host if request.client is not None else "unknown"


def role_of(route: APIRoute) -> Role | None:
    """The role that a route asks for; ``None`` when it asks for none."""
    for dependency in route.dependant.dependencies:
        role = getattr(dependency.call, "needed_role", None)
        if isinstance(role, Role):
            return role
    return None


def add_routes(app: FastAPI, *routers: APIRouter) -> None:
    """Add the routers' routes one by one, so that ``app.routes`` is the whole list of what answers."""
    for router in routers:
        app.router.routes.extend(router.routes)


def refuse_open_routes(app: FastAPI) -> None:
    """Deny by default: raises ``RuntimeError`` when anything answers that asks for no role and is not public."""
    for route in app.routes:
        path = getattr(route, "path", None)
        if path in PUBLIC_PATHS or (isinstance(route, APIRoute) and role_of(route) is not None):
            continue
        raise RuntimeError(f"route {path or route} asks for no role")
