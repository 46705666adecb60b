"""The feeders as their last dispatch cycles saw them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from csms.api.access import Viewer
from csms.api.feeders import FeederPort, FeederStatus, feeder_named, feeder_status
from csms.api.routes.common import Deps
from csms.api.wire import reply, returns
from csms.domain.errors import NotFound
from csms.domain.feeder_view import FeederView

router = APIRouter(prefix="/v1", tags=["grid"])


@router.get("/feeder", responses=returns(FeederView))
async def show_feeder(deps: Deps, _who: Viewer) -> Response:
    """Voltages, flows, decisions and the limits that bound; of several feeders the first."""
    return _last_cycle(feeder_named(deps.feeders, None))


@router.get("/feeders", responses=returns(list[FeederStatus]))
async def list_feeders(deps: Deps, _who: Viewer) -> Response:
    """Every feeder of this process in a line, in the order of the settings."""
    return reply([feeder_status(feeder) for feeder in deps.feeders.values()])


@router.get("/feeders/{name}", responses=returns(FeederView))
async def show_named_feeder(
    name: Annotated[str, Path(max_length=64)], deps: Deps, _who: Viewer
) -> Response:
    """Voltages, flows, decisions and the limits that bound."""
    return _last_cycle(feeder_named(deps.feeders, name))


def _last_cycle(feeder: FeederPort) -> Response:
    if feeder.view is None:
        raise NotFound("no dispatch cycle has run yet")
    return reply(feeder.view)
