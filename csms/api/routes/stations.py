"""Stations: list, show, let in, disable; their variables and their recent messages."""

from __future__ import annotations

import re
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from csms.api.access import Admin, Operator, Viewer
from csms.api.audit import audit
from csms.api.deps import ApiDeps
from csms.api.problems import ProblemError
from csms.api.routes.common import STATION_ID_PATTERN, Deps, Limit, StationPath
from csms.api.views import (
    KnockView,
    NewStation,
    Page,
    StationCredentials,
    StationView,
    knock_view,
    station_view,
    station_views,
)
from csms.api.wire import PROBLEMS, accepts, convert, read_object, reply, returns
from csms.domain.errors import NotFound
from csms.domain.records import VariableRecord
from csms.ids import StationId
from csms.telemetry.message_journal import Entry
from csms.telemetry.redact import HIDDEN, SECRET_VARIABLES

router = APIRouter(prefix="/v1", tags=["stations"])


@router.get("/stations", responses=returns(Page[StationView]))
async def list_stations(
    deps: Deps, _who: Viewer, limit: Limit = 100, after: str | None = None
) -> Response:
    """All stations, known or live, by id. ``after`` is the last id of the page before."""
    views = station_views(await deps.history.stations(), deps.fleet)
    rest = [view for view in views if after is None or view.station_id > after]
    items = tuple(rest[:limit])
    return reply(Page(items=items, next=items[-1].station_id if len(rest) > limit else None))


@router.post(
    "/stations",
    status_code=201,
    responses=returns(StationCredentials, "Created; the password is shown once.", 201),
    openapi_extra=accepts(NewStation),
)
async def create_station(request: Request, deps: Deps, who: Operator) -> Response:
    """Let a station in before it first connects."""
    asked = convert(await read_object(request), NewStation)
    if not re.match(STATION_ID_PATTERN, asked.station_id) or not asked.station_id.isprintable():
        raise ProblemError(
            422, "invalid_request", "body: station_id: 1 to 48 printable characters without / and :"
        )
    station_id = StationId(asked.station_id)
    if await deps.history.station(station_id) is not None:
        raise ProblemError(
            409, "station_exists", f"{station_id} is known; accept it anew for a password"
        )
    return await _accept(deps, who, station_id)


@router.get("/stations/{station_id}", responses=returns(StationView))
async def show_station(station_id: StationPath, deps: Deps, _who: Viewer) -> Response:
    return reply(await _view(deps, StationId(station_id)))


@router.post(
    "/stations/{station_id}/accept",
    status_code=201,
    responses=returns(StationCredentials, "Let in; the password is shown once.", 201),
)
async def accept_station(station_id: StationPath, deps: Deps, who: Operator) -> Response:
    """Let a station in, or give a known one a new password."""
    return await _accept(deps, who, StationId(station_id))


@router.post("/stations/{station_id}/disable", responses=returns(StationView))
async def disable_station(station_id: StationPath, deps: Deps, who: Operator) -> Response:
    """Refuse the station from now on and close its connection."""
    return await _set_enabled(deps, who, StationId(station_id), enabled=False)


@router.post("/stations/{station_id}/enable", responses=returns(StationView))
async def enable_station(station_id: StationPath, deps: Deps, who: Operator) -> Response:
    return await _set_enabled(deps, who, StationId(station_id), enabled=True)


@router.get(
    "/stations/{station_id}/variables", responses=returns(list[VariableRecord], "By component.")
)
async def station_variables(station_id: StationPath, deps: Deps, _who: Viewer) -> Response:
    """The device model as far as it was reported (1.6: configuration keys)."""
    return reply([hide_secret(one) for one in await deps.history.variables(StationId(station_id))])


@router.get("/stations/{station_id}/messages", responses=returns(list[Entry], "Newest first."))
async def station_messages(
    station_id: StationPath, deps: Deps, _who: Viewer, limit: Limit = 50
) -> Response:
    """The last OCPP messages, redacted."""
    return reply(deps.messages.recent(station_id, limit))


@router.get(
    "/stations/{station_id}/messages/export",
    responses={
        200: {"description": "Oldest first.", "content": {"application/x-ndjson": {}}},
        **PROBLEMS,
    },
)
async def export_messages(station_id: StationPath, deps: Deps, _who: Admin) -> Response:
    """The whole redacted journal of a station as JSON Lines."""
    name = f"attachment; filename*=UTF-8''{quote(station_id, safe='')}.jsonl"
    return StreamingResponse(
        deps.messages.export(station_id),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": name},
    )


@router.get("/knocks", responses=returns(list[KnockView], "Most recent first."))
async def list_knocks(deps: Deps, _who: Viewer) -> Response:
    """Connections that were refused, and why."""
    return reply([knock_view(knock) for knock in deps.admission.knocks()])


def hide_secret(record: VariableRecord) -> VariableRecord:
    if record.variable.casefold() not in SECRET_VARIABLES:
        return record
    return VariableRecord(
        station_id=record.station_id,
        component=record.component,
        variable=record.variable,
        value=HIDDEN,
        at=record.at,
        evse_id=record.evse_id,
        mutability=record.mutability,
    )


async def _accept(deps: ApiDeps, who: Operator, station_id: StationId) -> Response:
    await audit(deps, who, "station.accept", station_id)
    password = await deps.admission.accept(station_id)
    url = f"{deps.station_url}/{quote(station_id, safe='')}"
    return reply(
        StationCredentials(station_id=station_id, password=password, url=url),
        201,
        {"Location": f"/v1/stations/{quote(station_id, safe='')}"},
    )


async def _set_enabled(
    deps: ApiDeps, who: Operator, station_id: StationId, *, enabled: bool
) -> Response:
    await _view(deps, station_id)
    await audit(deps, who, "station.enable" if enabled else "station.disable", station_id)
    await deps.admission.set_enabled(station_id, enabled=enabled)
    return reply(await _view(deps, station_id))


async def _view(deps: ApiDeps, station_id: StationId) -> StationView:
    record, state = await deps.history.station(station_id), deps.fleet.get(station_id)
    if record is None and state is None:
        raise NotFound(f"no station {station_id}")
    return station_view(record, state)
