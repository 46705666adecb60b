"""TransactionEvent of OCPP 2.x."""

from __future__ import annotations

from csms.domain.events import TransactionPhase, TransactionReply, TransactionTold
from csms.ids import TransactionId
from csms.translate.errors import BadValue
from csms.translate.fields import Payload, identifier, timestamp, whole
from csms.translate.v2x.authorization import id_token, id_token_info
from csms.translate.v2x.edition import Edition
from csms.translate.v2x.metering import readings
from csms.translate.v2x.tariffs import price_message, station_cost

_PHASE = {phase.value: phase for phase in TransactionPhase}


def transaction_event(payload: Payload) -> TransactionTold:
    info = payload["transactionInfo"]
    evse = payload.get("evse")
    token = payload.get("idToken")
    transaction_id = info["transactionId"]
    if not transaction_id:
        raise BadValue("/transactionInfo/transactionId", "an empty text identifies nothing")
    remote_start_id = info.get("remoteStartId")
    if remote_start_id is not None:
        remote_start_id = identifier(remote_start_id, "/transactionInfo/remoteStartId")
    evse_id = connector_id = None
    if evse is not None:
        evse_id = whole(evse["id"], "/evse/id")
        connector_id = evse.get("connectorId")
        if connector_id is not None:
            connector_id = whole(connector_id, "/evse/connectorId")
    return TransactionTold(
        phase=_PHASE[payload["eventType"]],
        transaction_id=TransactionId(transaction_id),
        at=timestamp(payload["timestamp"], "/timestamp"),
        seq_no=whole(payload["seqNo"], "/seqNo"),
        trigger=payload["triggerReason"],
        evse_id=evse_id,
        connector_id=connector_id,
        token=None if token is None else id_token(token),
        charging_state=info.get("chargingState"),
        stopped_reason=info.get("stoppedReason"),
        remote_start_id=remote_start_id,
        operation_mode=info.get("operationMode"),
        offline=payload.get("offline", False),
        readings=readings(payload),
        station_cost=station_cost(payload),
    )


def transaction_reply(edition: Edition, reply: TransactionReply) -> Payload:
    """``allowed_energy_transfer`` has no place here: NotifyAllowedEnergyTransfer says it."""
    payload: Payload = {}
    if reply.token_status is not None:
        payload["idTokenInfo"] = id_token_info(edition, reply.token_status)
    if reply.total_cost is not None:
        payload["totalCost"] = float(reply.total_cost)
    if reply.price_text is not None:
        payload["updatedPersonalMessage"] = price_message(reply.price_text)
    return payload
