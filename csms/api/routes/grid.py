"""The feeder as the last dispatch cycle saw it."""

from __future__ import annotations

from fastapi import APIRouter, Response

from csms.api.access import Viewer
from csms.api.routes.common import Deps
from csms.api.wire import reply, returns
from csms.domain.errors import NotFound
from csms.domain.feeder_view import FeederView

router = APIRouter(prefix="/v1", tags=["grid"])


@router.get("/feeder", responses=returns(FeederView))
async def show_feeder(deps: Deps, _who: Viewer) -> Response:
    """Voltages, flows, decisions and the limits that bound."""
    view = deps.feeder_view()
    if view is None:
        raise NotFound("no dispatch cycle has run yet")
    return reply(view)
