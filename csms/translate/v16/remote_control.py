"""Remote start and stop, reset, availability, unlock and trigger of OCPP 1.6. A connector counts as an EVSE."""

from __future__ import annotations

from csms.domain.commands import (
    ChangeAvailability,
    RemoteStart,
    RemoteStop,
    Reset,
    Trigger,
    UnlockConnector,
)
from csms.domain.errors import NotExpressible
from csms.translate.charging_rules import check_for_start, check_one_evse
from csms.translate.family import WireCall
from csms.translate.fields import Payload
from csms.translate.v16 import certificates
from csms.translate.v16.smart_charging import profile_to_wire, transaction_number

_EXTENDED_TRIGGERS = frozenset({"LogStatusNotification", "SignChargePointCertificate"})
"""Only the security whitepaper's ExtendedTriggerMessage can ask for these."""


def remote_start(command: RemoteStart) -> WireCall:
    """1.6 has no remote start id: the start that follows is known by its idTag."""
    payload: Payload = {"idTag": command.token.value}
    if command.evse_id is not None:
        check_one_evse(command.evse_id)
        payload["connectorId"] = command.evse_id
    if command.profile is not None:
        check_for_start(command.profile)
        payload["chargingProfile"] = profile_to_wire(command.profile)
    return WireCall("RemoteStartTransaction", payload)


def remote_stop(command: RemoteStop) -> WireCall:
    return WireCall(
        "RemoteStopTransaction", {"transactionId": transaction_number(command.transaction_id)}
    )


def reset(command: Reset) -> WireCall:
    if command.evse_id is not None:
        raise NotExpressible("OCPP 1.6 resets only the whole station")
    return WireCall("Reset", {"type": "Hard" if command.immediate else "Soft"})


def change_availability(command: ChangeAvailability) -> WireCall:
    return WireCall(
        "ChangeAvailability",
        {
            "connectorId": command.evse_id or 0,
            "type": "Operative" if command.operative else "Inoperative",
        },
    )


def unlock_connector(command: UnlockConnector) -> WireCall:
    check_one_evse(command.evse_id)
    return WireCall("UnlockConnector", {"connectorId": command.evse_id})


def trigger(command: Trigger) -> WireCall:
    if command.message == certificates.V2G_TRIGGER:
        return certificates.trigger_v2g_signing(command)
    payload: Payload = {"requestedMessage": command.message}
    if command.evse_id is not None:
        payload["connectorId"] = command.evse_id
    extended = command.message in _EXTENDED_TRIGGERS
    return WireCall("ExtendedTriggerMessage" if extended else "TriggerMessage", payload)
