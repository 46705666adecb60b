"""A day of a planned site for looking at: a real plan, and accounts of the hours before it."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import numpy as np

from csms.dispatch.planner.forecast import Forecast
from csms.dispatch.planner.needs import Learned
from csms.dispatch.planner.plan import Outlook, make_plan, wear_terms
from csms.domain.plan import (
    QUARTER,
    FleetPlan,
    HourBid,
    PlannerView,
    QuarterAccount,
    SessionAccount,
    quarter_of,
)
from csms.domain.records import PlanMade, QuarterAccounted, SessionAccounted
from csms.ids import StationId, TransactionId
from csms.store import Store
from tests.unit.planner.cars import DEFAULTS, STATIC_W, car, guard, place, told

HOURLY = [0.12, 0.10, 0.09, 0.08, 0.08, 0.09, 0.12, 0.18, 0.20, 0.15, 0.10, 0.06, 0.04, 0.03, 0.04, 0.08,
          0.14, 0.22, 0.28, 0.26, 0.20, 0.16, 0.14, 0.13]  # fmt: skip
BUSES = ("17", "16", "13", "32", "30", "24", "21", "8")


def price(at: datetime) -> float:
    return HOURLY[at.hour]


async def write_day(store: Store, now: datetime) -> PlannerView:
    """Twelve hours of the past, a plan for the hours ahead, thirty accounts; returns the planner's view."""
    start = quarter_of(now)
    rng = np.random.default_rng(2)
    records = []
    for k in range(1, 49):
        at = start - k * QUARTER
        planned_w = 60_000.0 if price(at) < 0.1 else (-15_000.0 if price(at) > 0.25 else 4_000.0)
        metered_w = planned_w * rng.uniform(0.85, 1.0)
        records.append(
            QuarterAccounted(
                account=QuarterAccount(
                    at=at, station_id=StationId("CP-001"), evse_id=1, transaction_id=TransactionId("t"),
                    planned_wh=planned_w / 4, import_wh=max(metered_w, 0.0) / 4,
                    export_wh=max(-metered_w, 0.0) / 4, import_eur_per_kwh=price(at) + 0.05,
                    export_eur_per_kwh=price(at),
                )
            )
        )  # fmt: skip
    accounts = [
        SessionAccount(
            station_id=StationId("CP-001"), transaction_id=TransactionId(f"t{n}"), evse_id=1,
            started=now - timedelta(days=n, hours=9), ended=now - timedelta(days=n), import_wh=24_000.0,
            export_wh=3_000.0, cost_eur=1.9, expected_cost_eur=1.8, uncontrolled_cost_eur=4.4,
            wear_low_eur=0.01, wear_high_eur=0.11,
        )
        for n in range(1, 29)
    ]  # fmt: skip
    await store.journal.commit(*records, *(SessionAccounted(account=a) for a in accounts))
    plan = _plan(now, start)
    await store.journal.commit(PlanMade(plan=plan))
    return PlannerView(state="following", plan=plan)


def _plan(now: datetime, start: datetime) -> FleetPlan:
    cars = []
    for n, bus in enumerate(BUSES, 1):
        discharge_kw = 22.0 if n % 3 == 0 else 0.0
        needs = msgspec.structs.replace(
            told(None, 30.0 + 6 * n if n != 5 else 90.0, soc_frac=0.4, capacity_wh=90e3, max_discharge_w=22e3),
            departure=now + timedelta(hours=2.0 if n == 5 else 5.0 + 1.5 * n),
        )  # fmt: skip
        cars.append(
            car(
                f"CP-{n:03d}",
                place(bus, 22.0, discharge_kw),
                needs=needs,
                started=now,
                may_discharge=True,
            )
        )
    quarters = [start + k * QUARTER for k in range(144)]
    spot = np.array([price(at) for at in quarters])
    outlook = Outlook(
        now=now, import_eur_per_kwh=spot + 0.05, export_eur_per_kwh=spot,
        base=Forecast(np.full(144, STATIC_W), np.full(144, 0.03 * STATIC_W), 21), base_margin=1.645,
        import_limit_w=None, price_source="ENTSO-E NL",
        bids=tuple(
            HourBid(at=start.replace(minute=0) + timedelta(hours=h), bid_mw=0.0, p90_mw=0.022 * (h % 4),
                    availability_frac=0.93, expected_profit_eur=0.0, samples=41)
            for h in range(4)
        ),
        notes=("prices: 1 x interval filled", "prices after 06 Mar 23:00 UTC repeat the day before"),
    )  # fmt: skip
    return make_plan(outlook, cars, Learned(()), DEFAULTS, wear_terms(100.0), guard(*cars))
