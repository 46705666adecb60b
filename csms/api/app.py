"""The application: routes, errors, headers. Nothing is open unless it is named in ``access.PUBLIC_PATHS``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Response

from csms.api.access import Viewer, add_routes, refuse_open_routes
from csms.api.deps import ApiDeps
from csms.api.idempotency import IdempotencyStore
from csms.api.middleware import EdgeMiddleware
from csms.api.openapi import build_openapi
from csms.api.problems import install_problem_handlers
from csms.api.routes import (
    administration,
    certificates,
    commands,
    der,
    grid,
    health,
    plans,
    signals,
    stations,
    stream,
    studies,
    tariffs,
    transactions,
    vehicles,
)
from csms.api.routes.stream import StreamSlots
from csms.api.wire import reply
from csms.services.fleet_brake import FleetBrake

Background = Callable[[], Coroutine[Any, Any, None]]


def create_api(deps: ApiDeps) -> FastAPI:
    """The REST application over ``deps``. Serve it with any ASGI server; ``create_web`` adds the pages."""
    app = FastAPI(
        title="Charge-point management system",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan,
    )
    app.state.deps = deps
    app.state.idempotency = IdempotencyStore(deps.clock)
    app.state.fleet_brake = FleetBrake(deps.clock)
    app.state.streams = StreamSlots(deps.max_streams)
    app.state.background = []
    install_problem_handlers(app)
    app.add_middleware(EdgeMiddleware, metrics=deps.metrics, secure=deps.secure_cookies)
    modules = (
        stations, commands, certificates, transactions, tariffs, grid, plans, der, signals, studies, administration,
        vehicles, stream, health,
    )  # fmt: skip
    add_routes(app, *(module.router for module in modules))

    @app.get("/v1/openapi.json", include_in_schema=False)
    async def openapi(_who: Viewer) -> Response:
        return reply(build_openapi(app))

    refuse_open_routes(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    background: list[Background] = app.state.background
    tasks = [asyncio.ensure_future(work()) for work in background]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
