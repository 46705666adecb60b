"""What the broker may tell: bounded, dated, in range, or refused with a reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.api.mqtt_bridge import topic_part
from csms.api.signals import KINDS, FeederLimitSignal, SignalRefused, read_signal

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def payload(**fields: object) -> bytes:
    return json.dumps({"at": NOW.isoformat(), **fields}).encode()


def test_a_good_signal_of_each_kind_is_read() -> None:
    assert read_signal("frequency", payload(frequency_hz=49.97), NOW).frequency_hz == 49.97
    assert read_signal("price", payload(price_per_kwh=-0.02, currency="EUR"), NOW).currency == "EUR"
    limit = read_signal("feeder-limit", payload(limit_w=None), NOW)
    assert limit == FeederLimitSignal(limit_w=None, at=NOW)
    assert read_signal("agc", payload(change_w=-5e4), NOW).change_w == -5e4
    assert read_signal("feeder-import", payload(import_w=4.1e5), NOW).import_w == 4.1e5
    assert read_signal("reserve", payload(up_w=1e5, down_w=0.0), NOW).up_w == 1e5


@pytest.mark.parametrize(
    ("kind", "raw", "reason"),
    [
        ("weather", payload(), "unknown_kind"),
        ("frequency", b"{", "malformed"),
        ("frequency", b"[" * 5_000, "too_large"),
        ("frequency", b"[" * 3_000, "malformed"),
        ("frequency", payload(frequency_hz="50"), "malformed"),
        ("frequency", payload(frequency_hz=50.0, extra=1), "malformed"),
        ("frequency", b'{"frequency_hz":NaN,"at":"2026-03-01T12:00:00Z"}', "malformed"),
        ("frequency", b'{"frequency_hz":50.0,"at":"2026-03-01T12:00:00"}', "no_time_zone"),
        ("frequency", payload(frequency_hz=50.0, at="2026-03-01T11:59:00Z"), "too_old"),
        ("frequency", payload(frequency_hz=50.0, at="2026-03-01T12:01:00Z"), "from_the_future"),
        ("frequency", payload(frequency_hz=39.9), "out_of_range"),
        ("price", payload(price_per_kwh=1e6, currency="EUR"), "out_of_range"),
        ("price", payload(price_per_kwh=0.1, currency="euros"), "out_of_range"),
        ("feeder-limit", payload(limit_w=1e12), "out_of_range"),
        ("agc", payload(change_w=-2e9), "out_of_range"),
        ("feeder-import", payload(import_w=2e9), "out_of_range"),
        ("reserve", payload(up_w=1e5, down_w=-1.0), "out_of_range"),
    ],
)
def test_a_bad_signal_is_refused_with_its_reason(kind: str, raw: bytes, reason: str) -> None:
    with pytest.raises(SignalRefused, match=f"^{reason}$"):
        read_signal(kind, raw, NOW)


@given(st.sampled_from(sorted(KINDS)), st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(kind: str, raw: bytes) -> None:
    with pytest.raises(SignalRefused):
        read_signal(kind, raw, NOW)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-100, 100))
def test_a_frequency_is_taken_exactly_when_it_is_plausible_and_fresh(hz: float, age_s: int) -> None:
    at = (NOW - timedelta(seconds=age_s)).isoformat()
    good = 40.0 <= hz <= 70.0 and -5 <= age_s <= 30
    try:
        read_signal("frequency", payload(frequency_hz=hz, at=at), NOW)
    except SignalRefused:
        assert not good
    else:
        assert good


def test_a_station_id_is_one_topic_level() -> None:
    assert topic_part("a/b+c#d%e") == "a%2Fb%2Bc%23d%25e"
