"""Is it alive, is it ready, and what does it count."""

from __future__ import annotations

from fastapi import APIRouter, Response

from csms.api.access import Viewer
from csms.api.routes.common import Deps
from csms.api.wire import PROBLEMS, reply
from csms.telemetry.metrics import CONTENT_TYPE

router = APIRouter(tags=["health"])


@router.get("/healthz", responses={200: {"description": "The process answers."}})
async def alive() -> Response:
    return reply({"status": "ok"})


@router.get(
    "/readyz",
    responses={
        200: {"description": "Stations and callers are served."},
        503: {"description": "Not now; the reasons are listed."},
    },
)
async def ready(deps: Deps) -> Response:
    reasons = list(await deps.not_ready())
    return reply({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)


@router.get(
    "/metrics",
    responses={200: {"description": "Prometheus text.", "content": {"text/plain": {}}}, **PROBLEMS},
)
async def metrics(deps: Deps, _who: Viewer) -> Response:
    """Scrape it with a viewer's API key as bearer token."""
    return Response(deps.metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})
