"""OCPP-J from the station's side: one call at a time, and hostile frames that end nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from charger_sim.clock import ManualClock
from charger_sim.station.rpc import RpcSession
from charger_sim.station.timers import Timers


class Bench:
    """A session with its frames caught."""

    def __init__(self, version: str) -> None:
        self.clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
        self.timers = Timers(self.clock.monotonic)
        self.sent: list[list[Any]] = []
        ids = count(1)
        self.rpc = RpcSession(
            version,
            self.timers,
            self.clock.monotonic,
            lambda: f"m{next(ids)}",
            lambda text: self.sent.append(json.loads(text)),
            lambda _action, _s: None,
        )
        self.rpc.opened()
        self.outcomes: list[object] = []

    def call(self, action: str = "Heartbeat") -> None:
        self.rpc.call(action, {}, self.outcomes.append, self.outcomes.append)


HEARTBEAT = {"currentTime": "2026-03-01T00:00:00Z"}


def test_second_call_waits_for_the_first_answer() -> None:
    bench = Bench("2.1")
    bench.call()
    bench.call()
    assert [frame[1] for frame in bench.sent] == ["m1"]
    bench.rpc.receive(json.dumps([3, "other", HEARTBEAT]))  # unsolicited
    assert len(bench.sent) == 1
    bench.rpc.receive(json.dumps([3, "m1", HEARTBEAT]))
    assert [frame[1] for frame in bench.sent] == ["m1", "m2"]
    assert bench.outcomes == [HEARTBEAT]


def test_time_out_frees_the_line_and_a_late_answer_is_dropped() -> None:
    bench = Bench("1.6")
    bench.call()
    bench.call()
    bench.clock.advance(30.0)
    bench.timers.run_due()
    assert bench.outcomes == ["timeout"]
    bench.rpc.receive(json.dumps([3, "m1", HEARTBEAT]))
    assert bench.outcomes == ["timeout"]
    bench.rpc.receive(json.dumps([4, "m2", "InternalError", "", {}]))
    assert bench.outcomes == ["timeout", "InternalError"]


def test_lost_link_fails_everything_outstanding() -> None:
    bench = Bench("2.0.1")
    bench.call()
    bench.call()
    bench.rpc.closed()
    assert bench.outcomes == ["offline", "offline"]
    bench.call()
    assert bench.outcomes == ["offline"] * 3


def test_invalid_answer_is_reported_in_21_only() -> None:
    for version, expected in (("2.1", 5), ("2.0.1", None)):
        bench = Bench(version)
        bench.call()
        bench.rpc.receive(json.dumps([3, "m1", {"currentTime": 7}]))
        assert bench.outcomes == ["InvalidAnswer"]
        assert [f[0] for f in bench.sent[1:]] == ([] if expected is None else [expected])


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize(
    "frame",
    ["", "{", "{}", "[]", "null", '"x"', "[" * 100_000, "9" * 5_000, '["2","a","Reset",{}]',
     '[2,"a","Reset"]', '[2,7,"Reset",{}]', '[2,"","Reset",{}]', "[true]"],
)  # fmt: skip
def test_unreadable_frames_get_one_error_with_id_minus_one(version: str, frame: str) -> None:
    bench = Bench(version)
    bench.rpc.receive(frame)
    (answer,) = bench.sent
    assert answer[:2] == [4, "-1"]
    bench.call()
    assert bench.sent[1][2] == "Heartbeat"


@pytest.mark.parametrize(
    ("version", "action", "payload", "code"),
    [
        ("1.6", {}, {}, "FormationViolation"),
        ("2.1", [], {}, "FormatViolation"),
        ("1.6", "Reset", [], "FormationViolation"),
        ("2.1", "NoSuchAction", {}, "NotImplemented"),
        ("2.0.1", "SetDERControl", {}, "NotImplemented"),
        ("2.1", "CostUpdated", {}, "NotSupported"),
        ("1.6", "Reset", {}, "OccurenceConstraintViolation"),
        ("2.1", "Reset", {}, "OccurrenceConstraintViolation"),
        ("2.1", "Reset", {"type": 5}, "TypeConstraintViolation"),
        ("2.1", "Reset", {"type": "Softly"}, "PropertyConstraintViolation"),
        ("1.6", "Reset", {"type": "Hard", "x": 1}, "FormationViolation"),
    ],
)
def test_requests_that_cannot_be_served_name_why(
    version: str, action: object, payload: object, code: str
) -> None:
    bench = Bench(version)
    bench.rpc.handlers = {"Reset": lambda _request: {"status": "Accepted"}}
    bench.rpc.receive(json.dumps([2, "q", action, payload]))
    assert bench.sent[0][:3] == [4, "q", code]


def test_unknown_message_types_are_ignored() -> None:
    bench = Bench("2.1")
    bench.rpc.receive('[9,"x","Reset",{}]')
    assert bench.sent == []


def test_send_exists_in_21_only() -> None:
    bench = Bench("2.1")
    bench.rpc.send("NotifyPeriodicEventStream", {})
    assert bench.sent[0][0] == 6
    with pytest.raises(ValueError, match=r"OCPP 1\.6"):
        Bench("1.6").rpc.send("X", {})
