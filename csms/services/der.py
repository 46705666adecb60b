"""DER controls as stations report them (OCPP 2.1 block R): configured here, executed in the EVSE, read back."""

from __future__ import annotations

import msgspec

from csms.domain.events import Acknowledged, DerAlarm, DerReported, DerStartStop
from csms.domain.fleet import StationState
from csms.domain.records import NotificationRecord
from csms.services.core import Core


async def der_reported(core: Core, station: StationState, event: DerReported) -> Acknowledged:
    for control in event.controls:
        station.der_controls[control.control_id] = control
    core.live.publish("station", station.station_id)
    return Acknowledged()


async def der_alarm(core: Core, station: StationState, event: DerAlarm) -> Acknowledged:
    await _note(core, station, "NotifyDERAlarm", event)
    if not event.ended:
        core.live.publish(
            "alarm",
            f"{station.station_id}: {event.control_type} acts on {event.fault or 'the grid'}",
        )
    return Acknowledged()


async def der_start_stop(core: Core, station: StationState, event: DerStartStop) -> Acknowledged:
    await _note(core, station, "NotifyDERStartStop", event)
    for control_id in event.superseded_ids:
        control = station.der_controls.get(control_id)
        if control is not None:
            station.der_controls[control_id] = msgspec.structs.replace(control, is_superseded=True)
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
