"""MeterValues of OCPP 1.6: numbers are text, and a signed value stands in a number's place."""

from __future__ import annotations

import orjson

from csms.domain.events import MetersRead
from csms.domain.values import MeterReading
from csms.ids import TransactionId
from csms.translate.fields import Payload, whole
from csms.translate.samples import Dialect, Sample, read_meter_values

_MAX_ID = 2**63 - 1


def meter_values(payload: Payload) -> MetersRead:
    evse_id = whole(payload["connectorId"], "/connectorId")
    told = payload.get("transactionId")
    return MetersRead(
        evse_id=evse_id,
        readings=read_meter_values(payload["meterValue"], "/meterValue", evse_id, DIALECT),
        transaction_id=None if told is None else transaction_id(told),
    )


def readings(payload: Payload, name: str) -> tuple[MeterReading, ...]:
    """Those of StopTransaction's ``transactionData``, when told."""
    return read_meter_values(payload.get(name, ()), f"/{name}", None, DIALECT)


def transaction_id(told: int) -> TransactionId:
    """Any integer, -1 too: stations send it when they never got one."""
    return TransactionId(str(whole(told, "/transactionId", low=-_MAX_ID, high=_MAX_ID)))


def _signature(sample: Sample) -> str | None:
    return orjson.dumps(sample).decode() if sample["format"] == "SignedData" else None


DIALECT = Dialect(
    unit_key="unit",
    signature_key="format",
    signature=_signature,
    signature_replaces_value=True,
)
