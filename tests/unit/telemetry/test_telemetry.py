"""Logs, redaction and the message journal."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from csms.telemetry.logs import configure_logs, scrub
from csms.telemetry.message_journal import MAX_ENTRY_BYTES, MessageJournal
from csms.telemetry.metrics import Metrics
from csms.telemetry.redact import SECRET_KEYS, redact
from tests.unit.api.fakes import T0

PLANTED = "planted-Secret-123"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs("info", "json", stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_secrets_do_not_reach_the_log(lines: io.StringIO) -> None:
    log = structlog.get_logger("test")
    log.info(
        "boot",
        password=PLANTED,
        headers={"Authorization": f"Basic {PLANTED}"},
        payload=[{"key": "AuthorizationKey", "value": PLANTED}],
        url=f"postgresql://user:{PLANTED}@host/db",
        note=f"sent Authorization: Bearer {PLANTED}",
        idTag="0011223344",
        station="CP-1",
    )
    try:
        raise ValueError(f"bad url mqtt://u:{PLANTED}@h")
    except ValueError:
        log.exception("failed")
    logging.getLogger("library").warning("header Authorization: Basic %s", PLANTED)
    log.debug("not shown")
    text = lines.getvalue()
    assert PLANTED not in text
    first, second, third = (json.loads(line) for line in text.splitlines())
    assert first["station"] == "CP-1"
    assert first["idTag"] == "***3344"
    assert first["url"] == "postgresql://user:***@host/db"
    assert "ValueError" in second["exception"]
    assert third["level"] == "warning"


def test_scrub_keeps_ordinary_text() -> None:
    text = "Basic auth is on; see http://host:8080/path and user@host"
    assert scrub(text) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*sorted(SECRET_KEYS), "a", "idTag"]) | st.text(max_size=4),
            inner | st.just(PLANTED),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from(sorted(SECRET_KEYS)))
def test_no_value_of_a_secret_key_survives_at_any_depth(around: Any, key: str) -> None:
    data = {"x": [around, {"deep": {key.upper(): {"nested": "q-" + PLANTED}}}]}
    assert "q-" + PLANTED not in json.dumps(redact(data))


def test_redaction_is_bounded_in_depth() -> None:
    data: Any = PLANTED
    for _ in range(500):
        data = [data]
    assert PLANTED not in json.dumps(redact(data))


def test_the_journal_keeps_the_newest_and_forgets_the_longest_silent() -> None:
    journal = MessageJournal(per_station=3, max_stations=2)
    for number in range(5):
        journal.add("A", "in", f'[2,"{number}","Heartbeat",{{}}]', T0)
    assert [entry.frame[1] for entry in journal.recent("A")] == ["4", "3", "2"]
    assert [json.loads(line)["frame"][1] for line in journal.export("A")] == ["2", "3", "4"]
    journal.add("B", "in", "[]", T0)
    journal.add("A", "in", "[]", T0)
    journal.add("C", "in", "[]", T0)
    assert journal.recent("B") == []
    assert len(journal.recent("A", limit=1)) == 1


def test_the_journal_is_bounded_in_bytes_by_station_and_in_all() -> None:
    journal = MessageJournal(max_station_bytes=100, max_bytes=250)
    for number in range(9):
        journal.add("A", "in", json.dumps([2, str(number), "x" * 30]), T0)
    assert [entry.frame[1] for entry in journal.recent("A")] == ["8", "7"]
    journal.add("A", "in", json.dumps("x" * 198), T0)
    assert [entry.size_bytes for entry in journal.recent("A")] == [
        200
    ]  # the newest stays whatever its size
    journal.add("B", "in", json.dumps("x" * 48), T0)
    assert len(journal.recent("A")) == len(journal.recent("B")) == 1
    journal.add("C", "in", "[]", T0)
    assert [len(journal.recent(station)) for station in "ABC"] == [0, 1, 1]


def test_messages_are_exposed_with_cumulative_buckets() -> None:
    metrics = Metrics({"Heartbeat"})
    for latency_s in (0.001, 0.0011, 99.0):
        metrics.message("2.1", "Heartbeat", "in", "ok", latency_s)
    metrics.message("2.1", "Invented", "in", "NotImplemented")
    text = metrics.exposition().decode()
    labels = 'direction="in",{}version="2.1"'
    assert (
        'csms_messages_total{action="Heartbeat",direction="in",outcome="ok",version="2.1"} 3.0'
        in text
    )
    assert 'action="other",direction="in",outcome="NotImplemented"' in text
    name = "csms_message_handling_seconds"
    for bound, count in (("0.001", 1), ("0.0025", 2), ("30.0", 2), ("+Inf", 3)):
        assert f'{name}_bucket{{direction="in",le="{bound}",version="2.1"}} {count}.0' in text
    assert f"{name}_count{{{labels.format('')}}} 3.0" in text
    assert f"{name}_sum{{{labels.format('')}}} 99.0021" in text


def test_the_journal_survives_what_is_no_frame() -> None:
    journal = MessageJournal()
    for data in (b"\xff\xfe", b"x" * (MAX_ENTRY_BYTES + 1), b"[" * 8_000, "nonsense"):
        journal.add("A", "in", data, T0)
    shown = [entry.frame for entry in journal.recent("A")]
    assert shown == [
        "8 bytes that are not JSON",
        "nested too deeply to be shown",
        "8193 bytes, too long to be kept",
        "2 bytes that are not JSON",
    ]
