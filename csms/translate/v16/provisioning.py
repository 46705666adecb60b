"""BootNotification and StatusNotification of OCPP 1.6."""

from __future__ import annotations

from csms.domain.events import Booted, StatusChanged
from csms.domain.values import ConnectorStatus
from csms.translate.fields import Payload, timestamp, whole


def boot(payload: Payload) -> Booted:
    return Booted(
        vendor=payload["chargePointVendor"],
        model=payload["chargePointModel"],
        serial=payload.get("chargePointSerialNumber") or payload.get("chargeBoxSerialNumber"),
        firmware=payload.get("firmwareVersion"),
    )


def status(payload: Payload) -> StatusChanged:
    """A connector counts as an EVSE with one connector; connector 0 is the station itself."""
    evse_id = whole(payload["connectorId"], "/connectorId")
    at, error = payload.get("timestamp"), payload["errorCode"]
    told = [payload[name] for name in ("vendorErrorCode", "info") if payload.get(name)]
    return StatusChanged(
        evse_id=evse_id,
        connector_id=1 if evse_id else 0,
        status=ConnectorStatus(payload["status"]),
        at=None if at is None else timestamp(at, "/timestamp"),
        error_code=None if error == "NoError" else error,
        info="; ".join(told) or None,
    )
