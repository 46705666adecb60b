"""The shell: when it plans, what it falls back to and says, and how it goes on after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from csms.dispatch.decide import FeederDesk
from csms.dispatch.optimum.ac_check import Limits
from csms.dispatch.planner.assembly import build_planner
from csms.dispatch.planner.loop import PlannerLoop
from csms.dispatch.signals import GridSignals
from csms.domain.events import ChargingNeedsTold
from csms.domain.fleet import EvseState, Fleet
from csms.domain.records import MeterRecord, TransactionRecord
from csms.domain.transaction import Register, Span, Transaction
from csms.domain.values import IdToken, MeterReading
from csms.ids import EvseKey, StationId, TransactionId
from csms.market.errors import PriceTableError
from csms.market.prices import PriceTable
from csms.services.live import LiveBus, Watch
from csms.settings.model import Planner
from csms.store import InlineStore
from tests.unit.planner.cars import IEEE33, STATIC_W, T0, place


class Clock:
    def __init__(self) -> None:
        self.at = T0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - T0).total_seconds()


class Prices:
    """Dear until 9:00, then cheap; or whatever goes wrong."""

    name = "test prices"

    def __init__(self) -> None:
        self.error: str | None = None
        self.eur_per_mwh = [300.0] + [50.0] * 47

    async def day_ahead(self, _start: datetime, _end: datetime) -> PriceTable:
        if self.error is not None:
            raise PriceTableError(self.error)
        return PriceTable(T0, 3600, np.array(self.eur_per_mwh), {"row out of order": 2})


async def at_once(work: Callable[[], Any]) -> Any:
    return work()


class Site:
    """A planner over a fleet that the test moves; the store is real, in memory."""

    def __init__(
        self, source: Prices | None = None, store: InlineStore | None = None, **options: Any
    ) -> None:
        self.clock = Clock()
        self.fleet = Fleet()
        self.live = LiveBus()
        self.alarms: Watch = self.live.watch("alarm")
        self.store = store or InlineStore()
        self.prices = source
        places = {EvseKey(StationId(n), 1): place("17", 11.0, 11.0) for n in "AB"}
        self.desk = FeederDesk(
            IEEE33, places, Limits(0.90, 1.10, margin_pu=0.001), safe_frac=0.25, ramp_w_per_min=1e9,
            period_s=1.0, droop=None,
        )  # fmt: skip
        for key, at in places.items():
            station = self.fleet.station(key.station_id)
            station.connected = True
            station.evse(1).place = at
        self.loop: PlannerLoop = build_planner(
            Planner(**options), self.desk, self.fleet, self.store.journal, self.store.history,
            self.store.plans, self.live, self.clock, GridSignals(self.clock), source, at_once,
        )  # fmt: skip

    def evse(self, name: str = "A") -> EvseState:
        return self.fleet.station(StationId(name)).evse(1)

    def plug_in(
        self, name: str = "A", tx: str = "1", kwh: float | None = 11.0, leaves_h: float = 4.0
    ) -> None:
        evse, now = self.evse(name), self.clock.at
        evse.transaction = Transaction(
            station_id=StationId(name), transaction_id=TransactionId(tx), evse_id=1, started=now,
            token=IdToken(value="anna"),
        )  # fmt: skip
        evse.needs = None
        if kwh is not None:
            evse.needs = ChargingNeedsTold(
                evse_id=1, requested_transfer="AC", departure=now + timedelta(hours=leaves_h),
                energy_wh=1e3 * kwh,
            )  # fmt: skip

    def turn(self, hours: float | None = None) -> None:
        if hours is not None:
            self.clock.at = T0 + timedelta(hours=hours)
        asyncio.run(self.loop.turn())

    def try_turn(self) -> None:
        """As ``run`` does it: failures end as a fallback."""

        async def briefly() -> None:
            task = asyncio.create_task(self.loop.run())
            for _ in range(20):
                await asyncio.sleep(0)
            task.cancel()

        asyncio.run(briefly())

    def planned_w(self, name: str = "A") -> float | None:
        return self.loop.planned_w(self.evse(name), self.clock.at)

    def told(self) -> list[str]:
        found = [note.data for note in self.alarms._queue]
        self.alarms._queue.clear()
        return found


@pytest.fixture
def site() -> Site:
    found = Site(Prices())
    found.plug_in()
    return found


def test_a_car_waits_for_the_cheap_hour(site: Site) -> None:
    site.turn()
    assert site.planned_w() == 0.0
    site.turn(1.0)
    assert site.planned_w() == 11_000.0
    assert site.loop.view.state == "following"
    assert site.loop.view.reason is None


def test_repairs_and_guesses_are_told_with_the_plan(site: Site) -> None:
    site.turn()
    assert site.loop.view.plan is not None
    assert "prices: 2 x row out of order" in site.loop.view.plan.summary.notes


def test_a_car_that_comes_within_the_quarter_hour_is_planned_at_the_next_look(site: Site) -> None:
    site.turn()
    site.clock.at = T0 + timedelta(minutes=3)
    site.plug_in("B", "2")
    assert site.planned_w("B") is None
    site.turn()
    assert site.planned_w("B") == 0.0


def test_new_needs_change_the_plan_and_count_from_the_meter_of_that_moment(site: Site) -> None:
    site.turn()
    evse = site.evse()
    assert evse.transaction is not None
    assert evse.needs is not None
    register = Span(first=Register(at=T0, wh=0.0), last=Register(at=T0, wh=9_000.0))
    evse.transaction = msgspec.structs.replace(evse.transaction, imported=register)
    site.turn(0.05)
    first = site.loop.view.plan
    evse.needs = msgspec.structs.replace(evse.needs, energy_wh=5_000.0)
    site.turn(0.1)
    second = site.loop.view.plan
    assert first is not None
    assert second is not None
    assert second.evs[0].need_wh == pytest.approx(5_000.0)


def test_nothing_changed_and_no_quarter_begun_makes_no_new_plan(site: Site) -> None:
    site.turn()
    made = site.loop.view.plan
    site.turn(0.2)
    assert site.loop.view.plan is made


def test_another_transaction_does_not_inherit_the_schedule(site: Site) -> None:
    site.turn()
    site.plug_in("A", "9")
    assert site.planned_w() is None


def test_without_a_price_source_cars_charge_at_once_and_the_remedy_is_told() -> None:
    site = Site(None)
    site.plug_in()
    site.try_turn()
    assert site.planned_w() is None
    assert site.loop.view.state == "fallback"
    assert site.told() == ["planner: no price source: set planner.prices or prices.sources"]


def test_when_prices_fail_the_last_plan_goes_on_until_it_is_stale_then_cars_charge_at_once(
    site: Site,
) -> None:
    assert site.prices is not None
    site.turn()
    site.prices.error = "ENTSO-E: no answer"
    site.turn(0.25)
    assert site.loop.view.state == "following"
    assert site.loop.view.reason == "ENTSO-E: no answer"
    assert site.planned_w() == 0.0
    site.turn(0.5)
    assert site.loop.view.state == "fallback"
    assert site.planned_w() is None
    assert site.told() == ["planner: ENTSO-E: no answer"]  # once, not every quarter hour
    site.prices.error = None
    site.turn(0.75)
    assert site.loop.view.state == "following"
    assert site.planned_w() == 0.0


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ("2026-01-05 09:00,50\n2026-01-05 08:00,300\n2026-01-05 10:00,50\n", "following"),
        ("2026-01-05 08:00,300\n2026-01-05 08:00,300\n2026-01-05 09:00,50\n", "following"),
        ("2026-01-05 08:00,300\n2026-01-05 09:00,nan\n2026-01-05 10:00,50\n", "following"),
        ("2026-01-05 08:00,300\n05/01/2026 09:00,50\n", "fallback"),
        ("2026-01-05 08:00,x\n2026-01-05 09:00,y\n", "fallback"),
        ("2026-01-05 08:00,300\n2026-01-06 09:00,50\n", "fallback"),
        ("2025-01-05 08:00,300\n2025-01-05 09:00,50\n", "fallback"),
    ],
    ids=["unsorted", "duplicated", "not a number", "mixed, undecided", "no price", "gap", "old"],
)  # fmt: skip
def test_a_bad_price_file_is_mended_or_falls_back_with_its_name_never_a_nan(
    tmp_path: Path, rows: str, state: str
) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("Datetime (UTC),Price\n" + rows)
    site = Site(None, prices=file)
    site.plug_in()
    site.try_turn()
    view = site.loop.view
    assert view.state == state
    if state == "fallback":
        assert view.reason is not None
        assert view.reason.startswith("file prices.csv")
        assert site.planned_w() is None
    else:
        assert view.plan is not None
        assert np.isfinite([*view.plan.import_eur_per_kwh, view.plan.summary.cost_eur]).all()
        assert site.planned_w() == 0.0


def test_an_infeasible_departure_is_announced_once_and_charged_for_as_far_as_can_be(
    site: Site,
) -> None:
    site.plug_in("A", "5", kwh=50.0, leaves_h=1.0)
    site.turn()
    assert site.planned_w() == 11_000.0
    told = site.told()
    assert len(told) == 1, told
    alarm = told[0]
    assert alarm.startswith("A/1: 39.0 kWh will lack at 05 Jan 09:00 UTC")
    site.turn(0.25)
    assert site.told() == []


def test_after_a_restart_the_last_plan_goes_on(site: Site) -> None:
    site.turn()
    again = Site(Prices(), site.store)
    again.evse().transaction = site.evse().transaction
    assert again.prices is not None
    again.prices.error = "not yet"
    again.clock.at = T0 + timedelta(minutes=10)
    again.try_turn()
    assert again.loop.view.state == "following"
    assert again.planned_w() == 0.0


def test_an_outage_of_the_store_stops_neither_planning_nor_following(site: Site) -> None:
    async def down(*_records: object) -> None:
        from csms.domain.errors import StoreUnavailable

        raise StoreUnavailable("the disk is full")

    site.store.journal.commit = down  # type: ignore[method-assign]
    site.turn()
    assert site.planned_w() == 0.0
    assert site.told() == ["planner: not written: the disk is full"]


async def _end_session(site: Site, tx: str, kwh: float) -> None:
    """Charged from 9:00 to 10:00, ended at 10:00."""
    evse = site.evse()
    assert evse.transaction is not None
    nine, ten = T0 + timedelta(hours=1), T0 + timedelta(hours=2)
    done = msgspec.structs.replace(
        evse.transaction, ended=ten,
        imported=Span(first=Register(at=T0, wh=0.0), last=Register(at=ten, wh=1e3 * kwh)),
    )  # fmt: skip
    readings = [
        MeterReading(at=nine - timedelta(seconds=1), energy_import_wh=0.0),
        MeterReading(at=nine, energy_import_wh=0.0),
        MeterReading(at=ten, energy_import_wh=1e3 * kwh),
    ]
    await site.store.journal.commit(
        TransactionRecord(transaction=done),
        *(
            MeterRecord(evse=evse.key, reading=r, received=r.at, transaction_id=TransactionId(tx))
            for r in readings
        ),
    )
    evse.transaction = done


def test_an_ended_session_is_settled_once_from_its_meter(site: Site) -> None:
    """11 kWh at 0.05 + 0.05; at once at 11 kW it had been the hour from 8:00 at 0.30 + 0.05."""
    asyncio.run(site.loop._resume())
    site.turn()
    site.turn(1.0)
    asyncio.run(_end_session(site, "1", 11.0))
    site.turn(2.0)
    later = T0 + timedelta(days=1)
    assert (
        asyncio.run(site.store.plans.session_accounts(T0, later)) == []
    )  # its last values may come
    site.turn(2.25)
    (account,) = asyncio.run(site.store.plans.session_accounts(T0, later))
    assert account.cost_eur == pytest.approx(1.10)
    assert account.uncontrolled_cost_eur == pytest.approx(3.85)
    assert account.expected_cost_eur == pytest.approx(1.10)
    assert asyncio.run(site.store.plans.unsettled(T0, later)) == []


def test_sessions_from_before_the_planner_are_nobodys_saving() -> None:
    site = Site(Prices())
    site.plug_in()
    asyncio.run(_end_session(site, "1", 11.0))
    site.clock.at = T0 + timedelta(hours=3)
    site.try_turn()
    site.turn(3.25)
    assert asyncio.run(site.store.plans.session_accounts(T0, T0 + timedelta(days=1))) == []


async def _main_meter(site: Site, station: str, days: int, watts: float) -> None:
    records = []
    for quarter in range(96 * days):
        at = T0 - timedelta(minutes=15 * (quarter + 1))
        records.append(
            MeterRecord(
                evse=EvseKey(StationId(station), 0),
                reading=MeterReading(at=at, power_w=watts),
                received=at,
            )
        )
    await site.store.journal.commit(*records)


@pytest.mark.parametrize(("days", "base_w", "known"), [(4, 123_000.0, True), (1, STATIC_W, False)])
def test_other_load_is_learned_from_the_sites_main_meter_or_taken_from_the_feeder(
    days: int, base_w: float, known: bool
) -> None:
    site = Site(Prices(), site_meter="MAIN")
    asyncio.run(_main_meter(site, "MAIN", days, 123_000.0))
    site.turn()
    plan = site.loop.view.plan
    assert plan is not None
    assert plan.base_w[0] == pytest.approx(base_w)
    assert (plan.base_rmse_w is not None) is known
    assert any("fewer than two past days" in note for note in plan.summary.notes) is not known


def test_bids_without_history_are_zero_and_said_so() -> None:
    site = Site(Prices(), reserve_product="afrr")
    site.turn()
    plan = site.loop.view.plan
    assert plan is not None
    assert plan.bids == ()
    assert any("a bid of zero is the fallback" in note for note in plan.summary.notes)


async def _history(site: Site, days: int) -> None:
    """Both cars stand there from 7:00 to 13:00 every day."""
    records = []
    for day in range(1, days + 1):
        for name in "AB":
            start = T0 - timedelta(days=day, hours=1)
            records.append(
                TransactionRecord(
                    transaction=Transaction(
                        station_id=StationId(name), transaction_id=TransactionId(f"{name}{day}"),
                        evse_id=1, started=start, ended=start + timedelta(hours=6),
                        token=IdToken(value="anna"),
                        imported=Span(first=Register(at=start, wh=0.0), last=Register(at=start, wh=9e3)),
                    )
                )
            )  # fmt: skip
    await site.store.journal.commit(*records)


def test_the_stores_history_teaches_departures_and_availability() -> None:
    site = Site(Prices(), reserve_product="energinet-p90")
    asyncio.run(_history(site, 60))
    site.plug_in(kwh=None)
    site.turn()
    plan = site.loop.view.plan
    assert plan is not None
    (ev,) = plan.evs
    assert (ev.departure_source, ev.need_source) == ("learned", "learned")
    assert ev.departure == T0 + timedelta(hours=6)
    assert ev.need_wh == pytest.approx(9_000.0)
    assert plan.bids[0].p90_mw == pytest.approx(0.022)  # both of 11 kW, every day
    assert plan.bids[0].bid_mw == 0.0  # below the product's 0.1 MW
    assert plan.bids[8].p90_mw == 0.0  # nobody was ever there at 16:00
