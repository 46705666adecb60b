"""Remote start and stop, reset, availability, unlock and trigger of OCPP 2.x, and 2.1's allowed transfers."""

from __future__ import annotations

from csms.domain.commands import (
    ChangeAvailability,
    NotifyAllowedEnergyTransfer,
    RemoteStart,
    RemoteStop,
    Reset,
    Trigger,
    UnlockConnector,
)
from csms.domain.errors import InvalidInput
from csms.translate.charging_rules import check_for_start, check_one_evse
from csms.translate.family import WireCall
from csms.translate.fields import Payload
from csms.translate.v2x.authorization import id_token_to_wire
from csms.translate.v2x.edition import Edition
from csms.translate.v2x.smart_charging import profile_to_wire


def remote_start(edition: Edition, command: RemoteStart) -> WireCall:
    payload: Payload = {
        "idToken": id_token_to_wire(edition, command.token),
        "remoteStartId": command.remote_start_id,
    }
    if command.evse_id is not None:
        check_one_evse(command.evse_id)
        payload["evseId"] = command.evse_id
    if command.profile is not None:
        check_for_start(command.profile)
        payload["chargingProfile"] = profile_to_wire(edition, command.profile)
    return WireCall("RequestStartTransaction", payload)


def remote_stop(_edition: Edition, command: RemoteStop) -> WireCall:
    return WireCall("RequestStopTransaction", {"transactionId": command.transaction_id})


def reset(_edition: Edition, command: Reset) -> WireCall:
    payload: Payload = {"type": "Immediate" if command.immediate else "OnIdle"}
    if command.evse_id is not None:
        payload["evseId"] = command.evse_id
    return WireCall("Reset", payload)


def change_availability(_edition: Edition, command: ChangeAvailability) -> WireCall:
    payload: Payload = {"operationalStatus": "Operative" if command.operative else "Inoperative"}
    if command.evse_id:
        payload["evse"] = {"id": command.evse_id}
    return WireCall("ChangeAvailability", payload)


def unlock_connector(_edition: Edition, command: UnlockConnector) -> WireCall:
    return WireCall(
        "UnlockConnector", {"evseId": command.evse_id, "connectorId": command.connector_id}
    )


def trigger(_edition: Edition, command: Trigger) -> WireCall:
    """A status is told per connector (F06.FR.12): the EVSE's first."""
    payload: Payload = {"requestedMessage": command.message}
    if command.evse_id is not None:
        payload["evse"] = {"id": command.evse_id}
    if command.message == "StatusNotification":
        if command.evse_id is None:
            raise InvalidInput("StatusNotification is triggered for one EVSE (F06.FR.12)")
        payload["evse"]["connectorId"] = 1
    return WireCall("TriggerMessage", payload)


def notify_allowed_energy_transfer(
    _edition: Edition, command: NotifyAllowedEnergyTransfer
) -> WireCall:
    if not command.modes:
        raise InvalidInput("name at least one energy transfer mode")
    return WireCall(
        "NotifyAllowedEnergyTransfer",
        {
            "transactionId": command.transaction_id,
            "allowedEnergyTransfer": list(command.modes),
        },
    )
