"""Commands as resources: asked for with 202, then followed through queued, sent and the station's answer."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from csms.api.access import Admin, Operator, Principal, Viewer, require_role
from csms.api.audit import audit
from csms.api.command_input import command_from, command_schema, raw_command, role_for
from csms.api.deps import ApiDeps
from csms.api.problems import ProblemError
from csms.api.routes.common import STATION_ID_PATTERN, Deps, Limit, StationPath, StationQuery
from csms.api.views import Page, command_view
from csms.api.wire import accepts, accepts_schema, convert, read_object, reply, returns
from csms.domain.commands import Command, CommandRecord
from csms.domain.errors import NotFound
from csms.ids import CommandId, StationId
from csms.services.fleet_brake import FleetBrake

router = APIRouter(prefix="/v1", tags=["commands"])
MAX_WAIT_S = 60.0
TtlS = Annotated[
    float, Query(gt=0, le=604_800, description="How long it may wait for an offline station.")
]
TimeoutS = Annotated[
    float | None, Query(gt=0, le=600, description="How long the station may take to answer.")
]
CommandPath = Annotated[str, Path(pattern=r"^[0-9A-Za-z-]{1,64}$")]
_ACCEPTED = returns(CommandRecord, "Written down and on its way; follow Location.", 202)
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A repeat with the same key gets the first answer and does nothing.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128},
}


@router.post(
    "/stations/{station_id}/commands",
    status_code=202,
    responses=_ACCEPTED,
    openapi_extra={**accepts_schema(command_schema()), "parameters": [_KEY]},
)
async def give_command(
    request: Request,
    station_id: StationPath,
    deps: Deps,
    who: Operator,
    ttl_s: TtlS = 3600.0,
    timeout_s: TimeoutS = None,
) -> Response:
    """Send a command to a station; an offline one gets it when it comes back within ``ttl_s``."""
    data = await read_object(request)
    command = command_from(data)
    require_role(who, role_for(command))
    return await _once(
        request, deps, who, data, StationId(station_id), command, ttl_s=ttl_s, timeout_s=timeout_s
    )


@router.post(
    "/ocpp/{version}/{action}",
    status_code=202,
    responses=_ACCEPTED,
    openapi_extra={**accepts_schema({"type": "object"}), "parameters": [_KEY]},
)
async def give_raw(
    request: Request,
    version: Annotated[str, Path(pattern=r"^(1\.6|2\.0\.1|2\.1)$")],
    action: Annotated[str, Path(pattern=r"^[A-Za-z0-9]{1,64}$")],
    station: Annotated[str, Query(pattern=STATION_ID_PATTERN)],
    deps: Deps,
    who: Admin,
    ttl_s: TtlS = 3600.0,
    timeout_s: TimeoutS = None,
) -> Response:
    """Any request of a station's own version; the body is its payload, checked against the official schema."""
    payload = await read_object(request)
    station_id = StationId(station)
    state = deps.fleet.get(station_id)
    if state is not None and state.version is not None and state.version != version:
        raise ProblemError(409, "other_version", f"{station_id} speaks OCPP {state.version}")
    command = raw_command(action, payload)
    return await _once(
        request, deps, who, payload, station_id, command, ttl_s=ttl_s, timeout_s=timeout_s
    )


class FleetRelease(msgspec.Struct, frozen=True, kw_only=True):
    """``principal`` as the refusal and the audit log name it."""

    principal: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


@router.post(
    "/fleet-releases",
    status_code=201,
    responses=returns(FleetRelease, "In force for ten minutes.", 201),
    openapi_extra=accepts(FleetRelease),
)
async def release_fleet(request: Request, deps: Deps, who: Operator) -> Response:
    """Let somebody else command any number of stations; nobody can release themselves."""
    asked = convert(await read_object(request), FleetRelease)
    brake: FleetBrake = request.app.state.fleet_brake
    brake.release(asked.principal, by=who.name)
    await audit(deps, who, "fleet.release", asked.principal)
    return reply(asked, 201)


@router.get("/commands", responses=returns(Page[CommandRecord]))
async def list_commands(
    deps: Deps,
    _who: Viewer,
    station_id: StationQuery = None,
    after: Annotated[str | None, Query(pattern=r"^[0-9A-Za-z-]{1,64}$")] = None,
    limit: Limit = 100,
) -> Response:
    """Newest first."""
    found = await deps.history.commands(
        station_id=StationId(station_id) if station_id else None,
        after=CommandId(after) if after else None,
        limit=limit,
    )
    items = tuple(command_view(record) for record in found)
    return reply(Page(items=items, next=items[-1].command_id if len(items) == limit else None))


@router.get("/commands/{command_id}", responses=returns(CommandRecord))
async def show_command(
    command_id: CommandPath,
    deps: Deps,
    _who: Viewer,
    wait_s: Annotated[
        float, Query(ge=0, le=MAX_WAIT_S, description="Wait this long for it to become final.")
    ] = 0.0,
) -> Response:
    record = await _record(deps, CommandId(command_id))
    if wait_s > 0 and not record.state.is_final:
        try:
            record = await deps.desk.finished(CommandId(command_id), wait_s)
        except TimeoutError:
            record = await _record(deps, CommandId(command_id))
    return reply(command_view(record))


async def _once(
    request: Request,
    deps: ApiDeps,
    who: Principal,
    data: dict[str, Any],
    station_id: StationId,
    command: Command,
    *,
    ttl_s: float,
    timeout_s: float | None,
) -> Response:
    async def act() -> Response:
        if deps.fleet.get(station_id) is None and await deps.history.station(station_id) is None:
            raise NotFound(f"no station {station_id}")
        brake: FleetBrake = request.app.state.fleet_brake
        if not brake.lets(who.name, station_id, command, len(deps.fleet)):
            raise ProblemError(
                403,
                "second_person_needed",
                f"{who.name} has commanded too many stations within ten minutes to go on alone: "
                "somebody else releases it by POST /v1/fleet-releases",
            )
        action = f"command.{type(command).__name__}"
        await audit(deps, who, action, station_id, data)
        record = await deps.desk.submit(
            station_id, command, issued_by=who.name, ttl_s=ttl_s, timeout_s=timeout_s
        )
        location = f"/v1/commands/{quote(record.command_id, safe='')}"
        return reply(command_view(record), 202, {"Location": location})

    body = msgspec.json.encode(data)
    response: Response = await request.app.state.idempotency.once(request, who, body, act)
    return response


async def _record(deps: ApiDeps, command_id: CommandId) -> CommandRecord:
    record = await deps.history.command(command_id)
    if record is None:
        raise NotFound(f"no command {command_id}")
    return record
