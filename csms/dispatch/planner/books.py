"""The planner's book-keeping: what was planned and at which price, and from the meters what came of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from csms.clock import Clock
from csms.dispatch.planner.account import Prices, quarter_accounts, session_account
from csms.dispatch.planner.prices import Float
from csms.domain.errors import DomainError
from csms.domain.fleet import EvsePlace, EvseState
from csms.domain.plan import QUARTER, QUARTER_S, FleetPlan, quarter_of
from csms.domain.ports import Journal, PlanHistory
from csms.domain.records import QuarterAccounted, Record, SessionAccounted
from csms.domain.transaction import Transaction
from csms.ids import EvseKey, StationId, TransactionId
from csms.services.live import Publisher

GRACE = timedelta(seconds=60)
"""After its end a transaction's last meter values may still be on their way."""
LATE = timedelta(days=7)
"""A transaction whose end is told later than this has no account."""

QUARTER_H = QUARTER_S / 3600.0
_TxKey = tuple[StationId, TransactionId]


class PlannerBooks:
    """Prices and plans of the last days in memory, accounts in the store."""

    def __init__(
        self,
        place_of: Callable[[EvseKey], EvsePlace | None],
        journal: Journal,
        plans: PlanHistory,
        live: Publisher,
        clock: Clock,
        *,
        grid_fee_eur_per_kwh: float,
        export_fee_eur_per_kwh: float,
        efficiency: float,
    ) -> None:
        self._place_of = place_of
        self._journal = journal
        self._plans = plans
        self._live = live
        self._clock = clock
        self._grid_fee = grid_fee_eur_per_kwh
        self._export_fee = export_fee_eur_per_kwh
        self._efficiency = efficiency
        self._since = datetime.max.replace(tzinfo=UTC)
        self._wear = (0.0, 0.0)
        self._planned_wh: dict[_TxKey, dict[datetime, float]] = defaultdict(dict)
        self._full_w: dict[_TxKey, float] = {}
        self.spot: dict[datetime, float] = {}
        """EUR/kWh without fees, by quarter hour."""

    def begin(self, since: datetime) -> None:
        """Transactions that end after ``since`` are accounted: from there on somebody planned them."""
        self._since = since

    def learn_prices(self, start: datetime, spot_eur_per_kwh: Float) -> None:
        for k, price in enumerate(spot_eur_per_kwh.tolist()):
            self.spot[start + k * QUARTER] = price
        oldest = start - LATE
        self.spot = {at: price for at, price in self.spot.items() if at >= oldest}

    def adopt(self, plan: FleetPlan) -> None:
        """Of a quarter hour that has begun, the part that is over keeps what was planned for it."""
        now = plan.summary.made
        self._wear = (plan.wear_low_eur_per_kwh, plan.wear_high_eur_per_kwh)
        current = quarter_of(now)
        for ev in plan.evs:
            known = self._planned_wh[ev.station_id, ev.transaction_id]
            kept = {at: wh for at, wh in known.items() if at < current}
            for k, power_w in enumerate(ev.power_w):
                at = plan.start + k * QUARTER
                over = max(now - at, timedelta(0)) / QUARTER
                kept[at] = known.get(at, 0.0) * over + power_w * (1.0 - over) * QUARTER_H
            self._planned_wh[ev.station_id, ev.transaction_id] = kept
            self._full_w[ev.station_id, ev.transaction_id] = ev.max_charge_w

    async def settle(self, charging: Sequence[EvseState], now: datetime) -> None:
        """Accounts of the quarter hour that ended, and of the transactions that did."""
        try:
            prices = self._prices()
            ended = await self._plans.unsettled(max(self._since, now - LATE), now - GRACE)
            for tx in ended:
                await self.write(*await self._settled(tx, prices))
                self._forget(tx)
            running = [e.transaction for e in charging if e.transaction is not None]
            self._planned_wh = defaultdict(
                dict,
                {
                    key: quarters
                    for key, quarters in self._planned_wh.items()
                    if max(quarters, default=now) >= now - LATE
                },
            )
            await self.write(*[r for one in running for r in await self._quarter(one, prices, now)])
        except DomainError as error:
            self._live.publish("alarm", f"planner: accounts not kept: {error.message}")

    async def write(self, *records: Record) -> None:
        """What cannot be written now is an alarm; the schedule is followed all the same."""
        if not records:
            return
        try:
            await self._journal.commit(*records)
        except DomainError as error:
            self._live.publish("alarm", f"planner: not written: {error.message}")

    async def _quarter(self, tx: Transaction, prices: Prices, now: datetime) -> list[Record]:
        end = quarter_of(now)
        begin = max(end - QUARTER, tx.started or end)
        if begin >= end:
            return []
        samples = await self._plans.registers(
            EvseKey(tx.station_id, tx.evse_id), end - 2 * QUARTER, end + QUARTER
        )
        key = tx.station_id, tx.transaction_id
        accounts = quarter_accounts(tx, samples, self._planned_wh.get(key, {}), prices, begin, end)
        return [QuarterAccounted(account=account) for account in accounts]

    async def _settled(self, tx: Transaction, prices: Prices) -> list[Record]:
        assert tx.started is not None  # ``unsettled`` asks for both
        assert tx.ended is not None
        key = tx.station_id, tx.transaction_id
        evse = EvseKey(tx.station_id, tx.evse_id)
        kept = await self._plans.quarters_of(tx)
        planned = {q.at: q.planned_wh for q in kept if q.planned_wh is not None}
        planned |= self._planned_wh.get(key, {})
        prices = dict(prices) | {
            q.at: (q.import_eur_per_kwh, q.export_eur_per_kwh)
            for q in kept
            if q.import_eur_per_kwh is not None and q.export_eur_per_kwh is not None
        }
        samples = await self._plans.registers(evse, tx.started, tx.ended)
        quarters = quarter_accounts(tx, samples, planned, prices, tx.started, tx.ended)
        place = self._place_of(evse)
        account = session_account(
            tx,
            quarters,
            full_power_w=self._full_w.get(key, place.max_power_w if place else 0.0),
            efficiency=self._efficiency,
            wear_eur_per_kwh=self._wear,
        )
        return [*(QuarterAccounted(account=q) for q in quarters), SessionAccounted(account=account)]

    def _prices(self) -> dict[datetime, tuple[float, float]]:
        return {
            at: (spot + self._grid_fee, spot - self._export_fee) for at, spot in self.spot.items()
        }

    def _forget(self, tx: Transaction) -> None:
        self._planned_wh.pop((tx.station_id, tx.transaction_id), None)
        self._full_w.pop((tx.station_id, tx.transaction_id), None)
