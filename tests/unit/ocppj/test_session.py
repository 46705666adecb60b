"""The rules of a session, one by one."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from csms.ocppj.errors import ErrorCode, LocalProtocolError
from csms.ocppj.events import (
    CallExpired,
    CallReceived,
    ErrorReceived,
    InvalidResultReceived,
    ProtocolViolation,
    ResultErrorReceived,
    ResultReceived,
    SendReceived,
    ViolationKind,
)
from csms.ocppj.schemas import Schemas
from csms.ocppj.session import MAX_OPEN_CALLS, Session
from csms.ocppj.version import OcppVersion, Role
from tests.unit.ocppj.frames import HEARTBEAT, HEARTBEAT_ANSWER, RESET

SCHEMAS = {version: Schemas(version) for version in OcppVersion}
V2 = [OcppVersion.V201, OcppVersion.V21]


def session(version: OcppVersion, role: Role = Role.CSMS) -> Session:
    return Session(SCHEMAS[version], role=role)


def sent(s: Session) -> list[Any]:
    return [orjson.loads(data) for data in s.data_to_send()]


@pytest.fixture(params=list(OcppVersion), ids=lambda v: v.value)
def version(request: pytest.FixtureRequest) -> OcppVersion:
    return request.param


def test_a_call_is_reported_and_answered(version: OcppVersion) -> None:
    s = session(version)
    assert s.receive(HEARTBEAT) == [CallReceived("hb", "Heartbeat", {})]
    s.respond("hb", HEARTBEAT_ANSWER)
    assert sent(s) == [[3, "hb", HEARTBEAT_ANSWER]]
    assert sent(s) == []


def test_text_and_bytes_are_equal(version: OcppVersion) -> None:
    assert session(version).receive(HEARTBEAT.decode()) == session(version).receive(HEARTBEAT)


def test_null_is_an_empty_payload(version: OcppVersion) -> None:
    assert session(version).receive(b'[2,"1","Heartbeat",null]') == [
        CallReceived("1", "Heartbeat", {})
    ]


def test_an_invalid_answer_of_ours_is_not_sent_and_the_call_stays_open(
    version: OcppVersion,
) -> None:
    s = session(version)
    s.receive(HEARTBEAT)
    with pytest.raises(LocalProtocolError, match="currentTime"):
        s.respond("hb", {})
    assert sent(s) == []
    s.respond_error("hb", ErrorCode.INTERNAL_ERROR, "d" * 300)
    assert sent(s) == [[4, "hb", "InternalError", "d" * 255, {}]]


def test_answering_a_call_that_is_not_open_is_our_fault(version: OcppVersion) -> None:
    s = session(version)
    with pytest.raises(LocalProtocolError, match="no CALL"):
        s.respond("hb", {})
    s.receive(HEARTBEAT)
    s.respond("hb", HEARTBEAT_ANSWER)
    with pytest.raises(LocalProtocolError, match="no CALL"):
        s.respond("hb", HEARTBEAT_ANSWER)


def test_one_call_at_a_time(version: OcppVersion) -> None:
    s = session(version)
    s.call("1", "Reset", RESET[version], deadline_s=10.0)
    assert not s.may_call
    assert s.deadline_s == 10.0
    with pytest.raises(LocalProtocolError, match="one CALL at a time"):
        s.call("2", "Reset", RESET[version], deadline_s=10.0)
    assert sent(s) == [[2, "1", "Reset", RESET[version]]]
    assert s.receive(b'[3,"1",{"status":"Accepted"}]') == [
        ResultReceived("1", "Reset", {"status": "Accepted"})
    ]
    s.call("2", "Reset", RESET[version], deadline_s=10.0)


def test_an_error_answers_a_call(version: OcppVersion) -> None:
    s = session(version)
    s.call("1", "Reset", RESET[version], deadline_s=10.0)
    assert s.receive(b'[4,"1","OccurenceConstraintViolation","why",{"x":1}]') == [
        ErrorReceived("1", "Reset", "OccurenceConstraintViolation", "why", {"x": 1})
    ]
    assert s.may_call


def test_a_call_expires_and_its_late_answer_is_only_counted(version: OcppVersion) -> None:
    s = session(version)
    s.call("1", "Reset", RESET[version], deadline_s=10.0)
    assert s.expire(9.999) == []
    assert s.expire(10.0) == [CallExpired("1", "Reset")]
    assert s.expire(11.0) == []
    s.call("2", "Reset", RESET[version], deadline_s=20.0)
    (late,) = s.receive(b'[3,"1",{"status":"Accepted"}]')
    assert isinstance(late, ProtocolViolation)
    assert late.kind is ViolationKind.LATE_ANSWER
    assert not s.may_call


def test_50_000_unsolicited_results_leave_nothing_behind(version: OcppVersion) -> None:
    s = session(version)
    s.call("mine", "Reset", RESET[version], deadline_s=10.0)
    s.data_to_send()
    for n in range(50_000):
        (event,) = s.receive(b'[3,"%d",{}]' % n)
        assert isinstance(event, ProtocolViolation)
        assert event.kind is ViolationKind.UNSOLICITED_ANSWER
    assert s.data_to_send() == []
    assert s.receive(b'[3,"mine",{"status":"Accepted"}]') == [
        ResultReceived("mine", "Reset", {"status": "Accepted"})
    ]


def test_an_invalid_result_ends_the_call_and_only_2_1_is_told(version: OcppVersion) -> None:
    s = session(version)
    s.call("1", "Reset", RESET[version], deadline_s=10.0)
    s.data_to_send()
    result, violation = s.receive(b'[3,"1",{"status":"Perhaps"}]')
    assert isinstance(result, InvalidResultReceived)
    assert result.code is ErrorCode.PROPERTY_CONSTRAINT_VIOLATION
    assert "$.status" in result.description
    assert "Perhaps" not in result.description
    assert isinstance(violation, ProtocolViolation)
    assert s.may_call
    expected = (
        [[5, "1", "PropertyConstraintViolation", result.description, {}]]
        if version is OcppVersion.V21
        else []
    )
    assert sent(s) == expected


def test_a_result_that_is_no_object_ends_the_call(version: OcppVersion) -> None:
    s = session(version)
    s.call("1", "Reset", RESET[version], deadline_s=10.0)
    (result, _) = s.receive(b'[3,"1",[]]')
    assert isinstance(result, InvalidResultReceived)
    assert result.code is ErrorCode.PROTOCOL_ERROR


def test_result_error_is_understood_in_2_1_only(version: OcppVersion) -> None:
    s = session(version)
    s.receive(HEARTBEAT)
    s.respond("hb", HEARTBEAT_ANSWER)
    s.data_to_send()
    (event,) = s.receive(b'[5,"hb","FormatViolation","no",{}]')
    if version is OcppVersion.V21:
        assert event == ResultErrorReceived("hb", "Heartbeat", "FormatViolation", "no", {})
    else:
        assert isinstance(event, ProtocolViolation)
        assert event.kind is ViolationKind.IGNORED
    assert sent(s) == []


STREAM = {
    "id": 1,
    "pending": 0,
    "basetime": "2026-01-01T00:00:00Z",
    "data": [{"t": 0, "v": "230.4"}],
}


def test_send_is_understood_in_2_1_only_and_never_answered(version: OcppVersion) -> None:
    s = session(version)
    s.call("1", "Reset", RESET[version], deadline_s=10.0)
    s.data_to_send()
    (event,) = s.receive(orjson.dumps([6, "s", "NotifyPeriodicEventStream", STREAM]))
    if version is OcppVersion.V21:
        assert event == SendReceived("NotifyPeriodicEventStream", STREAM)
    else:
        assert isinstance(event, ProtocolViolation)
    s.receive(b'[6,"s","NotifyPeriodicEventStream",{}]')
    assert sent(s) == []


def test_a_station_may_send_while_its_call_is_outstanding() -> None:
    station = session(OcppVersion.V21, Role.STATION)
    station.call("1", "Heartbeat", {}, deadline_s=10.0)
    station.send("2", "NotifyPeriodicEventStream", STREAM)
    assert [frame[0] for frame in sent(station)] == [2, 6]
    with pytest.raises(LocalProtocolError, match="not a SEND"):
        station.send("3", "Heartbeat", {})
    with pytest.raises(LocalProtocolError, match="not a CALL"):
        station.check_call("NotifyPeriodicEventStream", STREAM)


@pytest.mark.parametrize(
    ("action", "payload", "message"),
    [
        ("Launch", {}, "has no action"),
        ("Heartbeat", {}, "not for the csms to send"),
        ("Reset", {"type": "Gently"}, r"\$\.type"),
        ("Reset", {}, "type"),
    ],
)
def test_our_own_mistakes_raise_before_a_byte_is_sent(
    version: OcppVersion, action: str, payload: dict[str, Any], message: str
) -> None:
    s = session(version)
    with pytest.raises(LocalProtocolError, match=message):
        s.call("1", action, payload, deadline_s=1.0)
    assert s.may_call
    assert sent(s) == []


@pytest.mark.parametrize("message_id", ["", "x" * 37])
def test_our_own_message_ids_are_checked(message_id: str) -> None:
    with pytest.raises(LocalProtocolError, match="36"):
        session(OcppVersion.V201).call(message_id, "Reset", {"type": "Immediate"}, deadline_s=1.0)


def test_calls_with_the_same_id_are_all_answered(version: OcppVersion) -> None:
    """A retry may carry its old id (OCPP-J 2.1, 4.1.4): never deduplicated by it."""
    s = session(version)
    for _ in range(2):
        assert s.receive(HEARTBEAT) == [CallReceived("hb", "Heartbeat", {})]
    for _ in range(2):
        s.respond("hb", HEARTBEAT_ANSWER)
    assert len(sent(s)) == 2


def test_open_calls_are_bounded(version: OcppVersion) -> None:
    s = session(version)
    for n in range(MAX_OPEN_CALLS):
        s.receive(b'[2,"%d","Heartbeat",{}]' % n)
    (event,) = s.receive(b'[2,"more","Heartbeat",{}]')
    assert isinstance(event, ProtocolViolation)
    assert event.kind is ViolationKind.TOO_MANY_CALLS
    assert sent(s)[0][:3] == [4, "more", "InternalError"]


def test_frames_are_bounded_in_size(version: OcppVersion) -> None:
    s = Session(SCHEMAS[version], max_frame_bytes=100)
    (event,) = s.receive(b'[2,"1","DataTransfer",{"vendorId":"' + b"v" * 100 + b'"}]')
    assert isinstance(event, ProtocolViolation)
    assert event.kind is ViolationKind.UNREADABLE


def test_two_sessions_talk_to_each_other(version: OcppVersion) -> None:
    csms, station = session(version), session(version, Role.STATION)
    csms.call("1", "Reset", RESET[version], deadline_s=1.0)
    (call,) = station.receive(csms.data_to_send()[0])
    assert call == CallReceived("1", "Reset", RESET[version])
    station.respond("1", {"status": "Accepted"})
    (result,) = csms.receive(station.data_to_send()[0])
    assert result == ResultReceived("1", "Reset", {"status": "Accepted"})


PROPERTY_NAMES = {"setpoint_L2": -1.5, "dischargeLimit_L3": -2.0, "setpointReactive_L2": 0.5}


def test_property_names_pass_byte_for_byte() -> None:
    """Names with inner capitals and underscores, which a case conversion would lose."""
    payload = {"scheduleUpdate": {"setpoint": -1.0, **PROPERTY_NAMES}, "chargingProfileId": 1}
    s = session(OcppVersion.V21)
    s.call("1", "UpdateDynamicSchedule", payload, deadline_s=1.0)
    assert sent(s) == [[2, "1", "UpdateDynamicSchedule", payload]]
