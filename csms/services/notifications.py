"""Security events, vendor data, and every other notification that is kept and acknowledged."""

from __future__ import annotations

from csms.domain.certificates import PNC_VENDOR
from csms.domain.events import (
    Acknowledged,
    Notified,
    SecurityEventTold,
    VendorData,
    VendorDataReply,
)
from csms.domain.fleet import StationState
from csms.domain.records import NotificationRecord, SecurityRecord
from csms.services.core import Core

CRITICAL_EVENTS = frozenset(
    {
        "FirmwareUpdated",
        "SettingSystemTime",
        "StartupOfTheDevice",
        "ResetOrReboot",
        "SecurityLogWasCleared",
        "MemoryExhaustion",
        "TamperDetectionActivated",
        "InvalidFirmwareSignature",
        "InvalidFirmwareSigningCertificate",
        "InvalidCsmsCertificate",
        "InvalidCentralSystemCertificate",
        "InvalidChargingStationCertificate",
        "InvalidTLSVersion",
        "InvalidTLSCipherSuite",
        "MaintenanceLoginAccepted",
        "MaintenanceLoginFailed",
    }
)


async def security_event(
    core: Core, station: StationState, event: SecurityEventTold
) -> Acknowledged:
    critical = event.kind in CRITICAL_EVENTS
    await core.journal.commit(
        SecurityRecord(
            station_id=station.station_id,
            kind=event.kind,
            at=event.at,
            received=core.clock.now(),
            info=event.info,
            critical=critical,
        )
    )
    if critical:
        core.live.publish("alarm", f"{station.station_id}: security event {event.kind}")
    return Acknowledged()


async def vendor_data(core: Core, station: StationState, event: VendorData) -> VendorDataReply:
    """No vendor extension is known: say so, and keep what was sent for whoever integrates it."""
    await core.journal.commit(
        NotificationRecord(
            station_id=station.station_id,
            action="DataTransfer",
            received=core.clock.now(),
            payload={"vendorId": event.vendor, "messageId": event.message, "data": event.data},
        )
    )
    known = event.vendor == PNC_VENDOR
    return VendorDataReply(status="UnknownMessageId" if known else "UnknownVendorId")


async def notified(core: Core, station: StationState, event: Notified) -> Acknowledged:
    await core.journal.commit(
        NotificationRecord(
            station_id=station.station_id,
            action=event.action,
            received=core.clock.now(),
            payload=event.payload,
        )
    )
    return Acknowledged()
