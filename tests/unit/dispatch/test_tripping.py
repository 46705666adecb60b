"""The policy as dispatch carries it out for stations that have no trip curves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from csms.dispatch.frequency.tripping import Tripping
from csms.domain.fleet import EvsePlace
from csms.domain.ride_through import RideThroughPolicy, ride_through
from csms.domain.values import Phases
from csms.ids import EvseKey, StationId

POLICY = RideThroughPolicy(
    under_trip_hz=(49.0, 49.6),
    over_trip_hz=(51.5, 51.9),
    trip_delay_s=(0.2, 1.0),
    return_hz=(49.8, 50.2),
    return_delay_s=5.0,
    return_spread_s=20.0,
    soft_ramp_s=4.0,
)
KEYS = [EvseKey(StationId(f"CP{n}"), 1) for n in range(20)]
PLACE = EvsePlace(bus="1", phases=Phases.ABC, max_power_w=10_000.0)
SHARES = {key.station_id: ride_through(POLICY, n) for n, key in enumerate(KEYS)}


class Site:
    """All of the site, of which some trip by themselves."""

    def __init__(self, own: frozenset[EvseKey] = frozenset()) -> None:
        rating_w = np.full(len(KEYS), PLACE.max_power_w)
        self.tripping = Tripping(POLICY, [SHARES[key.station_id] for key in KEYS], rating_w)
        self.own = np.array([key in own for key in KEYS])

    def caps_w(self, f_hz: float | None, dt_s: float) -> dict[EvseKey, float]:
        caps = self.tripping.caps_w(f_hz, dt_s, self.own).tolist()
        return {key: cap for key, cap in zip(KEYS, caps, strict=True) if np.isfinite(cap)}


def out(caps: dict[EvseKey, float]) -> set[EvseKey]:
    return {key for key, cap in caps.items() if cap == 0.0}


def test_a_fall_sheds_in_the_order_of_the_thresholds() -> None:
    tripping = Site()
    shed: list[int] = []
    for f_hz in (49.7, 49.5, 49.3, 49.1, 48.9):
        for _ in range(2):
            gone = out(tripping.caps_w(f_hz, 1.0))
        assert gone == {k for k in KEYS if SHARES[k.station_id].under_trip_hz > f_hz}
        shed.append(len(gone))
    assert shed[0] == 0
    assert shed[-1] == len(KEYS)
    assert shed == sorted(set(shed))


def test_a_short_dip_and_a_missing_frequency_change_nothing() -> None:
    tripping = Site()
    for f_hz in (49.9, 48.5, 49.9, None, 49.9, 48.5, None):
        caps = tripping.caps_w(f_hz, 0.15)
    assert caps == {}


def test_all_come_back_one_by_one_and_softly() -> None:
    tripping = Site()
    tripping.caps_w(48.0, 2.0)
    assert len(out(tripping.caps_w(48.0, 2.0))) == len(KEYS)
    left = []
    for _ in range(30):
        caps = tripping.caps_w(50.0, 1.0)
        left.append(len(out(caps)))
        ramping = sorted(cap for cap in caps.values() if cap > 0.0)
        assert all(cap % 2_500.0 == 0.0 for cap in ramping)
    assert left[3] == len(KEYS)
    assert left[-1] == 0
    assert max(a - b for a, b in pairwise(left)) <= 3
    assert tripping.caps_w(50.0, 1.0) == {}


def test_a_relapse_begins_the_wait_anew() -> None:
    tripping = Site()
    tripping.caps_w(48.0, 2.0)
    for _ in range(10):
        tripping.caps_w(50.0, 1.0)
        gone = out(tripping.caps_w(49.7, 1.0))
    assert len(gone) == len(KEYS)


def test_who_trips_by_itself_is_left_alone() -> None:
    own = frozenset(KEYS[:5])
    tripping = Site(own)
    assert not own & set(tripping.caps_w(48.0, 2.0))
