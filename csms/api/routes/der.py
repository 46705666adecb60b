"""DER controls of a station (OCPP 2.1 block R): what was installed, what it says it has, what it told of them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from csms.api.access import Viewer
from csms.api.routes.common import Deps, Limit, StationPath
from csms.api.wire import reply, returns
from csms.domain.der import DerControl
from csms.domain.errors import NotFound
from csms.domain.events import DerAlarm
from csms.domain.records import NotificationRecord
from csms.ids import StationId

router = APIRouter(prefix="/v1", tags=["grid"])


class DerView(msgspec.Struct, frozen=True, kw_only=True):
    """``mismatches`` are the differences between ``installed`` and ``reported``, in words; ``alarms`` are the controls
    that alter the power now."""

    station_id: str
    capable: bool
    installed: tuple[DerControl, ...]
    reported: tuple[DerControl, ...]
    mismatches: tuple[str, ...]
    alarms: tuple[DerAlarm, ...]


@router.get("/stations/{station_id}/der", responses=returns(DerView))
async def show_der(station_id: StationPath, deps: Deps, _who: Viewer) -> Response:
    """As of the last read-back, which follows every boot."""
    station = deps.fleet.get(StationId(station_id))
    if station is None:
        raise NotFound(f"no station {station_id}")
    book = station.der
    return reply(
        DerView(
            station_id=station_id,
            capable=station.capabilities.der_controls,
            installed=tuple(book.expected.values()),
            reported=tuple(book.reported.values()),
            mismatches=book.mismatches,
            alarms=tuple(book.alarms.values()),
        )
    )


@router.get(
    "/stations/{station_id}/notifications",
    responses=returns(list[NotificationRecord], "Newest first."),
)
async def station_notifications(
    station_id: StationPath,
    deps: Deps,
    _who: Viewer,
    action: Annotated[
        str | None, Query(pattern=r"^[A-Za-z0-9]{1,64}$", description="Only this message's.")
    ] = None,
    limit: Limit = 100,
) -> Response:
    """What the station told and was only to be kept: NotifyDERAlarm, NotifyDERStartStop and others."""
    return reply(
        await deps.history.notifications(StationId(station_id), action=action, limit=limit)
    )
