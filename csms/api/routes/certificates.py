"""Use cases about certificates that are more than one command."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from csms.api.access import Admin
from csms.api.audit import audit
from csms.api.problems import ProblemError
from csms.api.routes.common import Deps, StationPath
from csms.api.wire import accepts, convert, read_object, reply, returns
from csms.domain.errors import NotConnected
from csms.domain.values import Value
from csms.ids import StationId
from csms.services.root_swap import RootSwap, swap_csms_root

router = APIRouter(prefix="/v1", tags=["certificates"])
WITHIN_S = 30.0


class RootSwapInput(Value, frozen=True, kw_only=True):
    """PEM. The new root must be signed by the old one."""

    old_pem: str
    new_pem: str


@router.post(
    "/stations/{station_id}/csms-root",
    responses=returns(RootSwap, "What the station then has."),
    openapi_extra=accepts(RootSwapInput),
)
async def swap_root(request: Request, station_id: StationPath, deps: Deps, who: Admin) -> Response:
    """Give a station a new CSMS root; the old one stays as its fallback (M05.FR.09 to .13)."""
    roots = convert(await read_object(request), RootSwapInput)
    state = deps.fleet.get(StationId(station_id))
    if state is None or not state.connected:
        raise NotConnected(f"{station_id} is not connected")
    await audit(deps, who, "certificates.swap-root", station_id)
    try:
        swap = await swap_csms_root(
            deps.desk,
            state.station_id,
            old_pem=roots.old_pem,
            new_pem=roots.new_pem,
            issued_by=who.name,
            within_s=WITHIN_S,
        )
    except TimeoutError:
        raise ProblemError(504, "no_answer", f"{station_id} did not answer in time") from None
    return reply(swap)
