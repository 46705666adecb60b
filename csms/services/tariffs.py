"""The posted price on its way to the drivers (OCPP block I).

A price is posted for the whole site and holds until the next one. Stations get it in the words of their version when
they come and when it changes; what a session costs is reckoned here from the meter, whoever displays it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from csms.clock import Clock
from csms.domain.commands import (
    ChangeTransactionTariff,
    Command,
    CommandState,
    SetTariff,
    ShowCost,
)
from csms.domain.errors import DomainError, InvalidInput, StoreUnavailable
from csms.domain.events import TransactionTold
from csms.domain.fleet import Fleet, StationState
from csms.domain.ports import History, Journal
from csms.domain.records import AuditRecord, TariffPosted
from csms.domain.tariff import Cost, Tariff
from csms.domain.transaction import Transaction
from csms.domain.values import MeterReading
from csms.ids import StationId
from csms.services.command_desk import CommandDesk
from csms.services.live import LiveBus
from csms.services.session_costs import SessionCosts

ISSUER = "tariff"
POSTED = "PostTariff"
"""The audit action that tells who posted which price, and why."""
REMEMBERED = 50_000
"""Prices taken up at start, and kept: at one a quarter hour, those of a year and more."""
MAX_PRICE = Decimal(1000)
_REFUSED = (CommandState.REJECTED, CommandState.FAILED)


class Display(StrEnum):
    """What a station does with a price."""

    CALCULATES = "calculates"
    """2.1 with local cost calculation: it reports what it calculated and is told no totals."""
    SHOWS = "shows"
    """It shows the text and the totals it is told."""
    NONE = "none"


class TariffDesk:
    """Posts prices and shows what the sessions come to."""

    def __init__(
        self,
        fleet: Fleet,
        desk: CommandDesk,
        journal: Journal,
        history: History,
        live: LiveBus,
        clock: Clock,
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
        *,
        currency: str = "EUR",
        running_cost_s: float = 60.0,
    ) -> None:
        self._fleet = fleet
        self._desk = desk
        self._journal = journal
        self._history = history
        self._live = live
        self._clock = clock
        self._spawn = spawn
        self._currency = currency
        self._running_cost_s = running_cost_s
        self._posted: list[Tariff] = []
        self._displays: dict[StationId, Display] = {}
        self.costs = SessionCosts(history, clock, currency)

    @property
    def current(self) -> Tariff | None:
        return self._posted[-1] if self._posted else None

    def posted(self, since: datetime | None = None) -> list[Tariff]:
        """Oldest first; with ``since``, from the one in force then."""
        if since is None:
            return list(self._posted)
        older = [t for t in self._posted if t.since <= since][-1:]
        return older + [t for t in self._posted if t.since > since]

    def display(self, station_id: StationId) -> Display:
        return self._displays.get(station_id, Display.NONE)

    async def recover(self) -> None:
        """Take up the prices posted before a restart."""
        self._posted = list(await self._history.tariffs(REMEMBERED))
        self.costs.priced(self._posted)

    async def post(
        self,
        import_per_kwh: Decimal,
        *,
        export_per_kwh: Decimal = Decimal(0),
        actor: str,
        why: str = "",
    ) -> Tariff:
        """Put a price in force now and tell every station. Raises ``InvalidInput``, ``StoreUnavailable``."""
        for name, price in (("import_per_kwh", import_per_kwh), ("export_per_kwh", export_per_kwh)):
            if not price.is_finite() or abs(price) > MAX_PRICE:
                raise InvalidInput(f"{name}: expected -{MAX_PRICE} to {MAX_PRICE}, got {price}")
        now = self._clock.now()
        if self._posted:
            now = max(now, self._posted[-1].since + timedelta(microseconds=1))
        tariff = Tariff(
            since=now,
            import_per_kwh=import_per_kwh,
            export_per_kwh=export_per_kwh,
            currency=self._currency,
        )
        await self._journal.commit(TariffPosted(tariff=tariff), _to_audit(tariff, actor, why))
        self._posted = [*self._posted[1 - REMEMBERED :], tariff]
        self.costs.priced(self._posted)
        self._live.publish("tariff", tariff)
        for station in self._fleet:
            if station.connected and station.booted:
                self._spawn(self.tell(station), f"tariff {station.station_id}")
        return tariff

    async def tell(self, station: StationState) -> None:
        """Give a station the price in force; learn from its answer what it does with one."""
        tariff = self.current
        if tariff is None:
            return
        display = Display.CALCULATES if station.version == "2.1" else Display.SHOWS
        state = await self._push(station, SetTariff(tariff=tariff))
        if display is Display.CALCULATES and state in _REFUSED:
            display = Display.SHOWS
            state = await self._push(station, SetTariff(tariff=tariff, calculates=False))
        if state is CommandState.ACCEPTED:
            self._displays[station.station_id] = display
        elif state in _REFUSED:
            self._displays[station.station_id] = Display.NONE
        if self.display(station.station_id) is Display.NONE:
            return
        for tx in list(station.transactions.values()):
            await self._retell(station, tx, tariff)

    async def told(
        self, station: StationState, event: TransactionTold, tx: Transaction
    ) -> tuple[Decimal | None, str | None]:
        """The cost and the price text that the answer to a committed event carries; ``None`` for what it does not."""
        tariff = self.current
        if tariff is None:
            return None, None
        shows = self.display(station.station_id) is Display.SHOWS
        session = await self.costs.metered(tx, event.readings)
        if tx.is_open:
            if not shows:
                return None, None
            text = None if session.tariff_id == tariff.tariff_id else tariff.text
            session.tariff_id = tariff.tariff_id
            return session.account.amount, text
        cost = await self.costs.cost(tx)
        self.costs.close(tx)
        self._live.publish("cost", (station.station_id, tx.transaction_id, cost))
        if event.station_cost is not None:
            self._compare(tx, cost, event.station_cost)
            return None, None  # it has shown its own already (I12)
        if shows and station.version == "1.6":
            show = ShowCost(transaction_id=tx.transaction_id, cost=cost, tariff=tariff)
            self._spawn(self._show(station, show), f"cost {station.station_id}")
        return cost.amount, None

    async def metered(self, tx: Transaction, readings: tuple[MeterReading, ...]) -> None:
        """Meter values outside of transaction messages (1.6), committed."""
        if self._posted and tx.is_open:
            await self.costs.metered(tx, readings)

    async def run(self) -> None:
        """Tell displays what their sessions have come to, for ever."""
        while True:
            await asyncio.sleep(self._running_cost_s)
            self.show_all()

    def show_all(self) -> None:
        """Every station on its own: one that does not answer holds up no other."""
        tariff, still_open = self.current, set()
        for station in self._fleet:
            still_open |= {(station.station_id, key) for key in station.transactions}
            shows = self.display(station.station_id) is Display.SHOWS
            if tariff is not None and shows and station.connected and station.transactions:
                self._spawn(self._show_station(station, tariff), f"cost {station.station_id}")
        self.costs.keep_only(still_open)

    async def _show_station(self, station: StationState, tariff: Tariff) -> None:
        try:
            for tx in list(station.transactions.values()):
                await self._show_running(station, tx, tariff)
        except StoreUnavailable as error:
            self._live.publish("alarm", f"running costs not shown: {error.message}")

    async def _retell(self, station: StationState, tx: Transaction, tariff: Tariff) -> None:
        """2.0.1 has no message for a new price: the next answer to its TransactionEvent carries the text."""
        session = await self.costs.metered(tx, ())
        if station.version != "2.0.1" and tx.token is not None:
            change = ChangeTransactionTariff(
                transaction_id=tx.transaction_id, token=tx.token, tariff=tariff
            )
            calculates = self.display(station.station_id) is Display.CALCULATES
            if (calculates or station.version == "1.6") and (
                await self._push(station, change) is CommandState.ACCEPTED
            ):
                session.tariff_id = tariff.tariff_id
        if self.display(station.station_id) is Display.SHOWS:
            await self._show_running(station, tx, tariff)

    async def _show_running(self, station: StationState, tx: Transaction, tariff: Tariff) -> None:
        session = await self.costs.metered(tx, ())
        if session.account.last is not None:
            cost = self.costs.of(session.account, tx)
            show = ShowCost(transaction_id=tx.transaction_id, cost=cost, tariff=tariff)
            await self._push(station, show)

    async def _show(self, station: StationState, command: ShowCost) -> None:
        await self._push(station, command)

    def _compare(self, tx: Transaction, cost: Cost, theirs: Decimal) -> None:
        """Stations round per period, so a cent or a hundredth is no difference."""
        if abs(cost.amount - theirs) > max(Decimal("0.02"), abs(cost.amount) / 100):
            self._live.publish(
                "alarm",
                f"{tx.station_id}: transaction {tx.transaction_id}: the station showed"
                f" {theirs} {cost.currency}, the meter makes it {cost.amount}",
            )

    async def _push(self, station: StationState, command: Command) -> CommandState:
        try:
            record = await self._desk.push(station.station_id, command, issued_by=ISSUER)
        except DomainError:  # its version or its transaction id has no words for this
            return CommandState.REJECTED
        return record.state


def _to_audit(tariff: Tariff, actor: str, why: str) -> AuditRecord:
    detail = {
        "since": tariff.since.isoformat(),
        "import_per_kwh": str(tariff.import_per_kwh),
        "export_per_kwh": str(tariff.export_per_kwh),
        "currency": tariff.currency,
        "why": why,
    }
    return AuditRecord(at=tariff.since, actor=actor, action=POSTED, target="site", detail=detail)
