"""The plan itself: cheap hours, departures, the feeder's limits by AC, V2G only where it pays."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import pytest

from csms.dispatch.planner.needs import Learned, PluggedIn
from csms.dispatch.planner.plan import make_plan, wear_terms
from csms.domain.plan import FleetPlan, HourBid
from csms.grid import power_flow
from tests.unit.planner.cars import (
    DEFAULTS,
    FREE,
    IEEE33,
    STATIC_W,
    T0,
    V_MIN,
    car,
    guard,
    outlook,
    place,
    told,
)

NOBODY = Learned(())


def kwh(plan: FleetPlan, ev: int = 0) -> np.ndarray:
    return np.array(plan.evs[ev].power_w) * 0.25 / 1e3


def lowest_v_pu(load_w: Mapping[str, float]) -> float:
    p_w = IEEE33.p_w.sum(axis=1)
    for bus, watts in load_w.items():
        p_w[IEEE33.bus(bus)] += watts
    return power_flow.solve(IEEE33, p_w, IEEE33.q_var.sum(axis=1)).min_v_pu


def test_a_car_charges_in_the_cheap_hours_and_has_what_it_asked_for() -> None:
    one = car(needs=told(4.0, 16.5))
    plan = make_plan(outlook([0.3, 0.1, 0.2, 0.3]), [one], NOBODY, DEFAULTS, FREE, guard(one))
    by_hour = kwh(plan).reshape(4, 4).sum(axis=1)
    assert by_hour == pytest.approx([0.0, 11.0, 5.5, 0.0])
    assert plan.summary.cost_eur == pytest.approx(11 * 0.1 + 5.5 * 0.2)
    assert plan.summary.uncontrolled_cost_eur == pytest.approx(11 * 0.3 + 5.5 * 0.1)


def test_of_equally_cheap_hours_the_earlier_is_taken() -> None:
    one = car(needs=told(4.0, 11.0))
    plan = make_plan(outlook([0.3, 0.1, 0.1, 0.1]), [one], NOBODY, DEFAULTS, FREE, guard(one))
    assert kwh(plan).reshape(4, 4).sum(axis=1) == pytest.approx([0.0, 11.0, 0.0, 0.0])


def test_a_quarter_hour_that_has_begun_counts_for_what_is_left_of_it() -> None:
    one = car(needs=told(1.0, 11.0))
    late = outlook([0.1, 0.1], now=T0 + timedelta(minutes=10))
    plan = make_plan(late, [one], NOBODY, DEFAULTS, FREE, guard(one))
    charged_wh = 11_000 * (5 / 60 + 3 * 0.25)
    assert plan.summary.energy_wh == pytest.approx(charged_wh)
    assert plan.evs[0].missing_wh == pytest.approx(11_000 - charged_wh, abs=1.0)


def test_a_departure_that_cannot_be_met_is_said_and_met_as_far_as_can_be() -> None:
    one = car(needs=told(1.0, 50.0))
    plan = make_plan(outlook([0.3, 0.1]), [one], NOBODY, DEFAULTS, FREE, guard(one))
    assert plan.evs[0].power_w == (11_000,) * 4
    assert plan.evs[0].missing_wh == pytest.approx(39_000.0)
    assert plan.evs[0].note is not None
    assert "39.0 kWh will lack at 05 Jan 09:00 UTC" in plan.evs[0].note
    assert plan.summary.shortfalls == 1


def test_the_plan_keeps_every_quarter_hour_inside_the_feeders_voltage_by_ac() -> None:
    """Three fast chargers far out want to charge in the one cheap hour: the feeder bears half of it."""
    cars = [
        car(n, place(bus, 120.0), needs=told(4.0, 60.0))
        for n, bus in (("A", "17"), ("B", "17"), ("C", "15"))
    ]
    plan = make_plan(outlook([0.3, 0.1, 0.2, 0.3]), cars, NOBODY, DEFAULTS, FREE, guard(*cars))
    power: dict[str, tuple[int, ...]] = {ev.station_id: ev.power_w for ev in plan.evs}
    for k in range(16):
        load = {"17": power["A"][k] + power["B"][k], "15": power["C"][k]}
        assert lowest_v_pu(load) >= V_MIN
    assert all(ev.note is None for ev in plan.evs)
    assert plan.binding["voltage_low 17"] >= 4
    cheap_wh = sum(sum(p[4:8]) for p in power.values()) / 4
    held = sum(p[4] for p in power.values())
    assert lowest_v_pu({"17": power["A"][4] + power["B"][4], "15": power["C"][4]}) < V_MIN + 0.004
    assert 120_000 < held < 300_000
    assert cheap_wh > 0.9 * held


def test_load_that_is_forecast_leaves_less_room() -> None:
    one = car("A", place("17", 300.0), needs=told(1.0, 300.0))
    nominal = make_plan(outlook([0.1]), [one], NOBODY, DEFAULTS, FREE, guard(one))
    busy = outlook([0.1])
    more = type(busy.base)(busy.base.power_w, np.full(4, 0.05 * STATIC_W), 5)
    cautious = make_plan(
        outlook([0.1], base=more, base_margin=1.645), [one], NOBODY, DEFAULTS, FREE, guard(one)
    )
    assert sum(cautious.evs[0].power_w) < sum(nominal.evs[0].power_w) - 10_000


def test_an_import_limit_is_kept() -> None:
    cars = [car(n, place("2", 50.0), needs=told(4.0, 50.0)) for n in "AB"]
    limited = outlook([0.3, 0.1, 0.2, 0.3], import_limit_w=STATIC_W + 40_000.0)
    plan = make_plan(limited, cars, NOBODY, DEFAULTS, FREE, guard(*cars))
    assert (
        max(a + b for a, b in zip(plan.evs[0].power_w, plan.evs[1].power_w, strict=True)) <= 40_001
    )


def v2g_car(*, may_discharge: bool = True) -> PluggedIn:
    needs = told(3.0, 0.0, capacity_wh=60_000.0, max_discharge_w=11_000.0)
    return car("A", place("2", 11.0, 11.0), needs=needs, soc_frac=0.8, may_discharge=may_discharge)


@pytest.mark.parametrize(("spread", "feeds_back"), [(0.30, True), (0.02, False)])
def test_a_battery_feeds_back_only_when_the_spread_pays_for_its_wear(
    spread: float, feeds_back: bool
) -> None:
    one = v2g_car()
    wear = wear_terms(100.0)
    assert spread < 0.1 or spread > 3 * wear.high_eur_per_kwh
    plan = make_plan(outlook([0.1 + spread, 0.1, 0.1]), [one], NOBODY, DEFAULTS, wear, guard(one))
    assert (min(plan.evs[0].power_w) < 0) is feeds_back
    assert (plan.summary.wear_eur > 0.0) is feeds_back
    if (
        feeds_back
    ):  # the charge it came with is back at departure, and the reserve was never touched
        stored = 48.0 + np.cumsum(kwh(plan))
        assert stored[-1] == pytest.approx(48.0, abs=0.01)
        assert stored.min() >= 18.0 - 1e-6


def test_a_car_that_may_not_discharge_never_does() -> None:
    one = v2g_car(may_discharge=False)
    plan = make_plan(outlook([0.9, 0.1, 0.1]), [one], NOBODY, DEFAULTS, FREE, guard(one))
    assert min(plan.evs[0].power_w) >= 0


def test_capacity_that_was_bid_stays_free() -> None:
    one = v2g_car()
    bid = HourBid(
        at=T0, bid_mw=0.008, p90_mw=0.008, availability_frac=0.9, expected_profit_eur=0.1, samples=9
    )
    plan = make_plan(
        outlook([0.9, 0.1, 0.1], bids=(bid,)), [one], NOBODY, DEFAULTS, FREE, guard(one)
    )
    assert min(plan.evs[0].power_w[:4]) >= -3_001
    assert min(plan.evs[0].power_w[:4]) < 0


def test_an_ac_car_is_never_planned_below_what_it_can_charge_with() -> None:
    one = car("A", place("2", 11.0, min_a=6.0), needs=told(3.0, 11.5))
    plan = make_plan(outlook([0.3, 0.1, 0.2]), [one], NOBODY, DEFAULTS, FREE, guard(one))
    assert all(w == 0 or w >= 6 * 230 * 3 for w in plan.evs[0].power_w)
    assert plan.evs[0].note is None


def test_without_cars_there_is_an_empty_plan() -> None:
    spare = car("A")
    plan = make_plan(outlook([0.1]), [], NOBODY, DEFAULTS, FREE, guard(spare))
    assert plan.evs == ()
    assert plan.summary.cost_eur == 0.0


def test_the_segments_cost_the_pessimistic_end_of_the_interval_at_the_depth_they_are_scaled_for() -> (
    None
):
    wear = wear_terms(100.0)
    segments = wear.segments.cost_eur_per_kwh
    at_depth = (0.2 * segments[0] + 0.1 * segments[1]) / 0.3
    assert at_depth == pytest.approx(wear.high_eur_per_kwh)
    assert wear.low_eur_per_kwh < wear.high_eur_per_kwh
    assert (np.diff(segments) > 0).all()
