"""Published and independently computed numbers of the system frequency response."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from csms.grid.frequency import LoadStep, simulate_frequency
from csms.grid.frequency_cases import SFR_EXAMPLE, frequency_study
from csms.grid.swing import Governor, PowerSystem

pytestmark = pytest.mark.golden


def test_anderson_mirheydar_example() -> None:
    result = frequency_study("sfr")
    assert result.omega_n_rad_s == pytest.approx(0.55902, abs=5e-6)
    assert result.zeta == pytest.approx(0.86089, abs=5e-6)
    assert result.nadir_hz == pytest.approx(-0.64991, abs=5e-6)
    assert result.nadir_t_s == pytest.approx(2.369, abs=5e-4)
    assert result.steady_hz == pytest.approx(-0.300, abs=1e-6)
    assert result.settled
    assert result.rocof_hz_s == pytest.approx(-0.75, abs=1e-12)


def test_overdamped_response_is_integrated_where_the_closed_form_is_nan() -> None:
    system = replace(SFR_EXAMPLE.system, damping_pu=5.0)
    result = simulate_frequency(system, SFR_EXAMPLE.governors, SFR_EXAMPLE.steps)
    assert result.zeta is not None
    assert result.zeta > 1.0
    assert result.nadir_hz == pytest.approx(-0.46427, abs=5e-6)


@pytest.mark.oracle
def test_saturating_governors_with_servo_and_deadband_agree_with_scipy() -> None:
    system = PowerSystem(f_nom_hz=50.0, inertia_s=3.5, damping_pu=1.2)
    steam = Governor(
        0.05, gain_pu=0.7, hp_frac=0.3, reheat_s=7.0, servo_s=0.2, deadband_pu=0.0006, up_pu=0.06
    )
    hydro = Governor(0.04, gain_pu=0.3, servo_s=0.5)
    result = simulate_frequency(system, [steam, hydro], [LoadStep(0.0, 0.12)], t_end_s=20.0)

    def slope(_t: float, y: np.ndarray) -> list[float]:
        dw, v1, x1, v2 = y
        beyond = np.sign(dw) * max(abs(dw) - steam.deadband_pu, 0.0)
        u1 = min(-beyond / steam.droop_pu, steam.up_pu)
        p_mech = 0.7 * (0.3 * v1 + 0.7 * x1) + 0.3 * v2
        return [
            (p_mech - 1.2 * dw - 0.12) / 7.0,
            (u1 - v1) / 0.2,
            (v1 - x1) / 7.0,
            (-dw / hydro.droop_pu - v2) / 0.5,
        ]

    oracle = solve_ivp(
        slope, (0.0, 20.0), np.zeros(4), t_eval=result.t_s, rtol=1e-9, atol=1e-12, max_step=0.02
    )
    assert np.abs(result.deviation_hz - 50.0 * oracle.y[0]).max() < 2e-5
