"""Log in with a one-time password or an API key, and out again."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from csms.api.access import Access, address_of, authenticate, require_patience
from csms.api.sessions import COOKIE
from csms.services.api_keys import Role
from csms.web.access import ViewerPage, read_form, read_guarded_form

router = APIRouter(include_in_schema=False)


@router.get("/login")
async def show_login(request: Request) -> Response:
    if await authenticate(request) is not None:
        return RedirectResponse("/", status_code=303)
    response: Response = request.app.state.pages.render("login.html", error=None)
    return response


@router.post("/login")
async def log_in(request: Request) -> Response:
    access: Access = request.app.state.deps.access
    address = address_of(request)
    require_patience(access.brake, address)
    secret = (await read_form(request)).get("secret", "")
    cookie = await _session_for(access, secret)
    if cookie is None:
        access.brake.failed(address)
        response: Response = request.app.state.pages.render(
            "login.html", status=401, error="Not a valid one-time password or API key."
        )
        return response
    response = RedirectResponse("/", status_code=303)
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=int(access.sessions.lifetime_s),
        httponly=True,
        samesite="strict",
        secure=request.app.state.deps.secure_cookies,
    )
    return response


@router.post("/logout")
async def log_out(request: Request, who: ViewerPage) -> Response:
    await read_guarded_form(request, who)
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(COOKIE)
    return response


async def _session_for(access: Access, secret: str) -> str | None:
    secret = secret.strip()
    role = access.one_time.redeem(secret)
    if role is not None:
        return access.sessions.issue("one-time", role)
    record = await access.keys.verify(secret)
    if record is not None:
        return access.sessions.issue(record.key_id, Role(record.role), key_id=record.key_id)
    return None
