"""BootNotification and StatusNotification of OCPP 2.x."""

from __future__ import annotations

from csms.domain.events import Booted, StatusChanged
from csms.domain.values import ConnectorStatus
from csms.translate.fields import Payload, timestamp, whole


def boot(payload: Payload) -> Booted:
    station = payload["chargingStation"]
    return Booted(
        vendor=station["vendorName"],
        model=station["model"],
        serial=station.get("serialNumber"),
        firmware=station.get("firmwareVersion"),
        reason=payload["reason"],
    )


def status(payload: Payload) -> StatusChanged:
    return StatusChanged(
        evse_id=whole(payload["evseId"], "/evseId"),
        connector_id=whole(payload["connectorId"], "/connectorId"),
        status=ConnectorStatus(payload["connectorStatus"]),
        at=timestamp(payload["timestamp"], "/timestamp"),
    )
