"""The pages on top of the API application: same process, same credentials, same headers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from csms.api.access import Principal, add_routes, refuse_open_routes
from csms.api.deps import ApiDeps
from csms.web import formats, login, overview, plan, records
from csms.web.access import LoginNeeded
from csms.web.board import Board

STATIC = Path(__file__).parent / "static"


class Pages:
    """Renders templates; every page gets the site's name and who is logged in."""

    def __init__(self, site_name: str) -> None:
        self._site_name = site_name
        self._templates = Environment(
            loader=PackageLoader("csms.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(formats.FILTERS)

    def render(
        self, template: str, who: Principal | None = None, status: int = 200, **values: Any
    ) -> Response:
        text = self._templates.get_template(template).render(
            site_name=self._site_name, who=who, **values
        )
        return HTMLResponse(text, status_code=status)


class _Assets(StaticFiles):
    """Files that may be kept for an hour; their text is the same for everyone."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=3600"
        return response


def create_web(app: FastAPI, deps: ApiDeps) -> FastAPI:
    """Mount the operator's pages on the application that ``create_api`` made, and return it."""
    board = Board(deps)
    app.state.pages = Pages(deps.site_name)
    app.state.board = board
    app.state.background.append(board.run)
    app.add_exception_handler(LoginNeeded, _to_login)
    app.mount("/static", _Assets(directory=STATIC), name="static")
    add_routes(app, login.router, overview.router, plan.router, records.router)
    refuse_open_routes(app)
    return app


async def _to_login(_request: Request, _error: Exception) -> Response:
    return RedirectResponse("/login", status_code=303)
