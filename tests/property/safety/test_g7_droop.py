"""G7: droop of a station that runs it is the station's alone: dispatch neither doubles nor undoes it.

That the curve is installed and read back: ``test_dispatch_safety.test_each_version_is_led_in_its_own_way``.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.dispatch.decide import FeederDesk
from csms.dispatch.frequency.frequency_support import droop_power_w
from csms.domain.der import FreqDroop
from csms.ids import EvseKey
from tests.property.safety.site import Site, ordered
from tests.unit.dispatch.seen import Want

DROOP = FreqDroop(
    over_freq_hz=50.2, under_freq_hz=49.8, over_droop_pu=0.01, under_droop_pu=0.01, response_time_s=0.5
)  # fmt: skip


def desk_with_droop(site: Site, *, installed: bool) -> FeederDesk:
    site.own_curve = DROOP if installed else None
    return FeederDesk(
        site.feeder, site.places, site.desk.limits, safe_frac=0.25, ramp_w_per_min=1e9, period_s=1.0,
        droop=DROOP,
    )  # fmt: skip


def led(site: Site, frequency_hz: float, cycles: int = 4) -> dict[EvseKey, float]:
    """What is ordered in the end; the stations follow, and add their droop."""
    power_w = dict.fromkeys(site.places, 0.0)
    for _ in range(cycles):
        orders = ordered(site.cycle(power_w, frequency_hz=frequency_hz))
        for key, place in site.places.items():
            added_w = droop_power_w(DROOP, frequency_hz, 50.0, place.max_power_w)
            power_w[key] = min(max(orders[key] + added_w, 0.0), place.max_power_w)
    return orders


@pytest.mark.oracle
@settings(max_examples=6)
@given(seed=st.integers(0, 2**32 - 1), frequency_hz=st.floats(47.0, 49.7) | st.floats(50.3, 50.35))
def test_g7_what_is_ordered_does_not_depend_on_the_frequency(
    seed: int, frequency_hz: float
) -> None:
    """Where no limit binds; where one does, the feeder comes first."""
    orders = []
    for hz in (50.0, frequency_hz):
        site = Site(np.random.default_rng(seed))
        site.desk = desk_with_droop(site, installed=True)
        site.wants = {
            k: Want(0.1 * place.max_power_w, 0.0, 1.0) for k, place in site.places.items()
        }
        orders.append(led(site, hz))
    assert orders[0] == orders[1]


@pytest.mark.oracle
@settings(max_examples=6)
@given(seed=st.integers(0, 2**32 - 1), frequency_hz=st.floats(50.3, 52.0))
def test_g7_a_response_upwards_is_not_undone(seed: int, frequency_hz: float) -> None:
    """Over-frequency calls for load: lowering setpoints to make room for it would call it off."""
    site = Site(np.random.default_rng(seed))
    power_w = dict.fromkeys(site.places, 0.0)
    orders = []
    for hz in (50.0, frequency_hz):
        site.desk = desk_with_droop(site, installed=True)
        orders.append(ordered(site.cycle(power_w, frequency_hz=hz)))
    assert orders[0] == orders[1]


@pytest.mark.oracle
@settings(max_examples=6)
@given(seed=st.integers(0, 2**32 - 1), frequency_hz=st.floats(47.0, 49.7))
def test_g7_stations_without_the_curve_are_held_back_by_the_centre(
    seed: int, frequency_hz: float
) -> None:
    """And never lifted."""
    site = Site(np.random.default_rng(seed))
    power_w = dict.fromkeys(site.places, 0.0)
    total_w = []
    for hz in (50.0, frequency_hz):
        site.desk = desk_with_droop(site, installed=False)
        total_w.append(sum(ordered(site.cycle(power_w, frequency_hz=hz)).values()))
    assert total_w[1] <= total_w[0] + 1.0
