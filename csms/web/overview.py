"""The operator page, its stream, and letting a station in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from csms.api.audit import audit
from csms.api.feeders import feeder_status
from csms.api.routes.common import Deps
from csms.api.routes.plans import FeederName
from csms.api.routes.stream import StreamSlots
from csms.ids import StationId
from csms.web.access import OperatorPage, ViewerPage, read_guarded_form
from csms.web.board import FRAME_S, Board, FeederBoard

router = APIRouter(include_in_schema=False)


@router.get("/")
async def overview(
    request: Request, deps: Deps, who: ViewerPage, feeder: FeederName = None
) -> Response:
    """Of one feeder; a selector leads to the others."""
    board: Board = request.app.state.board
    shown = board.of(feeder)
    frame = shown.frame()
    response: Response = request.app.state.pages.render(
        "overview.html",
        who,
        diagram=shown.diagram(),
        frame=frame,
        history=board.recent.points(shown.feeder.name),
        station_url=deps.station_url,
        chargers=[one.bus for one in view.evses] if (view := shown.feeder.view) else [],
        chosen=shown.feeder.name,
        feeders=[feeder_status(one) for one in deps.feeders.values()],
    )
    return response


@router.get("/ui/stream")
async def frames(request: Request, _who: ViewerPage, feeder: FeederName = None) -> Response:
    """A frame a second."""
    board: Board = request.app.state.board
    shown = board.of(feeder)
    slots: StreamSlots = request.app.state.streams
    slots.take()
    return EventSourceResponse(_frames(shown, slots), ping=15)


@router.post("/ui/accept")
async def accept(request: Request, deps: Deps, who: OperatorPage) -> Response:
    """One click: the station is let in and its password shown, once."""
    form = await read_guarded_form(request, who)
    station_id = StationId(form.get("station", ""))
    await audit(deps, who, "station.accept", station_id)
    password = await deps.admission.accept(station_id)
    response: Response = request.app.state.pages.render(
        "accepted.html",
        who,
        station=station_id,
        password=password,
        url=f"{deps.station_url}/{quote(station_id, safe='')}",
    )
    return response


async def _frames(board: FeederBoard, slots: StreamSlots) -> AsyncIterator[ServerSentEvent]:
    try:
        while True:
            yield ServerSentEvent(data=board.encoded().decode(), event="frame")
            await asyncio.sleep(FRAME_S)
    finally:
        slots.give_back()
