"""The bounded list of refused identities."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from csms.gateway.knocks import Knocks, RefusalReason

T0 = datetime(2026, 1, 1, tzinfo=UTC)
UNKNOWN, WRONG = RefusalReason.UNKNOWN_STATION, RefusalReason.WRONG_PASSWORD


def test_repeated_knocks_are_one_record() -> None:
    knocks = Knocks()
    for n in range(3):
        knock = knocks.add("CS1", "192.0.2.1", UNKNOWN, ("ocpp2.1",), T0 + timedelta(seconds=n))
    assert knocks.latest() == [knock]
    assert (knock.count, knock.first_at, knock.last_at) == (3, T0, T0 + timedelta(seconds=2))
    assert knocks.forget("CS1") == knock
    assert knocks.forget("CS1") is None
    assert len(knocks) == 0


def test_the_oldest_is_forgotten() -> None:
    knocks = Knocks(max_ids=3)
    for n in range(5):
        knocks.add(f"CS{n}", f"192.0.2.{n}", WRONG, (), T0)
    assert [knock.claimed_id for knock in knocks.latest()] == ["CS4", "CS3", "CS2"]


def test_one_address_cannot_hide_the_others() -> None:
    knocks = Knocks(max_ids=100, max_per_address=5)
    knocks.add("honest", "192.0.2.1", UNKNOWN, (), T0)
    for n in range(10_000):
        knocks.add(f"spam{n}", "198.51.100.7", UNKNOWN, (), T0)
    assert len(knocks) == 6
    assert knocks.latest()[-1].claimed_id == "honest"
    for n in range(5):
        knocks.forget(f"spam{n}")
    knocks.add("new", "198.51.100.7", UNKNOWN, (), T0)
    assert knocks.latest()[0].claimed_id == "new"
