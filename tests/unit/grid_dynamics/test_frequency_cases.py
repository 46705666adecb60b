"""Named systems and named shapes: as their sources say, and as another integrator solves them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from csms.grid.frequency_cases import PRESETS, frequency_study, preset_case, shape_governors
from csms.grid.grid_codes import SHAPES, shape
from csms.grid.stability import damping_study
from csms.grid.swing import soft_deadband


@pytest.mark.parametrize("name", SHAPES)
def test_the_governors_of_a_shape_add_up_to_it(name: str) -> None:
    of = shape(name)
    deviation = np.linspace(-3.0, 3.0, 1201)
    total = np.zeros_like(deviation)
    for g in shape_governors(of, 0.2):
        u = [
            -soft_deadband(d / of.f_nom_hz, g.deadband_pu) / g.droop_pu for d in deviation.tolist()
        ]
        total += g.gain_pu * np.clip(u, -g.down_pu, g.up_pu)
    assert total == pytest.approx(-0.2 * of.import_change_frac(of.f_nom_hz + deviation), abs=1e-12)


@pytest.mark.golden
@pytest.mark.oracle
def test_a_low_inertia_system_as_another_integrator_solves_it() -> None:
    case, of = preset_case("gb"), shape("gb-dc")
    ours = frequency_study("gb", fleet_shape="gb-dc", fleet_share_pu=0.05, t_end_s=10.0)
    both_pu = 1_400.0 / 20_000.0 + 0.05

    def slope(_t: float, y: np.ndarray) -> list[float]:
        dw, answer = y
        target = -both_pu * float(of.import_change_frac(50.0 * (1.0 + dw)))
        two_h = 2.0 * case.system.inertia_s
        return [
            (answer - case.system.damping_pu * dw - 0.09) / two_h,
            (target - answer) / of.lag_s,
        ]

    found = solve_ivp(slope, (0.0, 10.0), [0.0, 0.0], rtol=1e-9, atol=1e-12, max_step=0.01)
    assert ours.nadir_hz == pytest.approx(50.0 * found.y[0].min(), abs=1e-4)
    assert ours.deviation_hz[-1] == pytest.approx(50.0 * found.y[0, -1], abs=1e-4)


@pytest.mark.golden
@pytest.mark.parametrize(
    ("preset", "rocof_hz_s"),
    [("nordic", -0.3021), ("continental", -0.1), ("continental-low", -0.25), ("gb", -0.375)],
)
def test_each_system_starts_to_fall_as_fast_as_its_inertia_says(
    preset: str, rocof_hz_s: float
) -> None:
    result = frequency_study(preset)
    assert result.rocof_hz_s == pytest.approx(rocof_hz_s, abs=1e-4)
    assert -1.2 < result.nadir_hz < -0.5


def test_the_loss_that_each_reserve_is_made_for_is_held() -> None:
    assert frequency_study("continental").nadir_hz > -0.8  # the handbook's bound
    assert frequency_study("gb", t_end_s=300.0).nadir_hz == pytest.approx(-0.8, abs=0.01)  # 49.2 Hz
    slow, fast = frequency_study("nordic"), frequency_study("nordic", fleet_shape="ffr-49.5")
    assert slow.nadir_hz < -1.0 < fast.nadir_hz  # why there is a fast reserve


def test_a_fast_reserve_acts_when_its_terms_say_and_ends_with_its_support() -> None:
    alone = frequency_study("nordic", t_end_s=60.0)
    helped = frequency_study("nordic", fleet_shape="ffr-49.7", fleet_share_pu=0.03, t_end_s=60.0)
    crossed_s = float(alone.t_s[alone.deviation_hz < -0.3][0])
    apart = np.flatnonzero(np.abs(helped.deviation_hz - alone.deviation_hz) > 1e-9)
    assert helped.t_s[apart[0]] == pytest.approx(crossed_s + 1.3, abs=0.02)
    end = round((crossed_s + 1.3 + 30.0) / 0.005)
    assert helped.deviation_hz[end + 200] < helped.deviation_hz[end] - 0.05


def test_what_never_reaches_the_threshold_does_not_start_the_reserve() -> None:
    quiet = frequency_study("nordic", fleet_shape="fcr-n", fleet_share_pu=5.0)
    assert quiet.nadir_hz > -0.3
    fast = frequency_study("continental", fleet_shape="ffr-49.5", t_end_s=2.0)
    assert fast.nadir_hz == frequency_study("continental", t_end_s=2.0).nadir_hz


@pytest.mark.parametrize(
    ("preset", "shape_name", "reason"),
    [
        ("nope", "", "expected one of .'continental'"),
        ("gb", "nope", "fleet shape 'nope': expected one of .*ffr-49.5.*gb-dc"),
        ("sfr", "gb-dc", "is for 50 Hz, the system has 60 Hz"),
        ("sfr", "ffr-49.7", "is for 50 Hz, the system has 60 Hz"),
        ("gb", "ieee1547", "is for 60 Hz, the system has 50 Hz"),
    ],
)
def test_names_that_do_not_fit_are_refused(preset: str, shape_name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        frequency_study(preset, fleet_shape=shape_name)


def test_damping_is_of_linear_systems_only() -> None:
    for preset in set(PRESETS) - {"sfr"}:
        with pytest.raises(ValueError, match="deadbands and limits"):
            damping_study(preset)
