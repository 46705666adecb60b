"""Curves per charger: their sum is the droop that was asked for, and straight though each moves in 1 A steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.dispatch.frequency.droop_curves import freq_watt, shifted, split_droop
from csms.dispatch.frequency.frequency_support import droop_power_w
from csms.dispatch.frequency.grid_controls import GridControls, charger_step_w
from csms.domain.der import FreqDroop
from csms.domain.fleet import EvsePlace
from csms.domain.values import Phases
from csms.grid.cascade import CASCADE_CASE
from csms.grid.fleet_response import Fleet, FleetTrace, closed_loop, make_fleet, respond_to_trace
from csms.grid.frequency import FrequencyCase, LoadStep
from csms.ids import EvseKey, StationId

N, RATED_W, STEP_W = 1_000, 11_000.0, 690.0
DROOP = FreqDroop(
    over_freq_hz=50.015, under_freq_hz=49.985, over_droop_pu=0.04, under_droop_pu=0.04,
    response_time_s=0.5,
)  # fmt: skip
EQUAL = (DROOP,) * N


def fleet_of(curves: tuple[FreqDroop, ...], delay_s: float = 0.2) -> Fleet:
    """The chargers as ``csms.grid.fleet_response`` sees them: only what is in the installed controls."""
    middle = np.array([0.5 * (c.over_freq_hz + c.under_freq_hz) - 50.0 for c in curves])
    half = np.array([0.5 * (c.over_freq_hz - c.under_freq_hz) for c in curves])
    gain = np.array([RATED_W / (c.under_droop_pu * 50.0) for c in curves])
    return make_fleet(
        len(curves), gain_w_per_hz=gain, p_set_w=5_520.0, p_min_w=0.0, p_max_w=RATED_W,
        deadband_hz=half, shift_hz=middle, lag_s=0.1, delay_s=delay_s, quantum_w=STEP_W,
    )  # fmt: skip


def ramp(curves: tuple[FreqDroop, ...]) -> FleetTrace:
    """The frequency falls slowly by 0.4 Hz."""
    return respond_to_trace(fleet_of(curves, 0.0), -np.linspace(0.0, 0.4, 2_001), 1.0)


def unevenness(trace: FleetTrace) -> float:
    """The greatest jump of the fleet from one sample to the next, as a share of its rating."""
    return float(np.abs(np.diff(trace.fleet_power_w)).max()) / (N * RATED_W)


def test_shifted_curves_make_the_sum_straight() -> None:
    curves = shifted(DROOP, np.full(N, RATED_W), np.full(N, STEP_W), 50.0)
    assert unevenness(ramp(EQUAL)) > 0.04  # all at once: most of a whole step of 6.3%
    assert unevenness(ramp(curves)) < 0.001
    ideal_w = N * droop_power_w(DROOP, 49.7, 50.0, RATED_W)
    at = int(0.3 / 0.4 * 2_000)
    assert ramp(curves).fleet_power_w[at] - N * 5_520.0 == pytest.approx(ideal_w, rel=0.02)


def test_the_frequency_no_longer_ripples() -> None:
    """In the closed loop, equal curves hunt around a step; shifted ones come to rest."""
    case = FrequencyCase(CASCADE_CASE.system, CASCADE_CASE.governors, (LoadStep(0.0, 0.05),))
    base_w = N * RATED_W / 0.4

    def ripple_hz(curves: tuple[FreqDroop, ...]) -> float:
        trace = closed_loop(fleet_of(curves), case, base_w, t_end_s=60.0, dt_s=0.02)
        return trace.ripple_hz(20.0)

    curves = shifted(DROOP, np.full(N, RATED_W), np.full(N, STEP_W), 50.0)
    assert ripple_hz(EQUAL) > 0.02
    assert ripple_hz(curves) < 0.1 * ripple_hz(EQUAL)


@given(
    st.lists(
        st.tuples(st.floats(3_000.0, 150_000.0), st.sampled_from([0.0, 230.0, 690.0])),
        min_size=1, max_size=30,
    ),
    st.floats(0.2, 1.0),
    st.floats(0.05, 2.0),
)  # fmt: skip
def test_the_split_adds_up_to_the_aggregate_at_any_deviation(
    chargers: list[tuple[float, float]], part: float, fall_hz: float
) -> None:
    rated, step = (np.array(column) for column in zip(*chargers, strict=True))
    full_w = part * float(rated.sum())
    curves = split_droop(DROOP, full_w, rated, rated, step, 50.0)
    told_w = sum(
        droop_power_w(curve, 50.0 - fall_hz, 50.0, rated_w)
        for curve, rated_w in zip(curves, rated.tolist(), strict=True)
        if curve is not None
    )
    asked_w = droop_power_w(DROOP, 50.0 - fall_hz, 50.0, full_w)
    assert told_w == pytest.approx(asked_w, abs=0.5 * float(step.sum()) + 1.0)
    for curve in curves:
        assert curve is not None
        width = curve.over_freq_hz - curve.under_freq_hz
        assert width == pytest.approx(DROOP.over_freq_hz - DROOP.under_freq_hz)


def test_a_fleet_that_cannot_give_as_much_is_refused() -> None:
    with pytest.raises(ValueError, match="at most the shares' 22000"):
        split_droop(DROOP, 30e3, np.full(2, 11e3), np.full(2, 11e3), np.zeros(2), 50.0)


def test_a_curve_of_points_says_what_the_droop_says() -> None:
    points = freq_watt(DROOP, 50e3, 50e3, 50e3, 50.0)
    assert points == ((47.985, -50e3), (49.985, 0.0), (50.015, 0.0), (52.015, 50e3))
    hz, watt = zip(*points, strict=True)
    for f_hz in (47.0, 48.5, 49.9, 50.0, 50.1, 51.0, 53.0):
        assert np.interp(f_hz, hz, watt) == pytest.approx(droop_power_w(DROOP, f_hz, 50.0, 50e3))
    assert freq_watt(DROOP, 0.0, 10e3, 50e3, 50.0)[0] == (49.985, 0.0)


def test_each_station_of_a_site_gets_its_own_edges() -> None:
    places = {
        EvseKey(StationId(f"CP{n}"), 1): EvsePlace(
            bus="1", phases=Phases.ABC, max_power_w=11_000.0, min_current_a=6.0
        )
        for n in range(10)
    }
    controls = GridControls(places, DROOP, None, 50.0)
    edges = [controls.der_controls(StationId(f"CP{n}"))[0].body["underFreq"] for n in range(10)]
    assert len(set(edges)) == 10
    step_hz = charger_step_w(next(iter(places.values()))) / (11_000.0 / (0.04 * 50.0))
    assert max(edges) - min(edges) == pytest.approx(0.9 * step_hz, abs=1e-3)
    assert controls.der_controls(StationId("not listed"))[0].body["underFreq"] == 49.985
    assert GridControls(places, None, None, 50.0).der_controls(StationId("CP1")) == ()
