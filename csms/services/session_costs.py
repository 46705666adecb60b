"""What each session has come to: running accounts in memory, the stored meter history as the last word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from csms.clock import Clock
from csms.domain.ports import History
from csms.domain.tariff import Cost, Tariff
from csms.domain.transaction import Transaction
from csms.domain.values import MeterReading
from csms.ids import EvseKey, StationId, TransactionId
from csms.market.session_cost import Account, MeterPoint, PriceStep, add, reckon

Key = tuple[StationId, TransactionId]
_PAGE = 10_000
INSTANT = timedelta(microseconds=1)
"""The store's meter values end before the end asked for."""


@dataclass(slots=True)
class Session:
    account: Account
    tariff_id: str | None = None
    """The price that the station was last told for this transaction."""


class SessionCosts:
    """Accounts of the open transactions, by the prices given to :meth:`priced`."""

    def __init__(self, history: History, clock: Clock, currency: str) -> None:
        self._history = history
        self._clock = clock
        self._currency = currency
        self._steps: list[PriceStep] = []
        self._sessions: dict[Key, Session] = {}

    def priced(self, tariffs: Sequence[Tariff]) -> None:
        """All prices ever posted, ascending."""
        self._steps = [PriceStep(t.since, t.import_per_kwh, t.export_per_kwh) for t in tariffs]

    def open(self, tx: Transaction) -> Session | None:
        return self._sessions.get((tx.station_id, tx.transaction_id))

    async def metered(self, tx: Transaction, readings: tuple[MeterReading, ...]) -> Session:
        """The session with these readings in it. Call it when they are committed: the account of a transaction that
        is new here, as after a restart, is made from the store."""
        key = (tx.station_id, tx.transaction_id)
        session = self._sessions.get(key)
        if session is None:
            found = Session(reckon(await self._points(tx), self._steps))
            session = self._sessions.setdefault(key, found)
            if session is found:
                return session
        for reading in readings:
            point = meter_point(reading, session.account.last)
            if point is not None:
                session.account = add(session.account, point, self._steps)
        return session

    def close(self, tx: Transaction) -> None:
        self._sessions.pop((tx.station_id, tx.transaction_id), None)

    def keep_only(self, still_open: set[Key]) -> None:
        """Forget transactions whose end was never told."""
        for key in self._sessions.keys() - still_open:
            del self._sessions[key]

    async def cost(self, tx: Transaction) -> Cost:
        """From the running account where nothing came late or is missing, else from the store.

        Raises ``StoreUnavailable``.
        """
        session = self.open(tx)
        if session is not None and not session.account.late and not tx.missing_seq_nos:
            account = session.account
        else:
            account = reckon(await self._points(tx), self._steps)
        return self.of(account, tx)

    def of(self, account: Account, tx: Transaction) -> Cost:
        last = account.last
        return Cost(
            amount=account.amount,
            earned=account.earned.quantize(Decimal("0.01")),
            currency=self._currency,
            at=last.at if last else tx.last_at or self._clock.now(),
            import_wh=last.import_wh if last else 0.0,
            final=not tx.is_open,
        )

    async def _points(self, tx: Transaction) -> list[MeterPoint]:
        begin, end = _span(tx)
        if begin is None or end is None or not tx.evse_id:
            return []
        points: list[MeterPoint] = []
        last: MeterPoint | None = None
        key = EvseKey(tx.station_id, tx.evse_id)
        while True:
            page = await self._history.meter_values(key, begin, end + INSTANT, limit=_PAGE)
            for record in page:
                if record.transaction_id == tx.transaction_id:
                    last = meter_point(record.reading, last) or last
                    if last is not None and (not points or points[-1] != last):
                        points.append(last)
            if len(page) < _PAGE or page[-1].reading.at <= begin:
                return points
            begin = page[-1].reading.at


def meter_point(reading: MeterReading, before: MeterPoint | None) -> MeterPoint | None:
    """Both registers; one that is not told stands where it stood. ``None`` without any."""
    told_in, told_out = reading.energy_import_wh, reading.energy_export_wh
    if told_in is None and told_out is None:
        return None
    import_wh = told_in if told_in is not None else (before.import_wh if before else 0.0)
    export_wh = told_out if told_out is not None else (before.export_wh if before else 0.0)
    return MeterPoint(reading.at, import_wh, export_wh)


def _span(tx: Transaction) -> tuple[datetime | None, datetime | None]:
    """When its first and last meter values were taken."""
    spans = [span for span in (tx.imported, tx.exported) if span is not None]
    begins = [span.first.at for span in spans]
    ends = [span.last.at for span in spans]
    return min(begins, default=None), max(ends, default=None)
