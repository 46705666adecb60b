"""The battery's books balance, and its limits hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_sim.vehicle import Vehicle


def car(**changes: float) -> Vehicle:
    values: dict[str, float] = {
        "capacity_wh": 60_000.0,
        "soc_frac": 0.5,
        "max_charge_w": 100_000.0,
        "max_discharge_w": 50_000.0,
        "efficiency": 0.9,
    }
    return Vehicle(id_token="T", **(values | changes))  # type: ignore[arg-type]


@given(
    st.lists(st.floats(-200e3, 200e3), min_size=1, max_size=60),
    st.floats(0.1, 1.0),
    st.floats(0.5, 120.0),
)
def test_battery_energy_is_the_integral_of_power(
    requests_w: list[float], soc_frac: float, dt_s: float
) -> None:
    vehicle = car(soc_frac=soc_frac, soc_floor_frac=0.2, target_soc_frac=0.9)
    stored_wh = 0.0
    for request_w in requests_w:
        power_w = vehicle.step(request_w, dt_s)
        stored_wh += power_w * dt_s / 3600.0 * (0.9 if power_w > 0 else 1 / 0.9)
        assert -50e3 <= power_w <= 100e3
        if power_w > 0:
            assert vehicle.soc_frac <= 0.9 + 1e-9
        if power_w < 0:
            assert vehicle.soc_frac >= 0.2 - 1e-9
    assert vehicle.soc_frac == pytest.approx(soc_frac + stored_wh / 60_000.0, abs=1e-9)


def test_charging_tapers_near_full_and_stops_at_the_target() -> None:
    vehicle = car(soc_frac=0.9)
    assert vehicle.step(100e3, 1.0) == pytest.approx(50e3)
    vehicle = car(soc_frac=0.8, target_soc_frac=0.8)
    assert vehicle.step(100e3, 1.0) == 0.0


def test_no_discharge_below_the_floor() -> None:
    vehicle = car(soc_frac=0.31, soc_floor_frac=0.3)
    delivered_wh = sum(-vehicle.step(-50e3, 10.0) * 10.0 / 3600.0 for _ in range(100))
    assert delivered_wh == pytest.approx(0.01 * 60_000.0 * 0.9)
    assert vehicle.soc_frac == pytest.approx(0.3)


def test_ramp_bounds_the_change_of_power() -> None:
    vehicle = car(ramp_w_per_s=10e3)
    assert [vehicle.step(100e3, 1.0) for _ in range(3)] == [10e3, 20e3, 30e3]


def test_impossible_vehicle_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"soc_frac = 1\.5"):
        car(soc_frac=1.5)
