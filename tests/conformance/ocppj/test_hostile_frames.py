"""What each hostile frame is answered with, per version, and that the session survives it."""

from __future__ import annotations

import orjson
import pytest

from csms.ocppj.events import CallReceived, ProtocolViolation, ResultReceived
from csms.ocppj.schemas import Schemas
from csms.ocppj.session import Session
from csms.ocppj.version import OcppVersion
from tests.unit.ocppj.frames import HEARTBEAT, HEARTBEAT_ANSWER, HOSTILE, RESET

SCHEMAS = {version: Schemas(version) for version in OcppVersion}
V16, V201, V21 = OcppVersion

UNREADABLE = [
    "empty frame",
    "white space",
    "not JSON",
    "invalid UTF-8",
    "lone surrogate",
    "byte order mark",
    "NaN",
    "Infinity",
    "overflowing float",
    "5000-digit integer",
    "5000-digit type",
    "100k open arrays",
    "an object",
    "a string",
    "a number",
    "null",
    "empty array",
    "type only",
    "type as text",
    "type as float",
    "type as boolean",
    "id as number",
    "id as null",
    "id as object",
    "empty id",
    "too long id",
]
IGNORED = [
    "unknown type",
    "negative type",
    "unsolicited result",
    "result without payload",
    "result with bad id",
    "unsolicited error",
    "error without anything",
    "error of wrong types",
    "unsolicited result error",
    "send of unknown action",
    "send with bad id",
    "send of a call",
]
ANSWERED: dict[str, tuple[str, str]] = {  # code in 1.6, in 2.x
    "1000 nested arrays": ("FormationViolation", "RpcFrameworkError"),
    "64 nested objects": ("FormationViolation", "RpcFrameworkError"),
    "type and id only": ("FormationViolation", "RpcFrameworkError"),
    "no payload": ("FormationViolation", "RpcFrameworkError"),
    "five elements": ("FormationViolation", "RpcFrameworkError"),
    "action as object": ("FormationViolation", "RpcFrameworkError"),
    "action as array": ("FormationViolation", "RpcFrameworkError"),
    "action as number": ("FormationViolation", "RpcFrameworkError"),
    "action of 100 kB": ("NotImplemented", "NotImplemented"),
    "unknown action": ("NotImplemented", "NotImplemented"),
    "action of the other side": ("NotSupported", "NotSupported"),
    "payload as list": ("ProtocolError", "ProtocolError"),
    "payload as text": ("ProtocolError", "ProtocolError"),
    "payload with wrong type": ("TypeConstraintViolation", "TypeConstraintViolation"),
    "empty BootNotification": ("OccurenceConstraintViolation", "OccurrenceConstraintViolation"),
    "unexpected property": ("FormationViolation", "FormatViolation"),
}
LEFT_TO_TRANSLATE = {"absurd date"}
"""Valid by the schema, whose formats are not judged here: csms.translate reads times, and refuses this one."""


def test_every_hostile_frame_has_its_verdict() -> None:
    assert sorted(HOSTILE) == sorted([*UNREADABLE, *IGNORED, *ANSWERED, *LEFT_TO_TRANSLATE])


@pytest.mark.parametrize("version", list(OcppVersion), ids=lambda v: v.value)
@pytest.mark.parametrize("name", sorted(HOSTILE.keys() - LEFT_TO_TRANSLATE))
def test_hostile_frame(name: str, version: OcppVersion) -> None:
    session = Session(SCHEMAS[version])
    session.call("ours", "Reset", RESET[version], deadline_s=1.0)
    session.data_to_send()

    events = session.receive(HOSTILE[name])

    assert [type(event) for event in events] == [ProtocolViolation]
    answers = [orjson.loads(data) for data in session.data_to_send()]
    if name in IGNORED or (name in UNREADABLE and version is V16):
        assert answers == []
    else:
        (answer,) = answers
        number, message_id, code, description, details = answer
        assert number == 4
        assert message_id == ("-1" if name in UNREADABLE else orjson.loads(HOSTILE[name])[1])
        if name in UNREADABLE:
            assert code == "RpcFrameworkError"
        else:
            assert code == ANSWERED[name][0 if version is V16 else 1]
        assert isinstance(description, str)
        assert len(description) <= 255
        assert details == {}

    assert session.receive(HEARTBEAT) == [CallReceived("hb", "Heartbeat", {})]
    session.respond("hb", HEARTBEAT_ANSWER)
    assert session.receive(b'[3,"ours",{"status":"Accepted"}]') == [
        ResultReceived("ours", "Reset", {"status": "Accepted"})
    ]
