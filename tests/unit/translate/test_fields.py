"""Times and integers: what stations really send, and what cannot be meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from csms.domain.events import DerReported, StatusChanged
from csms.translate import BadValue, event_from_wire
from csms.translate.fields import wire_time


def at_of(text: str) -> datetime | None:
    payload = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": text}
    event = event_from_wire("1.6", "StatusNotification", payload)
    assert isinstance(event, StatusChanged)
    return event.at


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00.5Z", datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)),
        (
            "2026-03-01T12:00:00.1234567Z",
            datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC),
        ),
        ("2026-03-01T14:00:00+02:00", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00+0000", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01t12:00:00z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_are_aware_utc(text: str, expected: datetime) -> None:
    at = at_of(text)
    assert at == expected
    assert at is not None
    assert at.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "222222017-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-14:00",
        "2026-02-30T00:00:00Z",
        "2026-03-01T25:00:00Z",
        "yesterday",
        "",
    ],
)
def test_times_that_cannot_be_meant_are_refused(text: str) -> None:
    with pytest.raises(BadValue) as caught:
        at_of(text)
    assert caught.value.path == "/timestamp"


def test_times_go_out_in_milliseconds_and_utc() -> None:
    cest = timezone(timedelta(hours=2))
    at = datetime(2026, 3, 1, 14, 0, 0, 1_999, tzinfo=cest)
    assert wire_time(at) == "2026-03-01T12:00:00.001Z"


@pytest.mark.parametrize(
    ("version", "action", "payload", "path"),
    [
        (
            "1.6",
            "StatusNotification",
            {"connectorId": -1, "errorCode": "NoError", "status": "Available"},
            "/connectorId",
        ),
        ("1.6", "MeterValues", {"connectorId": -3, "meterValue": []}, "/connectorId"),
        (
            "1.6",
            "StartTransaction",
            {"connectorId": 0, "idTag": "x", "meterStart": 0, "timestamp": "2026-03-01T12:00:00Z"},
            "/connectorId",
        ),
        (
            "1.6",
            "StopTransaction",
            {"transactionId": 1, "meterStop": 1e300, "timestamp": "2026-03-01T12:00:00Z"},
            "/meterStop",
        ),
        (
            "2.0.1",
            "TransactionEvent",
            {
                "eventType": "Updated",
                "timestamp": "2026-03-01T12:00:00Z",
                "triggerReason": "Trigger",
                "seqNo": -1,
                "transactionInfo": {"transactionId": "t"},
            },
            "/seqNo",
        ),
        (
            "2.0.1",
            "TransactionEvent",
            {
                "eventType": "Updated",
                "timestamp": "2026-03-01T12:00:00Z",
                "triggerReason": "Trigger",
                "seqNo": 1,
                "transactionInfo": {"transactionId": ""},
            },
            "/transactionInfo/transactionId",
        ),
        (
            "2.0.1",
            "NotifyEVChargingNeeds",
            {"evseId": 0, "chargingNeeds": {"requestedEnergyTransfer": "DC"}},
            "/evseId",
        ),
        (
            "2.1",
            "NotifyEVChargingNeeds",
            {
                "evseId": 1,
                "chargingNeeds": {
                    "requestedEnergyTransfer": "DC",
                    "dcChargingParameters": {"evMaxCurrent": 1e200, "evMaxVoltage": 1e200},
                },
            },
            "/chargingNeeds",
        ),
    ],
)
def test_impossible_values_name_their_place(
    version: str, action: str, payload: dict[str, Any], path: str
) -> None:
    with pytest.raises(BadValue) as caught:
        event_from_wire(version, action, payload)
    assert caught.value.path == path


def test_an_integer_written_as_2_0_is_an_integer() -> None:
    event = event_from_wire("2.1", "ReportDERControl", {"requestId": 2.0})
    assert isinstance(event, DerReported)
    assert repr(event.request_id) == "2"
