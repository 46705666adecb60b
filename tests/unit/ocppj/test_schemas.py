"""Tables of actions against the official schemas, and the code that each kind of failure becomes."""

from __future__ import annotations

import importlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from csms.ocppj.errors import ErrorCode, meaning, spelling
from csms.ocppj.messages import ACTIONS
from csms.ocppj.schemas import Schemas
from csms.ocppj.version import OcppVersion, Role

FOLDER = {OcppVersion.V16: "v16", OcppVersion.V201: "v201", OcppVersion.V21: "v21"}


@pytest.mark.parametrize("version", list(OcppVersion))
def test_every_official_schema_has_its_action_and_compiles(version: OcppVersion) -> None:
    official = {
        path.name.removesuffix(".json")
        for path in files("ocpp").joinpath(FOLDER[version], "schemas").iterdir()
        if path.name.endswith(".json")
    }
    rows = ACTIONS[version].values()
    ours = {row.request_schema for row in rows} | {row.response_schema for row in rows} - {None}
    assert ours == official
    Schemas(version).compile_all(sorted(official))


@pytest.mark.parametrize(
    ("version", "count"), [(OcppVersion.V16, 39), (OcppVersion.V201, 64), (OcppVersion.V21, 91)]
)
def test_action_counts(version: OcppVersion, count: int) -> None:
    assert len(ACTIONS[version]) == count
    both = [name for name, row in ACTIONS[version].items() if row.senders == set(Role)]
    assert both == ["DataTransfer"]


@pytest.mark.parametrize("version", list(OcppVersion))
def test_actions_are_those_of_the_ocpp_package(version: OcppVersion) -> None:
    enums = importlib.import_module(f"ocpp.{FOLDER[version]}.enums")
    assert {action.value for action in enums.Action} <= set(ACTIONS[version]) | {
        "NotifyPeriodicEventStream"
    }


PAYLOADS: list[tuple[dict[str, Any], ErrorCode, str]] = [
    ({}, ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, '$: "transactionId" is a required property'),
    ({"transactionId": "1"}, ErrorCode.TYPE_CONSTRAINT_VIOLATION, "$.transactionId"),
    ({"reason": "Boredom"}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "$.reason"),
    ({"idTag": "x" * 21}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "$.idTag"),
    ({"colour": "red"}, ErrorCode.FORMAT_VIOLATION, "colour"),
    (
        {"transactionData": [{"timestamp": "2026-01-01T00:00:00Z"}]},
        ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        "$.transactionData[0]",
    ),
]


def test_times_are_left_to_translate() -> None:
    """Stations send times without an offset, which the schema's date-time format would refuse."""
    payload = {"transactionId": 1, "meterStop": 5, "timestamp": "2026-01-01T00:00:00"}
    assert Schemas(OcppVersion.V16).violation("StopTransaction", payload) is None


@pytest.mark.parametrize(("change", "code", "where"), PAYLOADS)
def test_failures_and_their_codes(change: dict[str, Any], code: ErrorCode, where: str) -> None:
    valid = {"transactionId": 1, "meterStop": 5, "timestamp": "2026-01-01T00:00:00Z"}
    schemas = Schemas(OcppVersion.V16)
    assert schemas.violation("StopTransaction", valid) is None
    violation = schemas.violation("StopTransaction", {**valid, **change} if change else {})
    assert violation is not None
    assert violation.code is code
    assert where in violation.description
    for value in change.values():
        if isinstance(value, str) and len(value) > 3:
            assert value not in violation.description, "a refused value may be a secret"


def test_min_items_is_an_occurrence() -> None:
    violation = Schemas(OcppVersion.V201).violation("GetVariablesRequest", {"getVariableData": []})
    assert violation is not None
    assert violation.code is ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION


def test_one_decimal_limits_pass_multiple_of() -> None:
    schemas = Schemas(OcppVersion.V16)
    for tenths in range(4000):
        profile = {
            "connectorId": 1,
            "csChargingProfiles": {
                "chargingProfileId": 1,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Absolute",
                "chargingSchedule": {
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": tenths / 10}],
                },
            },
        }
        assert schemas.violation("SetChargingProfile", profile) is None, tenths


def test_both_spellings_of_celsius_are_accepted() -> None:
    """1.6 errata 2025-04, 2.1."""
    for unit in ("Celsius", "Celcius"):
        payload = {
            "connectorId": 1,
            "meterValue": [
                {
                    "timestamp": "2026-01-01T00:00:00Z",
                    "sampledValue": [{"value": "1", "unit": unit}],
                }
            ],
        }
        assert Schemas(OcppVersion.V16).violation("MeterValues", payload) is None


def test_an_edition_can_be_swapped(tmp_path: Path) -> None:
    (tmp_path / "HeartbeatRequest.json").write_text(
        json.dumps({"type": "object", "required": ["pulse"]}), encoding="utf-8"
    )
    schemas = Schemas(OcppVersion.V21, tmp_path)
    assert schemas.violation("HeartbeatRequest", {"pulse": 1}) is None
    assert schemas.violation("HeartbeatRequest", {}) is not None
    with pytest.raises(FileNotFoundError):
        schemas.violation("ResetRequest", {})


def test_1_6_keeps_its_misspellings_and_both_are_understood() -> None:
    v16, v201 = OcppVersion.V16, OcppVersion.V201
    assert spelling(v16, ErrorCode.FORMAT_VIOLATION) == "FormationViolation"
    assert spelling(v201, ErrorCode.FORMAT_VIOLATION) == "FormatViolation"
    assert (
        spelling(v16, ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION) == "OccurenceConstraintViolation"
    )
    assert (
        spelling(v201, ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION) == "OccurrenceConstraintViolation"
    )
    codes_of_1_6 = {spelling(v16, code) for code in ErrorCode}
    assert not {"RpcFrameworkError", "MessageTypeNotSupported"} & codes_of_1_6
    for version in OcppVersion:
        for code in set(ErrorCode) - {
            ErrorCode.RPC_FRAMEWORK_ERROR,
            ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED,
        }:
            assert meaning(spelling(version, code)) is code
    assert meaning("Nonsense") is ErrorCode.GENERIC_ERROR
