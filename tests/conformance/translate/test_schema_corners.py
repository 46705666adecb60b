"""The sparsest and the fullest message that each official schema allows is read without surprise."""

from __future__ import annotations

from typing import Any

import pytest

from csms.translate import BadValue, event_from_wire
from csms.translate.v2x import OCPP21, OCPP201
from csms.translate.v16 import OCPP16
from tests.conformance.translate.official import check_request, request_schema

ALL = [(family.version, action) for family in (OCPP16, OCPP201, OCPP21) for action in family.events]


def make(schema: dict[str, Any], definitions: dict[str, Any], *, full: bool) -> Any:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[-1]]
    if "enum" in schema:
        return schema["enum"][-1 if full else 0]
    kind = schema.get("type")
    if kind == "object":
        required = schema.get("required", [])
        return {
            name: make(part, definitions, full=full)
            for name, part in schema.get("properties", {}).items()
            if (full or name in required) and name != "customData"
        }
    if kind == "array":
        count = schema.get("maxItems", 3) if full else schema.get("minItems", 0)
        return [make(schema["items"], definitions, full=full)] * min(count, 30)
    if kind in ("integer", "number"):
        return schema.get("maximum", 2) if full else schema.get("minimum", 0)
    if kind == "boolean":
        return full
    if schema.get("format") == "date-time":
        return "2026-03-01T12:00:00Z"
    return "1" * min(schema.get("maxLength", 50), 50) if full else "1"


REFUSED = {
    # An EVSE or connector 0, which the schema lets through.
    ("1.6", "StartTransaction", False): "/connectorId",
    ("2.0.1", "NotifyEVChargingNeeds", False): "/evseId",
    # The fullest unit is a text that is no unit.
    ("2.0.1", "MeterValues", True): "/meterValue/0/sampledValue/0",
    ("2.0.1", "TransactionEvent", True): "/meterValue/0/sampledValue/0",
}


@pytest.mark.parametrize(("version", "action"), ALL)
@pytest.mark.parametrize("full", [False, True], ids=["sparse", "full"])
def test_read(version: str, action: str, full: bool) -> None:
    schema = request_schema(version, action)
    payload = make(schema, schema.get("definitions", {}), full=full)
    check_request(version, action, payload)
    path = REFUSED.get((version, action, full))
    if path is None:
        event_from_wire(version, action, payload)
    else:
        with pytest.raises(BadValue) as refused:
            event_from_wire(version, action, payload)
        assert refused.value.path == path
