"""A fleet of vehicles that differ: against the system alone, and against one governor that stands for them all."""

from __future__ import annotations

import numpy as np
import pytest

from csms.grid.frequency import simulate_frequency
from csms.grid.frequency_cases import preset_case
from csms.grid.mixed_fleet import draw_fleet, mixed_fleet_study
from csms.grid.swing import Governor


def test_no_vehicle_is_like_another_and_all_are_within_the_spread() -> None:
    fleet = draw_fleet(np.random.default_rng(1), 5_000, f_nom_hz=50.0, droop_pu=0.02, spread=0.5)
    for name in ("gain_w_per_hz", "deadband_hz", "lag_s", "delay_s", "energy_wh", "p_set_w"):
        assert len(np.unique(getattr(fleet, name))) == 5_000, name
    droop = 11_000.0 / (fleet.gain_w_per_hz * 50.0)
    assert 0.01 <= droop.min() < 0.0101
    assert 0.0299 < droop.max() <= 0.03


def test_it_lifts_the_nadir_and_the_same_seed_draws_the_same() -> None:
    one, other, third = (
        mixed_fleet_study(np.random.default_rng(seed), "gb", n_ev=2_000, t_end_s=20.0)
        for seed in (1, 1, 2)
    )
    assert one.nadir_hz == other.nadir_hz
    assert one.nadir_hz == pytest.approx(third.nadir_hz, abs=0.01)
    assert one.nadir_without_hz + 0.05 < one.nadir_hz < 0.0
    assert 0.0 < one.fleet_peak_w <= 2 * 2_000 * 11_000.0
    assert 0 < one.saturated < 2_000


def test_small_deviations_of_it_are_those_of_one_governor() -> None:
    """Large share, no spread: nobody saturates in the first second, delays become part of the lag."""
    found = mixed_fleet_study(
        np.random.default_rng(1), "sfr", n_ev=500, fleet_share_pu=0.01, spread=0.0, delay_s=0.0,
        t_end_s=0.5,
    )  # fmt: skip
    case = preset_case("sfr")
    fleet = Governor(droop_pu=0.02, gain_pu=0.01, servo_s=0.2, deadband_pu=0.02 / 60.0)
    one = simulate_frequency(
        case.system, [*case.governors, fleet], case.steps, t_end_s=0.5, dt_s=0.02
    )
    assert found.deviation_hz[-1] == pytest.approx(one.deviation_hz[-1], abs=1e-3)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"preset": "nope"}, "expected one of"),
        ({"spread": 1.0}, "expected below 1"),
        ({"droop_pu": 0.0}, "droop_pu"),
        ({"n_ev": 0}, "n_ev"),
        ({"fleet_share_pu": float("nan")}, "fleet_share_pu"),
    ],
)
def test_what_makes_no_fleet_is_refused(given: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        mixed_fleet_study(np.random.default_rng(1), **given)  # type: ignore[arg-type]
