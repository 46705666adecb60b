"""DER controls of stations (OCPP 2.1 block R): installed, read back, compared; their alarms kept and shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from csms.domain.commands import (
    ClearDerControl,
    Command,
    CommandRecord,
    CommandState,
    GetDerControls,
    SetDerControl,
)
from csms.domain.der import OWN_PREFIX, DerControl
from csms.domain.events import Acknowledged, DerAlarm, DerReported, DerStartStop
from csms.domain.fleet import StationState
from csms.domain.records import NotificationRecord
from csms.services.core import Core

READ_BACK_REQUEST_ID = 1
Push = Callable[[Command], Awaitable[CommandRecord]]


async def install(
    core: Core,
    station: StationState,
    controls: Sequence[DerControl],
    push: Push,
    *,
    timeout_s: float,
) -> bool:
    """Give the station these default controls, take away what an earlier configuration left, and read all back.

    A difference is an alarm and stays on the station's book. False: the station supports none of them. Stations keep
    their controls over a reboot (R01.FR.03).
    """
    book = station.der
    book.expected = {control.control_id: control for control in controls}
    answers = [await push(SetDerControl(control=control)) for control in controls]
    if answers and all(answer.status == "NotSupported" for answer in answers):
        station.capabilities.der_controls = False
        book.expected, book.mismatches = {}, ()
        return False
    await _read_back(core, station, push, timeout_s)
    left = [
        control_id
        for control_id, control in book.reported.items()
        if control_id.startswith(OWN_PREFIX)
        and control.is_default
        and control_id not in book.expected
    ]
    for control_id in left:
        cleared = await push(ClearDerControl(is_default=True, control_id=control_id))
        if cleared.state is CommandState.ACCEPTED:
            book.ended(control_id)
    return True


async def _read_back(core: Core, station: StationState, push: Push, timeout_s: float) -> None:
    book, complete = station.der, asyncio.Event()
    book.reading, book.when_read = {}, complete.set
    asked = await push(GetDerControls(request_id=READ_BACK_REQUEST_ID, is_default=True))
    if asked.status == "NotFound":
        book.read_back({})
    if asked.state is CommandState.ACCEPTED or complete.is_set():
        try:
            await asyncio.wait_for(complete.wait(), timeout_s)
        except TimeoutError:
            book.mismatches = (f"no ReportDERControl came within {timeout_s:g} s",)
    elif book.expected:
        book.mismatches = (f"GetDERControl: {asked.status or asked.state}",)
    for mismatch in book.mismatches:
        core.live.publish("alarm", f"{station.station_id}: DER control {mismatch}")


async def der_reported(core: Core, station: StationState, event: DerReported) -> Acknowledged:
    book = station.der
    told = {control.control_id: control for control in event.controls}
    if event.request_id == READ_BACK_REQUEST_ID and book.reading is not None:
        book.reading |= told
        if not event.more:
            book.read_back(book.reading)
    else:
        book.told(told)
    core.live.publish("station", station.station_id)
    return Acknowledged()


async def der_alarm(core: Core, station: StationState, event: DerAlarm) -> Acknowledged:
    await _note(core, station, "NotifyDERAlarm", event)
    if event.ended:
        station.der.alarms.pop(event.control_type, None)
    else:
        station.der.alarms[event.control_type] = event
        core.live.publish(
            "alarm",
            f"{station.station_id}: {event.control_type} acts on {event.fault or 'the grid'}",
        )
    core.live.publish("station", station.station_id)
    return Acknowledged()


async def der_start_stop(core: Core, station: StationState, event: DerStartStop) -> Acknowledged:
    await _note(core, station, "NotifyDERStartStop", event)
    station.der.superseded(event.superseded_ids)
    if not event.started:
        station.der.ended(event.control_id)  # a scheduled control is gone when it has ended
    core.live.publish("station", station.station_id)
    return Acknowledged()


async def _note(
    core: Core, station: StationState, action: str, event: DerAlarm | DerStartStop
) -> None:
    await core.journal.commit(
        NotificationRecord(
            station_id=station.station_id,
            action=action,
            received=core.clock.now(),
            payload=msgspec.to_builtins(event),
        )
    )
