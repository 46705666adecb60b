"""Every quarter hour, and when a car comes: look at the fleet, plan off the event loop, keep what was planned.

What can go wrong ends as a message and a fallback: a plan stays in force until it is stale, then every car charges as
if there were no planner.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import numpy as np

from csms.clock import Clock
from csms.dispatch.planner.bids import MAX_WEEKS, PlugInHistory, Reserve, hour_bids
from csms.dispatch.planner.books import PlannerBooks
from csms.dispatch.planner.forecast import PER_DAY, Forecast, constant, forecast
from csms.dispatch.planner.limits import FeederGuard
from csms.dispatch.planner.needs import Defaults, Learned, PastSession, past_session
from csms.dispatch.planner.plan import Outlook, WearTerms, make_plan, wear_terms
from csms.dispatch.planner.prices import OffLoop, quarter_prices
from csms.dispatch.planner.schedule import Schedule
from csms.dispatch.planner.sight import FleetSight
from csms.dispatch.signals import GridSignals
from csms.domain.errors import DomainError
from csms.domain.fleet import EvseState
from csms.domain.plan import QUARTER, FleetPlan, HourBid, PlannerView, quarter_of
from csms.domain.ports import History, PlanHistory
from csms.domain.records import PlanMade
from csms.ids import StationId
from csms.market.errors import EmptyHistoryError, MarketError, PriceTableError
from csms.market.price_source import PriceSource
from csms.services.live import Publisher

CHECK_S = 5.0
"""How often a newly plugged-in car is looked for."""
REST = 9.0
"""Times what the last plan took: so long arrivals wait for the next, so that planning takes a tenth of one core."""
MAX_SESSIONS, PAGE = 20_000, 1_000
FORECAST_DAYS = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerOptions:
    """Prices in EUR/kWh."""

    defaults: Defaults
    grid_fee_eur_per_kwh: float
    export_fee_eur_per_kwh: float
    horizon_quarters: int
    stale_after_s: float
    battery_eur_per_kwh: float
    base_margin: float
    site: str = ""
    site_meter: StationId | None = None
    reserve: Reserve | None = None


class PlannerLoop:
    """The shell around :func:`csms.dispatch.planner.plan.make_plan`."""

    def __init__(
        self,
        sight: FleetSight,
        books: PlannerBooks,
        guard: FeederGuard,
        prices: PriceSource | None,
        history: History,
        plans: PlanHistory,
        live: Publisher,
        clock: Clock,
        signals: GridSignals,
        off_loop: OffLoop,
        options: PlannerOptions,
    ) -> None:
        self._sight = sight
        self._books = books
        self._guard = guard
        self._prices = prices
        self._history = history
        self._plans = plans
        self._live = live
        self._clock = clock
        self._signals = signals
        self._off_loop = off_loop
        self._options = options
        self._schedule: Schedule | None = None
        self._reason: str | None = "no plan has been made yet"
        self._planned_quarter: datetime | None = None
        self._rest_until_s = float("-inf")
        self._wear: WearTerms | None = None
        self._sessions: tuple[PastSession, ...] = ()
        self._learned = Learned(())
        self._learned_on: datetime | None = None

    @property
    def view(self) -> PlannerView:
        now = self._clock.now()
        following = self._schedule is not None and not self._schedule.is_stale(now)
        return PlannerView(
            state="following" if following else "fallback",
            reason=self._reason,
            plan=self._schedule.plan if self._schedule is not None else None,
        )

    def mark(self, now: datetime) -> object:
        """Another one whenever :meth:`planned_w` may answer otherwise for an EVSE that has not changed."""
        return None if self._schedule is None else (self._schedule, self._schedule.quarter(now))

    def planned_w(self, evse: EvseState, now: datetime) -> float | None:
        """What the schedule has for an EVSE at this instant; ``None``: let it charge as if there were no planner."""
        if self._schedule is None or evse.transaction is None:
            return None
        return self._schedule.power_w(evse.key, evse.transaction.transaction_id, now)

    def planned_steps(
        self, evse: EvseState, now: datetime
    ) -> tuple[datetime, tuple[int, ...]] | None:
        """The whole schedule of the EVSE's car: W of each quarter hour from an instant on; ``None`` as above."""
        schedule, tx = self._schedule, evse.transaction
        if schedule is None or tx is None or schedule.is_stale(now):
            return None
        ev = schedule.ev(evse.key, tx.transaction_id)
        return None if ev is None else (schedule.plan.start, ev.power_w)

    async def run(self) -> None:
        """For ever. A turn that fails is an alarm, not the end."""
        try:
            await self._resume()
        except (MarketError, DomainError) as error:
            self._fall_back(f"the last plan cannot be taken up: {error}")
        while True:
            try:
                await self.turn()
            except Exception as error:  # noqa: BLE001 whatever it is, the next turn must come
                self._fall_back(f"planner failed: {type(error).__name__}: {error}")
            now = self._clock.now()
            to_next_s = (quarter_of(now) + QUARTER - now).total_seconds()
            await asyncio.sleep(min(CHECK_S, to_next_s))

    async def turn(self) -> None:
        """One look: plan when a quarter hour began or cars changed; settle what is over once a quarter hour."""
        now = self._clock.now()
        quarter = quarter_of(now)
        begun = quarter != self._planned_quarter
        begun_s = self._clock.monotonic()
        if not begun and (begun_s < self._rest_until_s or not self._sight.changed()):
            return
        self._planned_quarter = quarter
        try:
            await self._plan(now)
            ended_s = self._clock.monotonic()
            self._rest_until_s = ended_s + REST * (ended_s - begun_s)
        except (MarketError, DomainError) as error:
            self._fall_back(str(error))
        finally:
            if begun:
                await self._books.settle(self._sight.charging(), now)

    async def _resume(self) -> None:
        """After a restart the last plan goes on until it is stale; cars that left since are not in it."""
        plan = await self._plans.latest()
        now = self._clock.now()
        self._books.begin(now if plan is None else plan.summary.made)
        if plan is None:
            return
        self._schedule = Schedule(plan, stale_after_s=self._options.stale_after_s)
        self._books.adopt(plan)
        if self._prices is not None and plan.start < now:
            table = await self._prices.day_ahead(plan.start, now)
            n = (quarter_of(now) - plan.start) // QUARTER
            found = quarter_prices(table, plan.start, max(n, 1), {})
            self._books.learn_prices(plan.start, found.spot_eur_per_kwh[: found.known])

    async def _plan(self, now: datetime) -> None:
        if self._prices is None:
            raise PriceTableError("no price source: set planner.prices or prices.sources")
        options = self._options
        start, n = quarter_of(now), options.horizon_quarters
        notes: list[str] = []
        table = await self._prices.day_ahead(start, start + n * QUARTER)
        try:
            found = quarter_prices(table, start, n, self._books.spot)
        except PriceTableError as error:
            raise PriceTableError(f"{self._prices.name}: {error}") from error
        notes += [f"prices: {count} x {kind}" for kind, count in sorted(table.repairs.items())]
        if found.known < n:
            until = start + found.known * QUARTER
            notes.append(f"prices after {until:%d %b %H:%M} UTC repeat the day before")
        spot = found.spot_eur_per_kwh
        self._books.learn_prices(start, spot[: found.known])
        await self._learn(now)
        outlook = Outlook(
            now=now,
            import_eur_per_kwh=spot + options.grid_fee_eur_per_kwh,
            export_eur_per_kwh=spot - options.export_fee_eur_per_kwh,
            base=await self._base(start, n, notes),
            base_margin=options.base_margin,
            import_limit_w=self._signals.current_import_limit_w(),
            bids=await self._bids(start, notes),
            price_source=self._prices.name,
            notes=tuple(notes),
        )
        cars = self._sight.look(now)
        learned, defaults, guard = self._learned, options.defaults, self._guard
        if self._wear is None:
            self._wear = await self._off_loop(lambda: wear_terms(options.battery_eur_per_kwh))
        wear = self._wear
        plan: FleetPlan = await self._off_loop(
            lambda: make_plan(outlook, cars, learned, defaults, wear, guard)
        )
        plan = msgspec.structs.replace(
            plan, summary=msgspec.structs.replace(plan.summary, site=options.site)
        )
        self._schedule = Schedule(plan, stale_after_s=options.stale_after_s)
        self._reason = None
        self._books.adopt(plan)
        self._live.publish("plan", plan.summary)
        for ev in plan.evs:
            if ev.note is not None and self._sight.first_told(ev):
                self._live.publish("alarm", f"{ev.station_id}/{ev.evse_id}: {ev.note}")
        await self._books.write(PlanMade(plan=plan))

    def _fall_back(self, reason: str) -> None:
        if reason != self._reason:
            self._live.publish("alarm", f"planner: {reason}")
        self._reason = reason

    async def _learn(self, now: datetime) -> None:
        """Stays, energies and plug-in history, once a day."""
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if self._learned_on == today:
            return
        oldest = now - timedelta(weeks=MAX_WEEKS)
        found: list[PastSession] = []
        after: tuple[datetime, str, str] | None = None
        while len(found) < MAX_SESSIONS:
            page = await self._history.transactions(after=after, limit=PAGE)
            found += [s for tx in page if (s := past_session(tx)) and s.started >= oldest]
            last = page[-1] if page else None
            began = (last.started or last.last_at) if last is not None else None
            if last is None or len(page) < PAGE or began is None or began < oldest:
                break
            after = (began, last.station_id, last.transaction_id)
        self._sessions = tuple(found)
        self._learned = Learned(found)
        self._learned_on = today

    async def _bids(self, start: datetime, notes: list[str]) -> tuple[HourBid, ...]:
        reserve = self._options.reserve
        if reserve is None:
            return ()
        sessions, able_w = self._sessions, self._sight.able_w()
        since = min((s.started for s in sessions), default=start)

        def learned() -> tuple[HourBid, ...]:
            return hour_bids(
                PlugInHistory(sessions, able_w, since), reserve, start.replace(minute=0)
            )

        try:
            bids: tuple[HourBid, ...] = await self._off_loop(learned)
            return bids
        except EmptyHistoryError as error:
            notes.append(f"reserve {reserve.rule.name}: {error}")
            return ()

    async def _base(self, start: datetime, n: int, notes: list[str]) -> Forecast:
        """Other load of the feeder, from the site's main meter less the cars; else the feeder file's."""
        static = constant(self._guard.static_w, n)
        if self._options.site_meter is None:
            return static
        midnight = start.replace(hour=0, minute=0)
        since = midnight - timedelta(days=FORECAST_DAYS)
        metered = await self._plans.main_meter(self._options.site_meter, since, start)
        cars = {q.at: q.metered_wh for q in await self._plans.quarter_totals(since, start)}
        history = np.full((FORECAST_DAYS + 1, PER_DAY), np.nan)
        for at, mean_w in metered:
            k = (at - since) // QUARTER
            history[k // PER_DAY, k % PER_DAY] = mean_w - cars.get(at, 0.0) * (
                timedelta(hours=1) / QUARTER
            )
        found = forecast(history, (start - midnight) // QUARTER, n)
        if found is None:
            notes.append(
                f"main meter {self._options.site_meter}: fewer than two past days; other load is taken"
                " from the feeder file"
            )
            return static
        return found
