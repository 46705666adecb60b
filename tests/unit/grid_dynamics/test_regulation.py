"""Secondary regulation against the steady states of the textbook and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from csms.grid.regulation import (
    ControlArea,
    FleetReserve,
    regulate,
    regulation_study,
    settling_time_s,
)

TIE = np.array([[0.0, 2.0], [2.0, 0.0]])
NO_AGC = {"agc_kp": 0.0, "agc_ki_per_s": 0.0}


def test_without_agc_primary_control_leaves_the_textbook_deviation() -> None:
    disturbed = ControlArea(load_step_pu=0.05, **NO_AGC)
    result = regulate((disturbed, ControlArea(**NO_AGC)), TIE, t_end_s=300.0)
    stiffness = disturbed.frequency_bias_pu
    expected_hz = -0.05 / (2.0 * stiffness) * 50.0
    assert result.final_deviation_hz == pytest.approx(expected_hz, rel=1e-3)
    assert result.trace.tie_pu[-1] == pytest.approx([-0.025, 0.025], rel=1e-3)
    # Tie-line bias: the disturbed area's ACE is its own imbalance, the neighbour's is zero.
    assert result.trace.ace_pu[-1] == pytest.approx([-0.05, 0.0], abs=1e-4)
    assert result.settling_time_s is None


@pytest.mark.oracle
def test_one_area_agrees_with_scipy() -> None:
    area = ControlArea(load_step_pu=0.05, **NO_AGC)
    result = regulate((area,), np.zeros((1, 1)), t_end_s=30.0, step_t_s=0.0)

    def slope(_t: float, y: np.ndarray) -> list[float]:
        dw, servo, turbine = y
        return [
            (turbine - dw - 0.05) / 10.0,
            (-dw / 0.05 - servo) / 0.2,
            (servo - turbine) / 0.5,
        ]

    oracle = solve_ivp(
        slope, (0.0, 30.0), np.zeros(3), t_eval=result.trace.t_s, rtol=1e-10, atol=1e-12
    )
    assert np.abs(result.trace.deviation_hz[:, 0] - 50.0 * oracle.y[0]).max() < 1e-6


def test_study_restores_frequency_and_exchange_sooner_with_the_fleet() -> None:
    study = regulation_study()
    assert study.settling_time_s is not None
    assert study.without_fleet.settling_time_s is not None
    assert study.settling_time_s < 0.5 * study.without_fleet.settling_time_s
    assert study.ace.before < -0.05
    assert study.ace.after == pytest.approx(0.0, abs=1e-5)
    assert study.with_fleet.final_deviation_hz == pytest.approx(0.0, abs=1e-4)
    assert study.with_fleet.trace.tie_pu[-1] == pytest.approx([0.0, 0.0], abs=1e-5)
    # The fleet is free again, and the reserve has taken the units' place.
    assert study.with_fleet.trace.fleet_pu[-1, 0] == pytest.approx(0.0, abs=1e-4)
    assert study.with_fleet.trace.reserve_pu[-1, 0] == pytest.approx(0.05)
    assert study.with_fleet.trace.units_pu[-1, 0] == pytest.approx(0.0, abs=1e-4)
    assert 0.5 < study.with_fleet.fleet_share_frac < 1.0
    assert study.without_fleet.fleet_share_frac == 0.0


def test_the_fleet_keeps_within_its_power_and_energy() -> None:
    fleet = FleetReserve(up_pu=0.01, down_pu=0.01, energy_pu_h=0.0005)
    area = ControlArea(load_step_pu=0.05, fleet=fleet)
    result = regulate((area, ControlArea()), TIE, t_end_s=400.0)
    assert result.fleet_peak_pu <= 0.01 + 1e-12
    assert result.fleet_energy_pu_h == pytest.approx(0.0005, rel=0.02)
    assert result.trace.fleet_pu[-1, 0] <= 1e-6


def test_exhausted_reserves_do_not_settle_and_do_not_wind_up() -> None:
    area = ControlArea(load_step_pu=0.05, unit_reserve_pu=0.02)
    result = regulate((area, ControlArea()), TIE, t_end_s=900.0)
    assert result.settling_time_s is None
    assert result.trace.units_pu[-1, 0] == pytest.approx(0.02)
    assert result.ace.after == pytest.approx(-0.03, abs=1e-3)


def test_settling_time_counts_from_the_step_and_needs_to_last() -> None:
    t_s = np.arange(6.0)
    assert settling_time_s(t_s, np.array([0.0, 1.0, 0.0, 1.0, 0.0, 0.0]), 0.1, 1.0) == 3.0
    assert settling_time_s(t_s, np.zeros(6), 0.1, 1.0) == 0.0
    assert settling_time_s(t_s, np.array([0.0, 0, 0, 0, 0, 1.0]), 0.1, 1.0) is None


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="symmetric"):
        regulate((ControlArea(), ControlArea()), np.array([[0.0, 1.0], [2.0, 0.0]]))
    with pytest.raises(ValueError, match=r"ControlArea.droop_pu"):
        ControlArea(droop_pu=0.0)
    with pytest.raises(ValueError, match=r"FleetReserve.up_pu"):
        FleetReserve(up_pu=-1.0)
