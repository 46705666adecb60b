"""Epoch fencing: whatever the interleaving, a clean-up never touches a successor."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.gateway.registry import Registry
from csms.ids import StationId

STEPS = ("connect", "claim", "release")


class Connection:
    def __init__(self, station_id: str, epoch: int) -> None:
        self.station_id = StationId(station_id)
        self.epoch = epoch


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 7)), max_size=40))
def test_interleavings(steps: list[tuple[str, int]]) -> None:
    check(steps)


def test_five_thousand_seeded_interleavings() -> None:
    for seed in range(5_000):
        rng = Random(seed)
        check([(rng.choice(STEPS), rng.randrange(8)) for _ in range(25)])


def check(steps: list[tuple[str, int]]) -> None:
    """Connections are accepted, claim and end in any order; the highest claimed epoch always stands."""
    registry: Registry[Connection] = Registry(first_epoch=100)
    accepted: list[Connection] = []
    claimed: dict[str, Connection] = {}
    for what, n in steps:
        if what == "connect":
            accepted.append(Connection(f"CS{n % 2}", registry.new_epoch()))
        elif accepted:
            connection = accepted[n % len(accepted)]
            station = connection.station_id
            standing = claimed.get(station)
            if what == "claim":
                if standing is not None and standing.epoch >= connection.epoch:
                    with pytest.raises(ValueError, match="not newer"):
                        registry.claim(connection)
                else:
                    assert registry.claim(connection) is standing
                    claimed[station] = connection
            else:
                assert registry.release(connection) is (standing is connection)
                if standing is connection:
                    del claimed[station]
        for station in ("CS0", "CS1"):
            assert registry.get(StationId(station)) is claimed.get(station)
        assert sorted(c.epoch for c in registry) == sorted(c.epoch for c in claimed.values())
