"""Dynamic profiles of OCPP 2.1: values pushed by us or pulled by the station (K28)."""

from __future__ import annotations

from csms.domain.commands import UpdateDynamicSchedule
from csms.domain.errors import InvalidInput
from csms.domain.events import DynamicUpdatePulled, DynamicUpdateReply
from csms.domain.profile import DynamicUpdate
from csms.translate.charging_rules import check_rate
from csms.translate.family import WireCall
from csms.translate.fields import Payload, identifier
from csms.translate.v2x.edition import Edition


def update_dynamic_schedule(_edition: Edition, command: UpdateDynamicSchedule) -> WireCall:
    return WireCall(
        "UpdateDynamicSchedule",
        {
            "chargingProfileId": command.profile_id,
            "scheduleUpdate": _update_to_wire(command.update),
        },
    )


def update_pulled(payload: Payload) -> DynamicUpdatePulled:
    return DynamicUpdatePulled(
        profile_id=identifier(payload["chargingProfileId"], "/chargingProfileId")
    )


def update_reply(reply: DynamicUpdateReply) -> Payload:
    """An unknown or not Dynamic profile is refused with InvalidProfile (K28.FR.12)."""
    if reply.update is None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidProfile"}}
    return {"status": "Accepted", "scheduleUpdate": _update_to_wire(reply.update)}


def _update_to_wire(update: DynamicUpdate) -> Payload:
    """Raises ``InvalidInput``: no operation mode takes a setpoint together with limits, nor nothing."""
    limited = update.limit is not None or update.discharge_limit is not None
    if limited == (update.setpoint is not None):
        raise InvalidInput("a schedule update has either a setpoint or limits (Q03.FR.02)")
    if update.discharge_limit is not None and update.discharge_limit > 0:
        raise InvalidInput(f"discharge_limit {update.discharge_limit} is above 0")
    payload: Payload = {}
    for name, value in (
        ("setpoint", update.setpoint),
        ("limit", update.limit),
        ("dischargeLimit", update.discharge_limit),
    ):
        if value is not None:
            check_rate(value, name)
            payload[name] = value
    return payload
