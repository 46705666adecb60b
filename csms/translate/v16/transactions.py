"""StartTransaction and StopTransaction of OCPP 1.6."""

from __future__ import annotations

from datetime import datetime

from csms.domain.events import TransactionPhase, TransactionReply, TransactionTold
from csms.domain.values import IdToken, MeterReading, TokenStatus
from csms.translate.fields import Payload, timestamp, whole
from csms.translate.v16.authorization import id_tag_info
from csms.translate.v16.metering import readings, transaction_id

_MAX_WH = 10**15


def start(payload: Payload) -> TransactionTold:
    at = timestamp(payload["timestamp"], "/timestamp")
    return TransactionTold(
        phase=TransactionPhase.STARTED,
        transaction_id=None,
        at=at,
        evse_id=whole(payload["connectorId"], "/connectorId", low=1),
        connector_id=1,
        token=IdToken(value=payload["idTag"]),
        readings=(_register(payload, "meterStart", at, "Transaction.Begin"),),
    )


def stop(payload: Payload) -> TransactionTold:
    at = timestamp(payload["timestamp"], "/timestamp")
    id_tag = payload.get("idTag")
    return TransactionTold(
        phase=TransactionPhase.ENDED,
        transaction_id=transaction_id(payload["transactionId"]),
        at=at,
        token=None if id_tag is None else IdToken(value=id_tag),
        stopped_reason=payload.get("reason"),
        readings=(
            *readings(payload, "transactionData"),
            _register(payload, "meterStop", at, "Transaction.End"),
        ),
    )


def start_reply(reply: TransactionReply) -> Payload:
    """A start always has a token; without a verdict the transaction stands."""
    return {
        "transactionId": int(reply.transaction_id),
        "idTagInfo": id_tag_info(reply.token_status or TokenStatus.ACCEPTED),
    }


def stop_reply(reply: TransactionReply) -> Payload:
    if reply.token_status is None:
        return {}
    return {"idTagInfo": id_tag_info(reply.token_status)}


def _register(payload: Payload, name: str, at: datetime, context: str) -> MeterReading:
    wh = whole(payload[name], f"/{name}", low=-_MAX_WH, high=_MAX_WH)
    return MeterReading(at=at, context=context, energy_import_wh=float(wh))
