from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from csms.market.day_ahead import (
    FeederLimit,
    PlanInput,
    Vehicles,
    equal_segments,
    plan_day,
    uncontrolled,
)
from csms.market.errors import PlanError

T = 8
XU = [0.0105, 0.0324, 0.0548, 0.0776, 0.1005]


def one_car(**changes: float) -> Vehicles:
    given = {
        "arrive": 0, "depart": T, "energy_wh": 30e3, "target_wh": 40e3, "capacity_wh": 50e3,
        "reserve_wh": 10e3, "max_charge_w": 10e3, "max_discharge_w": 10e3,
    } | changes  # fmt: skip
    return Vehicles(**{
        k: np.array([v], dtype=np.int64 if k in {"arrive", "depart"} else np.float64)
        for k, v in given.items()
    })  # fmt: skip


def given(price: list[float], *, fee: float = 0.0, **changes: float) -> PlanInput:
    p = np.array(price)
    return PlanInput(one_car(**changes), 1.0, p + fee, p, equal_segments(XU))


def test_charges_in_the_cheapest_hours() -> None:
    plan = plan_day(given([0.3, 0.1, 0.3, 0.2, 0.3, 0.3, 0.3, 0.3], max_discharge_w=0.0))
    need = 10e3 / 0.95
    assert plan.power_w[0] == pytest.approx([0, 10e3, 0, need - 10e3, 0, 0, 0, 0], abs=1e-3)
    assert plan.energy_end_wh[0] == pytest.approx(40e3)
    assert plan.shortfalls == ()


def test_v2g_stops_when_wear_exceeds_the_spread() -> None:
    def discharged(spread: float) -> float:
        price = [0.2 + spread, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2]
        return plan_day(given(price, target_wh=30e3)).discharged_kwh

    # a kWh sold and bought back at 0.2 loses 0.2 (1 / eta^2 - 1) = 0.0216; with the wear of the first
    # segment it pays beyond 0.0321, of the second beyond 0.0540
    assert discharged(0.030) == pytest.approx(0.0, abs=1e-6)
    assert discharged(0.035) == pytest.approx(
        9.5, rel=1e-6
    )  # the first segment: 10 of 50 kWh, 9.5 at the meter
    assert discharged(0.050) == pytest.approx(9.5, rel=1e-6)  # not yet the second
    assert discharged(0.060) == pytest.approx(10.0, rel=1e-6)  # the charger's hour is full


def test_infeasible_departure_is_served_as_far_as_possible_and_listed() -> None:
    plan = plan_day(given([0.1] * T, arrive=2, depart=3, target_wh=50e3))
    assert plan.power_w[0, 2] == pytest.approx(10e3)
    (short,) = plan.shortfalls
    assert (short.vehicle, short.reason) == (0, "stay too short")
    assert short.missing_wh == pytest.approx(20e3 - 9.5e3)


def test_no_stay_at_all_is_a_shortfall_not_a_crash() -> None:
    plan = plan_day(given([0.1] * T, arrive=3, depart=3))
    assert plan.shortfalls[0].missing_wh == pytest.approx(10e3)


def test_feeder_limit_holds_and_names_itself() -> None:
    base = given([0.1] * T, depart=2, max_discharge_w=0.0)
    limit = FeederLimit("trafo", np.ones(1), np.full(T, 4e3), np.full(T, -4e3))
    plan = plan_day(replace(base, limits=(limit,)))
    assert plan.power_w.max() <= 4e3 + 1e-6
    assert plan.shortfalls[0].reason == "feeder limit"
    assert plan.binding == {"trafo": 2}


def test_negative_prices_do_not_burn_energy() -> None:
    plan = plan_day(given([-0.5] * T))
    assert plan.discharged_kwh == 0.0
    assert plan.energy_end_wh[0] == pytest.approx(50e3)  # fills up: it is paid to


def test_uncontrolled_charges_from_arrival() -> None:
    power = uncontrolled(given([0.1] * T, arrive=2))
    assert power[0] == pytest.approx([0, 0, 10e3, 10e3 / 0.95 - 10e3, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depart": T + 1}, "vehicle 0 departs before it arrives or after the horizon"),
        ({"energy_wh": 60e3}, "vehicle 0 holds more than its capacity"),
        ({"max_charge_w": float("nan")}, "max_charge_w: 1 finite values"),
    ],
)
def test_bad_vehicles_are_named(change: dict[str, float], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        plan_day(given([0.1] * T, **change))


def test_money_without_end_is_refused() -> None:
    base = given([0.1] * T)
    with pytest.raises(PlanError, match="interval 0: a kWh fed back earns more"):
        plan_day(replace(base, export_price=base.import_price + 0.01))


def test_limit_that_other_load_exceeds_is_refused() -> None:
    limit = FeederLimit("trafo", np.ones(1), np.r_[-1.0, np.ones(T - 1)], np.zeros(T))
    with pytest.raises(PlanError, match="'trafo', interval 0: other load alone exceeds it"):
        plan_day(replace(given([0.1] * T), limits=(limit,)))


def test_prices_with_nan_are_refused() -> None:
    with pytest.raises(PlanError, match="import_price"):
        plan_day(given([float("nan")] * T))
