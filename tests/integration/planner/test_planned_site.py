"""The planner live: chargers of three OCPP versions over real sockets, two price levels, a weak feeder.

8:00 to 9:00 is dear, 9:00 to 10:00 cheap, then dear again. Two fast chargers at the feeder's far end want more in the
cheap hour than it bears; a third car may feed back; a fourth, OCPP 1.6, tells nothing and stays as its driver used to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from charger_sim.scenario import Visit
from charger_sim.swarm import Snapshot
from csms.domain.plan import PlanSummary, QuarterTotal, SessionAccount, savings
from tests.integration.planner.site import (
    CHEAP,
    DEAR,
    EFFICIENCY,
    EPOCH,
    V_MIN_PU,
    planned_site,
    price_csv,
    station,
)
from tests.integration.planner.warp import run_warped

FEE = 0.05
DEAR_EUR, CHEAP_EUR = DEAR / 1e3 + FEE, CHEAP / 1e3 + FEE
ARRIVE_S, LEAVE_S = 300.0, 2.4 * 3600.0
LATER = EPOCH + timedelta(days=1)
BEFORE_PLANNED_WH = 1_600.0
"""What a car may draw until the plan reaches it: a 30 s cycle or two at full power."""


def visit(kw: float, soc: float, target: float, discharge_kw: float = 0.0) -> Visit:
    return Visit(
        capacity_wh=60_000.0, soc_frac=soc, target_soc_frac=target, max_charge_w=1e3 * kw,
        arrival_s=ARRIVE_S, leave_s=LEAVE_S, need_s=LEAVE_S, max_discharge_w=1e3 * discharge_kw,
    )  # fmt: skip


STATIONS = (
    station("FAR-1", "17", 120.0, visit(120.0, 0.2, 0.8)),
    station("FAR-2", "17", 120.0, visit(120.0, 0.2, 0.8), "2.0.1"),
    station("V2G", "2", 20.0, visit(20.0, 0.7, 0.7, 20.0), discharge_kw=20.0),
    station("OLD", "24", 11.0, visit(11.0, 0.7, 0.8), "1.6"),
)
NEED_WH = {"FAR-1": 36_000.0, "FAR-2": 36_000.0, "V2G": 0.0, "OLD": 6_000.0}
"""Of the battery."""


@dataclass
class Day:
    lowest_v_pu: float = 9.0
    most_far_w: float = 0.0
    soc_frac: dict[str, float] = field(default_factory=dict)
    quarters: list[QuarterTotal] = field(default_factory=list)
    accounts: dict[str, SessionAccount] = field(default_factory=dict)
    plans: list[PlanSummary] = field(default_factory=list)
    first_binding: dict[str, int] = field(default_factory=dict)


async def live_through(folder: Path) -> Day:
    prices = folder / "prices.csv"
    prices.write_text(price_csv([DEAR, CHEAP, DEAR, DEAR]))
    day = Day()
    async with planned_site(STATIONS, prices, 2.75, stay_h=2.5, energy_wh=6_500.0) as site:

        def watch(shot: Snapshot) -> None:
            day.lowest_v_pu = min(day.lowest_v_pu, shot.lowest_v_pu)
            far_w = shot.power_w["FAR-1"] + shot.power_w["FAR-2"]
            day.most_far_w = max(day.most_far_w, far_w)
            plan = site.system.site.planner_view.plan
            if plan is not None and len(plan.evs) == len(STATIONS) and not day.first_binding:
                day.first_binding = plan.binding
            for name, one in site.swarm.stations.items():
                if one.evses[1].vehicle is not None:
                    day.soc_frac[name] = one.evses[1].vehicle.soc_frac

        await site.run(2.75 * 3600.0, watch)
        day.quarters = list(await site.store.plans.quarter_totals(EPOCH, LATER))
        found = await site.store.plans.session_accounts(EPOCH, LATER)
        day.accounts = {one.station_id: one for one in found}
        day.plans = list(await site.store.plans.summaries())
    return day


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return run_warped(live_through(tmp_path_factory.mktemp("planned")))


def test_every_car_is_full_at_its_departure(day: Day) -> None:
    assert day.soc_frac["FAR-1"] == pytest.approx(0.8, abs=0.005)
    assert day.soc_frac["FAR-2"] == pytest.approx(0.8, abs=0.005)
    assert day.soc_frac["V2G"] >= 0.7 - 0.01
    assert day.soc_frac["OLD"] == pytest.approx(0.8, abs=0.005)


def test_the_feeder_is_held_while_two_cars_want_more_than_it_bears(day: Day) -> None:
    assert day.lowest_v_pu >= V_MIN_PU
    assert day.first_binding["voltage_low 17"] > 0
    assert 120_000.0 < day.most_far_w < 230_000.0


def test_cars_charge_in_the_cheap_hour(day: Day) -> None:
    for name in ("FAR-1", "FAR-2", "OLD"):
        account = day.accounts[name]
        assert account.import_wh == pytest.approx(NEED_WH[name] / EFFICIENCY, abs=30.0)
        dear_wh = (account.cost_eur * 1e3 - CHEAP_EUR * account.import_wh) / (DEAR_EUR - CHEAP_EUR)  # type: ignore[operator]
        assert -1.0 <= dear_wh <= BEFORE_PLANNED_WH


def test_the_saving_is_what_hand_calculation_makes_it(day: Day) -> None:
    """At once, each had charged from 8:05 at full power, all of it before 9:00: at the dear price."""
    for name in ("FAR-1", "FAR-2", "OLD"):
        account = day.accounts[name]
        at_once = NEED_WH[name] / EFFICIENCY / 1e3 * DEAR_EUR
        assert account.uncontrolled_cost_eur == pytest.approx(at_once, rel=2e-3)
        cheapest = NEED_WH[name] / EFFICIENCY / 1e3 * CHEAP_EUR
        assert account.cost_eur == pytest.approx(cheapest, abs=1.6 * (DEAR_EUR - CHEAP_EUR) + 0.01)
    total = savings(day.accounts.values(), EPOCH, LATER)
    assert (total.sessions, total.left_out) == (4, 0)
    assert total.saving_eur == pytest.approx(
        sum(a.uncontrolled_cost_eur - a.cost_eur for a in day.accounts.values())  # type: ignore[operator,misc]
    )
    assert total.saving_frac is not None
    assert total.saving_frac > 0.6


def test_a_battery_feeds_back_in_the_dear_hour_and_earns_more_than_it_wears(day: Day) -> None:
    account = day.accounts["V2G"]
    assert account.export_wh > 10_000.0
    assert account.cost_eur is not None
    earned = DEAR / 1e3 * account.export_wh / 1e3
    paid = account.cost_eur + earned
    early = BEFORE_PLANNED_WH / 1e3 * (DEAR_EUR - CHEAP_EUR)
    assert paid == pytest.approx(CHEAP_EUR * account.import_wh / 1e3, abs=early)
    assert account.uncontrolled_cost_eur == pytest.approx(0.0, abs=0.1)
    assert 0.0 < account.wear_low_eur < account.wear_high_eur < -account.cost_eur


def test_expected_and_happened_are_kept_side_by_side(day: Day) -> None:
    metered = sum(q.metered_wh for q in day.quarters)
    assert metered == pytest.approx(
        sum(a.import_wh - a.export_wh for a in day.accounts.values()), abs=1.0
    )
    cheap = [q for q in day.quarters if q.at.hour == 9]
    planned_wh, metered_wh = sum(q.planned_wh for q in cheap), sum(q.metered_wh for q in cheap)
    assert metered_wh == pytest.approx(planned_wh, rel=0.2)
    assert sum(q.cost_eur or 0.0 for q in day.quarters) == pytest.approx(
        sum(a.cost_eur or 0.0 for a in day.accounts.values())
    )


def test_a_plan_is_kept_for_every_quarter_hour_and_for_the_arrivals(day: Day) -> None:
    made = [plan.made for plan in day.plans]
    assert {EPOCH + k * timedelta(minutes=15) for k in range(1, 10)} <= set(made)
    with_cars = [plan for plan in day.plans if plan.cars == 4]
    assert min(plan.made for plan in with_cars) <= EPOCH + timedelta(seconds=ARRIVE_S + 40)
    assert all(plan.shortfalls == 0 for plan in with_cars)
