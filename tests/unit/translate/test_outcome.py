"""What answers to commands mean."""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain import commands as c
from csms.ids import TransactionId
from csms.translate import outcome_from_wire

REF = c.VariableRef(component="OCPPCommCtrlr", variable="HeartbeatInterval")
SET = c.SetVariables(values=(c.SetVariable(ref=REF, value="60"),))
GET = c.GetVariables(variables=(REF,))
STOP = c.RemoteStop(transaction_id=TransactionId("1"))


def variable(status: str, name: str = "HeartbeatInterval", **rest: Any) -> dict[str, Any]:
    return {
        "attributeStatus": status,
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": name},
        **rest,
    }


@pytest.mark.parametrize(
    ("version", "command", "answer", "accepted", "status"),
    [
        ("1.6", STOP, {"status": "Accepted"}, True, "Accepted"),
        ("2.1", STOP, {"status": "Rejected"}, False, "Rejected"),
        ("1.6", c.UnlockConnector(evse_id=1), {"status": "Unlocked"}, True, "Unlocked"),
        ("2.1", c.UnlockConnector(evse_id=1), {"status": "UnlockFailed"}, False, "UnlockFailed"),
        ("2.0.1", c.Reset(), {"status": "Scheduled"}, True, "Scheduled"),
        ("1.6", c.ChangeAvailability(operative=True), {"status": "Scheduled"}, True, "Scheduled"),
        ("1.6", SET, {"status": "RebootRequired"}, True, "RebootRequired"),
        ("1.6", SET, {"status": "NotSupported"}, False, "NotSupported"),
        ("1.6", GET, {"configurationKey": [{"key": "a", "readonly": True}]}, True, "Accepted"),
        ("1.6", GET, {"unknownKey": ["b"]}, False, "UnknownKey"),
        ("1.6", c.GetReport(request_id=1), {}, True, "Accepted"),
        ("2.1", c.GetReport(request_id=1), {"status": "EmptyResultSet"}, False, "EmptyResultSet"),
        ("2.1", GET, {"getVariableResult": [variable("Accepted")]}, True, "Accepted"),
        ("2.1", SET, {"setVariableResult": [variable("RebootRequired")]}, True, "RebootRequired"),
        ("2.1", c.ClearChargingProfile(profile_id=1), {"status": "Unknown"}, False, "Unknown"),
        ("1.6", c.RawCall(action="GetLocalListVersion", payload={}), {"listVersion": 0}, True, "Accepted"),
        ("1.6", c.RawCall(action="SendLocalList", payload={}), {"status": "VersionMismatch"}, False, "VersionMismatch"),
    ],
)  # fmt: skip
def test_outcome(
    version: str, command: c.Command, answer: dict[str, Any], accepted: bool, status: str
) -> None:
    outcome = outcome_from_wire(version, command, answer)
    assert (outcome.accepted, outcome.status, outcome.raw) == (accepted, status, answer)


def test_a_scheduled_stop_is_not_acceptance() -> None:
    assert not outcome_from_wire("2.1", STOP, {"status": "Scheduled"}).accepted


def test_the_reason_code_is_kept() -> None:
    answer = {"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}}
    assert outcome_from_wire("2.1", STOP, answer).reason == "TxNotFound"


def test_one_refused_variable_refuses_the_whole_and_is_named() -> None:
    answer = {
        "setVariableResult": [
            variable("Accepted"),
            variable("Rejected", "A", attributeStatusInfo={"reasonCode": "ReadOnly"}),
            variable("UnknownVariable", "B"),
        ]
    }
    outcome = outcome_from_wire("2.1", SET, answer)
    assert not outcome.accepted
    assert outcome.status == "Rejected"
    assert (
        outcome.reason == "OCPPCommCtrlr.A: Rejected (ReadOnly), OCPPCommCtrlr.B: UnknownVariable"
    )
