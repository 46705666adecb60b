"""Boot, heartbeat, status, and who may say what before it was let in (OCPP blocks B and G)."""

from __future__ import annotations

from csms.domain.errors import NotPermitted
from csms.domain.events import (
    Acknowledged,
    Booted,
    BootReply,
    Event,
    Heartbeat,
    HeartbeatReply,
    RegistrationStatus,
    StatusChanged,
)
from csms.domain.fleet import StationState
from csms.domain.records import ConnectorRecord, StationRecord
from csms.services.core import Core


def require_permitted(station: StationState, event: Event) -> None:
    """A station that was never accepted may only boot; a pending one also answers what it is asked (B02, B03).

    Raises ``NotPermitted``, which becomes a CALLERROR SecurityError (B02.FR.09, B03.FR.07).
    """
    if isinstance(event, Booted) or (
        station.booted and station.registration is RegistrationStatus.ACCEPTED
    ):
        return
    raise NotPermitted(
        f"{station.station_id} must first have a BootNotification accepted",
        status=station.registration,
    )


async def boot(core: Core, station: StationState, event: Booted) -> BootReply:
    now = core.clock.now()
    status = station.registration
    if status is RegistrationStatus.ACCEPTED:
        await core.journal.commit(
            StationRecord(
                station_id=station.station_id,
                version=station.version,
                vendor=event.vendor,
                model=event.model,
                serial=event.serial,
                firmware=event.firmware,
                booted_at=now,
            )
        )
        station.booted = True
    station.vendor, station.model = event.vendor, event.model
    station.serial, station.firmware = event.serial, event.firmware
    core.live.publish("station", station.station_id)
    accepted = status is RegistrationStatus.ACCEPTED
    interval_s = core.policy.heartbeat_interval_s if accepted else core.policy.boot_retry_s
    return BootReply(now=now, interval_s=interval_s, status=status)


async def heartbeat(core: Core, station: StationState, event: Heartbeat) -> HeartbeatReply:  # noqa: ARG001
    return HeartbeatReply(now=core.clock.now())


async def status_changed(core: Core, station: StationState, event: StatusChanged) -> Acknowledged:
    at = event.at or core.clock.now()
    await core.journal.commit(
        ConnectorRecord(
            station_id=station.station_id,
            evse_id=event.evse_id,
            connector_id=event.connector_id,
            status=event.status,
            at=at,
            error_code=event.error_code,
            info=event.info,
        )
    )
    if event.evse_id == 0:
        station.status = event.status
    else:
        station.evse(event.evse_id).connectors[event.connector_id] = event.status
    core.live.publish("station", station.station_id)
    return Acknowledged()
