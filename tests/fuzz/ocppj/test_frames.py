"""Whatever arrives, a session answers or ignores it, and stays in order."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.ocppj.errors import ErrorCode, LocalProtocolError
from csms.ocppj.events import (
    CallExpired,
    CallReceived,
    ErrorReceived,
    InvalidResultReceived,
    ResultReceived,
)
from csms.ocppj.messages import ACTIONS
from csms.ocppj.schemas import Schemas
from csms.ocppj.session import Session
from csms.ocppj.version import OcppVersion, Role
from tests.unit.ocppj.frames import HEARTBEAT, HEARTBEAT_ANSWER, RESET

SCHEMAS = {version: Schemas(version) for version in OcppVersion}
VERSIONS = st.sampled_from(list(OcppVersion))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
NEARLY = st.tuples(
    st.sampled_from([2, 3, 4, 5, 6, 7, "2", None]) | JSON,
    st.sampled_from(["1", "", "x" * 37, 1]) | JSON,
    st.sampled_from([*sorted(ACTIONS[OcppVersion.V21]), "", "Launch"]) | JSON,
    JSON,
    JSON,
)


def survives(session: Session, data: bytes | str) -> None:
    for event in session.receive(data):
        if isinstance(event, CallReceived):
            session.respond_error(event.message_id, ErrorCode.GENERIC_ERROR)
    for frame in session.data_to_send():
        message = orjson.loads(frame)
        assert message[0] in (4, 5)
        assert isinstance(message[1], str)
        assert 0 < len(message[1]) <= 36
        assert len(message[3]) <= 255
    assert session.receive(HEARTBEAT) == [CallReceived("hb", "Heartbeat", {})]
    session.respond("hb", HEARTBEAT_ANSWER)
    session.data_to_send()


@settings(max_examples=400, deadline=None)
@given(VERSIONS, st.binary(max_size=200))
def test_any_bytes(version: OcppVersion, data: bytes) -> None:
    survives(Session(SCHEMAS[version]), data)


@settings(max_examples=300, deadline=None)
@given(VERSIONS, NEARLY, st.integers(0, 5))
def test_nearly_messages(version: OcppVersion, message: Any, length: int) -> None:
    try:
        data = orjson.dumps(message[:length])
    except TypeError:  # an integer beyond 64 bits
        return
    survives(Session(SCHEMAS[version]), data)


@settings(max_examples=400, deadline=None)
@given(VERSIONS, st.data())
def test_mutated_valid_messages(version: OcppVersion, data: st.DataObject) -> None:
    valid = bytearray(orjson.dumps([2, "1", "Heartbeat", {}]))
    for _ in range(data.draw(st.integers(1, 4))):
        valid[data.draw(st.integers(0, len(valid) - 1))] = data.draw(st.integers(0, 255))
    survives(Session(SCHEMAS[version]), bytes(valid))


@pytest.mark.long
@settings(max_examples=100_000, deadline=None)
@given(VERSIONS, st.binary(max_size=400) | NEARLY.map(lambda m: repr(m).encode()))
def test_very_many(version: OcppVersion, data: bytes) -> None:
    survives(Session(SCHEMAS[version]), data)


STEP = st.sampled_from(
    ["call", "answer", "error", "late", "unsolicited", "expire", "theirs", "bad"]
)


@settings(max_examples=300, deadline=None)
@given(VERSIONS, st.lists(STEP, max_size=40))
def test_one_call_rule(version: OcppVersion, steps: list[str]) -> None:
    """At no time are two CALLs of ours outstanding, and every CALL ends exactly once."""
    session = Session(SCHEMAS[version], role=Role.CSMS)
    issued: list[str] = []
    ended: list[str] = []
    now_s = 0.0
    for n, step in enumerate(steps):
        now_s += 1.0
        events: list[Any] = []
        outstanding = issued[-1] if len(issued) > len(ended) else None
        if step == "call":
            try:
                session.call(f"m{n}", "Reset", RESET[version], deadline_s=now_s + 3.0)
            except LocalProtocolError:
                assert outstanding is not None
            else:
                assert outstanding is None
                issued.append(f"m{n}")
        elif step == "expire":
            events = session.expire(now_s)
        elif step == "theirs":
            session.receive(HEARTBEAT)
            session.respond("hb", HEARTBEAT_ANSWER)
        else:
            known = outstanding or "none"
            message_id = ended[0] if step == "late" and ended else known
            if step == "unsolicited":
                message_id = "other"
            events = session.receive(
                {
                    "error": b'[4,"%s","GenericError","",{}]',
                    "bad": b'[3,"%s",{"status":1}]',
                }.get(step, b'[3,"%s",{"status":"Accepted"}]')
                % message_id.encode()
            )
        ended += [
            event.message_id
            for event in events
            if isinstance(
                event, ResultReceived | ErrorReceived | InvalidResultReceived | CallExpired
            )
        ]
        assert ended == issued[: len(ended)]
        assert len(issued) - len(ended) in (0, 1)
        assert session.may_call is (len(issued) == len(ended))
