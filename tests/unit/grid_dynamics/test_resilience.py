"""Islanding by hand-computed cases, recovery, adequacy and black start."""

from __future__ import annotations

import numpy as np
import pytest

from csms.grid.black_start import LoadBlock, black_start
from csms.grid.resilience import FleetPool, IslandResult, island, recovery_time_s, resilience_study

HOUR_S = 3600.0


def run(fleet: FleetPool, *, demand_w: float = 100e3, generation_w: float = 0.0) -> IslandResult:
    """A constant demand for 4 h, the outage from 1 h to 3 h."""
    n = 1440
    return island(
        np.full(n, demand_w),
        np.full(n, generation_w),
        fleet,
        10.0,
        outage_s=HOUR_S,
        restore_s=3.0 * HOUR_S,
    )


def pool(**changes: float) -> FleetPool:
    """100 kW and 240 kWh at the load, at once."""
    base = {"plugged_frac": 1.0, "efficiency": 1.0, "start_s": 0.0, "ramp_frac_per_s": 1e9}
    return FleetPool(**{"n_ev": 10, **base, **changes})


def test_no_fleet_serves_nothing_until_the_grid_returns() -> None:
    result = run(pool(n_ev=0))
    assert result.ens_kwh == pytest.approx(200.0)
    assert result.recovery_time_s == 2.0 * HOUR_S
    assert result.served_frac == pytest.approx(0.0)
    assert result.trapezoid.depth_frac == 1.0
    assert result.trapezoid.area_frac_h == pytest.approx(2.0)
    assert result.trapezoid.degraded_s == 2.0 * HOUR_S


def test_an_adequate_fleet_loses_only_its_start_and_ramp() -> None:
    result = run(pool(n_ev=20, start_s=60.0, ramp_frac_per_s=0.01))
    # 60 s of nothing, then 200 kW in 100 s reaches the 100 kW after 50 s: 60 + 25 s at 100 kW.
    assert result.ens_kwh == pytest.approx(100.0 * 85.0 / HOUR_S, rel=0.06)
    assert result.recovery_time_s == pytest.approx(110.0, abs=10.0)
    assert result.power_margin_w == pytest.approx(100e3)
    assert result.depleted_t_s is None


def test_energy_runs_out_when_the_sum_says_so() -> None:
    result = run(pool(soc_frac=0.4))  # 10 x 0.2 x 60 kWh = 120 kWh at 100 kW: 1.2 h of 2
    assert result.ens_kwh == pytest.approx(80.0, rel=1e-6)
    assert result.energy_margin_kwh == pytest.approx(-80.0, rel=1e-6)
    assert result.depleted_t_s == pytest.approx(2.2 * HOUR_S, abs=10.0)
    assert result.energy_wh[-1] == pytest.approx(0.0, abs=1e-6)
    assert result.recovery_time_s == pytest.approx(0.0, abs=20.0)


def test_power_short_serves_a_part_and_never_recovers_before_the_grid() -> None:
    result = run(pool(n_ev=5))
    assert result.served_frac == pytest.approx(0.5, abs=0.01)
    assert result.power_margin_w == pytest.approx(-50e3)
    assert result.recovery_time_s == 2.0 * HOUR_S


def test_local_generation_spares_the_fleet() -> None:
    with_pv, without = run(pool(n_ev=5), generation_w=60e3), run(pool(n_ev=5))
    assert with_pv.ens_kwh < without.ens_kwh
    assert with_pv.served_frac == pytest.approx(1.0, abs=0.01)


def test_recovery_is_the_first_return_that_lasts() -> None:
    t_s = np.arange(10.0)
    level = np.array([1, 0, 1, 0, 0, 1, 1, 1, 1, 1.0])
    assert recovery_time_s(t_s, level, 1.0, 0.95, 2.0) == 4.0
    assert recovery_time_s(t_s, level, 1.0, 0.95, 1.0) == 1.0
    assert recovery_time_s(t_s, np.ones(10), 1.0, 0.95, 2.0) == 0.0
    assert recovery_time_s(t_s, np.zeros(10), 1.0, 0.95, 2.0) is None


def test_more_vehicles_and_more_charge_never_hurt() -> None:
    ens = resilience_study().adequacy.ens_kwh
    assert (np.diff(ens, axis=0) <= 1e-9).all()
    assert (np.diff(ens, axis=1) <= 1e-9).all()


def test_study_keys() -> None:
    study = resilience_study()
    assert study.recovery_time_s == 100.0
    assert study.ens_kwh == pytest.approx(study.case.ens_kwh)
    lost_wh = np.sum(study.case.demand_w - study.case.served_w) * 10.0 / HOUR_S
    assert study.ens_kwh == pytest.approx(lost_wh / 1e3, rel=1e-12)


BLOCKS = (
    LoadBlock("street light", 40e3, 2, 1.1),
    LoadBlock("hospital", 120e3, 0, 1.8),
    LoadBlock("shelter", 80e3, 1),
    LoadBlock("telecom", 20e3, 0, 1.2),
)


def test_black_start_goes_by_priority_as_the_fleet_ramps() -> None:
    result = black_start(BLOCKS, FleetPool(n_ev=80), outage_h=2.0, step_limit_w=250e3)
    assert [c.name for c in result.order] == ["hospital", "telecom", "shelter", "street light"]
    # 640 kW at 1% a second from 30 s: 1.2 x 6.4 kW/s carries the hospital's 216 kW after 28.1 s.
    assert result.order[0].t_s == 59.0
    assert result.recovery_time_s == result.order[-1].t_s
    dark_wh = sum(
        next(b.power_w for b in BLOCKS if b.name == c.name) * c.t_s / HOUR_S for c in result.order
    )
    assert result.ens_kwh == pytest.approx(dark_wh / 1e3)


def test_black_start_names_what_keeps_a_block_dark() -> None:
    blocks = (*BLOCKS, LoadBlock("mall", 200e3, 0), LoadBlock("mill", 10e3, 9))
    small = black_start(blocks, FleetPool(n_ev=20), outage_h=2.0, step_limit_w=250e3)
    reasons = {x.name: x.reason for x in small.left_out}
    assert "step limit" in reasons["mall"]
    assert "power" in reasons["hospital"]
    weak = black_start(BLOCKS, FleetPool(n_ev=80, soc_frac=0.22), outage_h=2.0, step_limit_w=250e3)
    assert any("energy" in x.reason for x in weak.left_out)
    assert weak.recovery_time_s is None


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"FleetPool.soc_frac"):
        FleetPool(n_ev=1, soc_frac=60.0)
    with pytest.raises(ValueError, match="outage_s < restore_s"):
        island(np.ones(5), np.ones(5), pool(), 1.0, outage_s=3.0, restore_s=3.0)
    with pytest.raises(ValueError, match="demand_w"):
        island(np.array([1.0, np.nan]), np.ones(2), pool(), 1.0, outage_s=0.0, restore_s=1.0)
    with pytest.raises(ValueError, match="names must differ"):
        black_start((BLOCKS[0], BLOCKS[0]), pool(), outage_h=1.0, step_limit_w=1e6)
