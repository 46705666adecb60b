"""The fleet stepper against the equations solved another way, its limits, and its errors."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from csms.grid.fleet_response import (
    Fleet,
    closed_loop,
    droop_gain_w_per_hz,
    make_fleet,
    respond_to_trace,
    spread_shift_hz,
)
from csms.grid.fleet_studies import AMPERE_STEP_W, step_study, trace_study
from csms.grid.frequency import FrequencyCase, LoadStep, simulate_frequency
from csms.grid.frequency_cases import SFR_EXAMPLE
from csms.grid.frequency_trace import GapPolicy, clean_trace, live_samples
from csms.grid.stability import delay_limit
from csms.grid.swing import Governor, PowerSystem

TOLEDO = Path(__file__).resolve().parents[3] / "../shared/data/frequency/toledo_20250428.csv"
CASE = FrequencyCase(
    PowerSystem(f_nom_hz=50.0, inertia_s=4.0, damping_pu=1.0),
    (Governor(droop_pu=0.05, gain_pu=0.95, hp_frac=0.3, reheat_s=8.0),),
    (LoadStep(1.0, 0.05),),
)


@pytest.mark.oracle
def test_closed_loop_without_delay_agrees_with_scipy() -> None:
    gain_pu, lag_s = 8.0, 0.4  # pu power per pu frequency on the system base
    fleet = make_fleet(
        500,
        gain_w_per_hz=droop_gain_w_per_hz(10e3, 0.05, 50.0),
        p_min_w=-10e3,
        p_max_w=10e3,
        deadband_hz=0.0,
        lag_s=lag_s,
        delay_s=0.0,
    )
    base_w = 500 * 10e3 / 0.05 / gain_pu
    ours = closed_loop(fleet, CASE, base_w, t_end_s=20.0, dt_s=0.005)

    def slope(t: float, y: np.ndarray) -> list[float]:
        dw, x, p = y
        u = -dw / 0.05
        load = 0.05 if t >= 1.0 else 0.0
        return [
            (0.95 * (0.3 * u + 0.7 * x) - dw - load - p) / 8.0,
            (u - x) / 8.0,
            (gain_pu * dw - p) / lag_s,
        ]

    oracle = solve_ivp(
        slope, (0.0, 20.0), np.zeros(3), t_eval=ours.t_s, rtol=1e-9, atol=1e-12, max_step=0.005
    )
    assert np.abs(ours.deviation_hz - 50.0 * oracle.y[0]).max() < 5e-4


def test_mixed_fleet_equals_a_plain_loop_over_vehicles() -> None:
    rng = np.random.default_rng(3)
    n_ev, n, dt_s = 40, 300, 0.02
    fleet = make_fleet(
        n_ev,
        gain_w_per_hz=rng.uniform(1e3, 1e5, n_ev),
        p_set_w=rng.uniform(-2e3, 2e3, n_ev),
        deadband_hz=rng.uniform(0.0, 0.05, n_ev),
        shift_hz=rng.uniform(-0.05, 0.05, n_ev),
        lag_s=rng.choice([0.0, 0.1, 0.5], n_ev),
        delay_s=rng.choice([0.0, 0.1, 0.26, 0.5], n_ev),
    )
    deviation = 0.3 * np.sin(np.arange(n + 1) * dt_s * 2.0) + 0.05 * rng.standard_normal(n + 1)
    ours = respond_to_trace(fleet, deviation, dt_s)
    total = np.zeros(n + 1)
    for i in range(n_ev):
        p = fleet.p_set_w[i]
        total[0] += p
        d = round(fleet.delay_s[i] / dt_s)
        blend = 1.0 if fleet.lag_s[i] == 0.0 else 1.0 - np.exp(-dt_s / fleet.lag_s[i])
        for k in range(n):
            df = (deviation[k - d] if k >= d else 0.0) - fleet.shift_hz[i]
            beyond = np.sign(df) * max(abs(df) - fleet.deadband_hz[i], 0.0)
            target = fleet.p_set_w[i] + fleet.gain_w_per_hz[i] * beyond
            p += blend * (np.clip(target, fleet.p_min_w[i], fleet.p_max_w[i]) - p)
            total[k + 1] += p
    assert ours.fleet_power_w == pytest.approx(total, rel=1e-9, abs=1e-6)


def test_energy_stops_discharge_and_charge() -> None:
    fleet = make_fleet(
        2,
        gain_w_per_hz=1e6,
        energy_wh=np.array([12_010.0, 53_990.0]),
        lag_s=0.0,
        delay_s=0.0,
    )
    low = respond_to_trace(fleet, np.full(3001, -0.5), 0.02)
    high = respond_to_trace(fleet, np.full(3001, 0.5), 0.02)
    assert low.final_power_w[0] == 0.0  # 10 Wh at 11 kW last 3.3 s
    assert low.final_power_w[1] == -11_000.0
    assert high.final_power_w[0] == 11_000.0
    assert high.final_power_w[1] == 0.0
    one_second_wh = 11_000.0 / 3600.0
    assert 12_000.0 - one_second_wh <= low.final_energy_wh[0] <= 12_000.0


def test_final_state_is_in_the_callers_order() -> None:
    delay_s = np.array([0.5, 0.0, 0.3, 0.1])
    fleet = make_fleet(4, gain_w_per_hz=np.array([1e3, 2e3, 3e3, 4e3]), delay_s=delay_s, lag_s=0.0)
    final = respond_to_trace(fleet, np.full(200, -1.015), 0.02).final_power_w
    assert final == pytest.approx([-1e3, -2e3, -3e3, -4e3])


def test_steps_stay_within_the_limits() -> None:
    fleet = make_fleet(3, gain_w_per_hz=1e6, quantum_w=AMPERE_STEP_W, lag_s=0.0, delay_s=0.0)
    final = respond_to_trace(fleet, np.full(50, 0.4), 0.02).final_power_w
    assert final == pytest.approx(np.full(3, 15 * AMPERE_STEP_W))  # 16 A would be 11,040 W


def test_identical_steps_oscillate_and_shifted_curves_do_not() -> None:
    study = step_study()
    assert study.ripple_stepped_hz > 0.015
    assert study.ripple_shifted_hz < 1e-4
    assert study.ripple_continuous_hz < 1e-4


def test_shifted_curves_sum_to_the_straight_one() -> None:
    fleet = make_fleet(
        1000, gain_w_per_hz=4e3, quantum_w=AMPERE_STEP_W, deadband_hz=0.0, lag_s=0.0, delay_s=0.0
    )
    shifted = replace(fleet, shift_hz=spread_shift_hz(fleet))
    for deviation_hz in (-0.3, -0.11, 0.04, 0.27):
        trace = respond_to_trace(shifted, np.full(3, deviation_hz), 0.02)
        assert trace.fleet_power_w[-1] / 1000 == pytest.approx(4e3 * deviation_hz, abs=1.0)


@pytest.mark.parametrize("gain_pu", [20.0, 40.0])
def test_the_simulated_loop_oscillates_beyond_the_analytic_delay_limit(gain_pu: float) -> None:
    case = replace(CASE, steps=(LoadStep(0.0, 0.001),))
    limit = delay_limit(case.system, case.governors, gain_pu, 0.1)
    assert limit.delay_s is not None
    growth = []
    for factor in (0.93, 1.07):
        fleet = make_fleet(
            1,
            gain_w_per_hz=droop_gain_w_per_hz(1e6, 0.05, 50.0),
            p_min_w=-1e9,
            p_max_w=1e9,
            deadband_hz=0.0,
            lag_s=0.1,
            delay_s=factor * limit.delay_s,
            energy_max_wh=1e9,
            energy_min_wh=0.0,
        )
        trace = closed_loop(fleet, case, 1e6 / 0.05 / gain_pu, t_end_s=60.0, dt_s=0.002)
        early = np.ptp(trace.deviation_hz[(trace.t_s > 15.0) & (trace.t_s < 25.0)])
        growth.append(trace.ripple_hz(10.0) / early)
    assert growth[0] < 0.8
    assert growth[1] > 1.25


def test_a_fleet_lifts_the_nadir() -> None:
    fleet = make_fleet(1000, gain_w_per_hz=droop_gain_w_per_hz(11e3, 0.05, 50.0))
    with_fleet = closed_loop(fleet, CASE, 1000 * 11e3 / 0.5, t_end_s=20.0)
    alone = simulate_frequency(CASE.system, CASE.governors, CASE.steps, t_end_s=20.0)
    assert alone.nadir_hz < with_fleet.nadir_hz < 0.0


def test_bad_fleets_are_named() -> None:
    with pytest.raises(ValueError, match=r"lag_s: not finite at 1"):
        make_fleet(2, gain_w_per_hz=1.0, lag_s=np.array([0.1, np.nan]))
    with pytest.raises(ValueError, match=r"delay_s: expected >= 0"):
        make_fleet(2, gain_w_per_hz=1.0, delay_s=-0.1)
    with pytest.raises(ValueError, match=r"p_min_w <= p_set_w"):
        make_fleet(2, gain_w_per_hz=1.0, p_set_w=20e3)
    with pytest.raises(ValueError, match=r"expected shape"):
        Fleet(**{name: np.zeros(i + 1) for i, name in enumerate(Fleet.__slots__)})
    with pytest.raises(ValueError, match=r"2 samples are not finite, the first at 3"):
        respond_to_trace(
            make_fleet(1, gain_w_per_hz=1.0), np.array([0, 0, 0, np.nan, np.nan, 0.0]), 0.1
        )
    with pytest.raises(ValueError, match=r"expected 1..10,000,000"):
        closed_loop(make_fleet(1, gain_w_per_hz=1.0), SFR_EXAMPLE, 1e6, t_end_s=1e9)


def test_the_iberian_blackout_as_input() -> None:
    if not TOLEDO.exists():
        pytest.skip(f"test data absent: {TOLEDO.name}")
    with TOLEDO.open() as stream:
        rows = list(csv.DictReader(stream))
    f_hz = np.array([float(r["AnalyzerL1Frequency"]) for r in rows])
    v_pu = np.array([float(r["AnalyzerL1PhaseVoltage"]) for r in rows]) / 27e3
    n = live_samples(v_pu)
    trace = clean_trace(f_hz[:n], 2.0, GapPolicy("hold", 2.0), v_pu=v_pu[:n])
    assert (trace.n_gaps, trace.longest_gap_s) == (8, 2.0)
    fleet = make_fleet(100, gain_w_per_hz=droop_gain_w_per_hz(11e3, 0.01, 50.0))
    study = trace_study(fleet, trace)
    assert study.min_hz == pytest.approx(47.476)
    assert study.least_import_w == pytest.approx(-1.1e6, rel=1e-3)  # the whole fleet discharges
    assert 0.0 < study.most_import_w < 0.1e6
