"""Answers to stations are valid by the official schema and say what was meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from csms.domain.events import (
    Acknowledged,
    AuthorizeReply,
    BootReply,
    ChargingNeedsReply,
    DynamicUpdateReply,
    EvScheduleReply,
    HeartbeatReply,
    RegistrationStatus,
    Reply,
    TransactionReply,
    VendorDataReply,
)
from csms.domain.profile import DynamicUpdate
from csms.domain.values import IdToken, TokenStatus
from csms.ids import TransactionId
from csms.translate import reply_to_wire
from csms.translate.v2x import OCPP21, OCPP201
from csms.translate.v16 import OCPP16
from tests.conformance.translate.official import VERSIONS, check_response

NOW = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)
WIRE_NOW = "2026-03-01T12:00:00.123Z"
CEST = timezone(timedelta(hours=2))
TX = TransactionId("815")
RFID = IdToken(value="04AABBCC", kind="ISO14443")

V2X = ("2.0.1", "2.1")
EXPECTED: list[tuple[tuple[str, ...], str, Reply, dict[str, Any]]] = [
    (
        VERSIONS,
        "BootNotification",
        BootReply(now=NOW, interval_s=300, status=RegistrationStatus.PENDING),
        {"currentTime": WIRE_NOW, "interval": 300, "status": "Pending"},
    ),
    (
        VERSIONS,
        "Heartbeat",
        HeartbeatReply(now=NOW.astimezone(CEST)),
        {"currentTime": WIRE_NOW},
    ),
    (VERSIONS, "StatusNotification", Acknowledged(), {}),
    (VERSIONS, "MeterValues", Acknowledged(), {}),
    (
        VERSIONS,
        "DataTransfer",
        VendorDataReply(status="UnknownVendorId"),
        {"status": "UnknownVendorId"},
    ),
    (
        ("1.6",),
        "DataTransfer",
        VendorDataReply(status="Accepted", data={"a": 1}),
        {"status": "Accepted", "data": '{"a":1}'},
    ),
    (
        V2X,
        "DataTransfer",
        VendorDataReply(status="Accepted", data={"a": 1}),
        {"status": "Accepted", "data": {"a": 1}},
    ),
    (
        ("1.6",),
        "Authorize",
        AuthorizeReply(status=TokenStatus.ACCEPTED, expires=NOW, group=IdToken(value="FLEET")),
        {"idTagInfo": {"status": "Accepted", "expiryDate": WIRE_NOW, "parentIdTag": "FLEET"}},
    ),
    (
        ("1.6",),
        "Authorize",
        AuthorizeReply(status=TokenStatus.UNKNOWN, group=IdToken(value="x" * 21)),
        {"idTagInfo": {"status": "Invalid"}},
    ),
    (
        V2X,
        "Authorize",
        AuthorizeReply(
            status=TokenStatus.NOT_AT_THIS_TIME,
            expires=NOW,
            group=IdToken(value="FLEET"),
            certificate_status="ContractCancelled",
        ),
        {
            "idTokenInfo": {
                "status": "NotAtThisTime",
                "cacheExpiryDateTime": WIRE_NOW,
                "groupIdToken": {"idToken": "FLEET", "type": "Central"},
            },
            "certificateStatus": "ContractCancelled",
        },
    ),
    (
        ("2.0.1",),
        "Authorize",
        AuthorizeReply(status=TokenStatus.ACCEPTED, group=IdToken(value="W", kind="VIN")),
        {"idTokenInfo": {"status": "Accepted"}},
    ),
    (
        ("2.1",),
        "Authorize",
        AuthorizeReply(status=TokenStatus.ACCEPTED, group=IdToken(value="W", kind="VIN")),
        {
            "idTokenInfo": {
                "status": "Accepted",
                "groupIdToken": {"idToken": "W", "type": "VIN"},
            }
        },
    ),
    (
        ("1.6",),
        "StartTransaction",
        TransactionReply(transaction_id=TX),
        {"transactionId": 815, "idTagInfo": {"status": "Accepted"}},
    ),
    (
        ("1.6",),
        "StartTransaction",
        TransactionReply(transaction_id=TX, token_status=TokenStatus.NO_CREDIT),
        {"transactionId": 815, "idTagInfo": {"status": "Blocked"}},
    ),
    (("1.6",), "StopTransaction", TransactionReply(transaction_id=TX), {}),
    (
        ("1.6",),
        "StopTransaction",
        TransactionReply(transaction_id=TX, token_status=TokenStatus.EXPIRED),
        {"idTagInfo": {"status": "Expired"}},
    ),
    (V2X, "TransactionEvent", TransactionReply(transaction_id=TX), {}),
    (
        V2X,
        "TransactionEvent",
        TransactionReply(transaction_id=TX, token_status=TokenStatus.INVALID),
        {"idTokenInfo": {"status": "Invalid"}},
    ),
    (V2X, "NotifyEVChargingNeeds", ChargingNeedsReply(), {"status": "Accepted"}),
    (V2X, "NotifyEVChargingSchedule", EvScheduleReply(), {"status": "Accepted"}),
    (
        ("2.1",),
        "PullDynamicScheduleUpdate",
        DynamicUpdateReply(update=DynamicUpdate(setpoint=-4_500.0)),
        {"status": "Accepted", "scheduleUpdate": {"setpoint": -4_500.0}},
    ),
    (
        ("2.1",),
        "PullDynamicScheduleUpdate",
        DynamicUpdateReply(update=None),
        {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidProfile"}},
    ),
]


@pytest.mark.parametrize(
    ("version", "action", "reply", "payload"),
    [(version, *rest) for versions, *rest in EXPECTED for version in versions],
)
def test_reply(version: str, action: str, reply: Reply, payload: dict[str, Any]) -> None:
    written = reply_to_wire(version, action, reply)
    assert written == payload
    check_response(version, action, written)


@pytest.mark.parametrize("family", [OCPP16, OCPP201, OCPP21], ids=lambda f: f.version)
def test_whatever_is_only_acknowledged_has_a_valid_answer(family: Any) -> None:
    for action, writer in family.replies.items():
        if writer.reply is Acknowledged:
            check_response(
                family.version, action, reply_to_wire(family.version, action, Acknowledged())
            )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("status", list(TokenStatus))
def test_every_token_status_can_be_said(version: str, status: TokenStatus) -> None:
    check_response(
        version, "Authorize", reply_to_wire(version, "Authorize", AuthorizeReply(status=status))
    )


@pytest.mark.parametrize("status", list(TokenStatus))
def test_16_never_accepts_what_was_not_accepted(status: TokenStatus) -> None:
    payload = reply_to_wire("1.6", "Authorize", AuthorizeReply(status=status))
    accepted = payload["idTagInfo"]["status"] == "Accepted"
    assert accepted == (status is TokenStatus.ACCEPTED)


def test_a_reply_of_another_action_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Heartbeat.*BootReply"):
        reply_to_wire(
            "2.1",
            "Heartbeat",
            BootReply(now=NOW, interval_s=1, status=RegistrationStatus.ACCEPTED),
        )


def test_a_naive_time_is_never_sent() -> None:
    with pytest.raises(ValueError, match="naive"):
        reply_to_wire("1.6", "Heartbeat", HeartbeatReply(now=NOW.replace(tzinfo=None)))
