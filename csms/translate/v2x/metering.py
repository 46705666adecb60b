"""MeterValues of OCPP 2.x: numbers with a unit and a power-of-ten multiplier, signatures beside them."""

from __future__ import annotations

import orjson

from csms.domain.events import MetersRead
from csms.domain.values import MeterReading
from csms.translate.fields import Payload, whole
from csms.translate.samples import Dialect, Sample, read_meter_values


def meter_values(payload: Payload) -> MetersRead:
    evse_id = whole(payload["evseId"], "/evseId")
    return MetersRead(
        evse_id=evse_id,
        readings=read_meter_values(payload["meterValue"], "/meterValue", evse_id, DIALECT),
    )


def readings(payload: Payload) -> tuple[MeterReading, ...]:
    """Those of a TransactionEvent, when told."""
    told = payload.get("meterValue")
    return read_meter_values(told, "/meterValue", None, DIALECT) if told else ()


def _signature(sample: Sample) -> str:
    return orjson.dumps(sample["signedMeterValue"]).decode()


DIALECT = Dialect(
    unit_key="unitOfMeasure",
    signature_key="signedMeterValue",
    signature=_signature,
    signature_replaces_value=False,
)
