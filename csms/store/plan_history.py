"""The read side of plans and accounts: the repository's synchronous reads, run by whatever suits the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from csms.domain.plan import (
    FleetPlan,
    PlanSummary,
    QuarterAccount,
    QuarterTotal,
    RegisterSample,
    SessionAccount,
)
from csms.domain.transaction import Transaction
from csms.ids import EvseKey, StationId
from csms.store.history import Read, bounded
from csms.store.repositories import plans


class StoredPlanHistory:
    """``csms.domain.ports.PlanHistory`` over the repository: of all sites, or of the one that ``of`` picks."""

    def __init__(
        self, read: Read, site: str | None = None, stations: Collection[StationId] | None = None
    ) -> None:
        self._read = read
        self._site = site
        self._stations = stations

    def of(self, site: str, stations: Collection[StationId]) -> StoredPlanHistory:
        """The plans of one site and the accounts of the stations that stand there."""
        return StoredPlanHistory(self._read, site, stations)

    async def summaries(
        self, *, after: datetime | None = None, limit: int = 100
    ) -> Sequence[PlanSummary]:
        n = bounded(limit)
        return await self._read(lambda conn: plans.summaries(conn, after, n, self._site))

    async def latest(self) -> FleetPlan | None:
        return await self._read(lambda conn: plans.latest(conn, self._site))

    async def quarter_totals(self, since: datetime, until: datetime) -> Sequence[QuarterTotal]:
        return await self._read(
            lambda conn: plans.quarter_totals(conn, since, until, self._stations)
        )

    async def session_accounts(
        self, since: datetime, until: datetime, limit: int = 10_000
    ) -> Sequence[SessionAccount]:
        n = bounded(limit)
        return await self._read(
            lambda conn: plans.session_accounts(conn, since, until, n, self._stations)
        )

    async def unsettled(
        self, since: datetime, until: datetime, limit: int = 1_000
    ) -> Sequence[Transaction]:
        n = bounded(limit)
        return await self._read(lambda conn: plans.unsettled(conn, since, until, n, self._stations))

    async def quarters_of(self, tx: Transaction) -> Sequence[QuarterAccount]:
        return await self._read(lambda conn: plans.quarters_of(conn, tx))

    async def registers(
        self, evse: EvseKey, since: datetime, until: datetime
    ) -> Sequence[RegisterSample]:
        return await self._read(lambda conn: plans.registers(conn, evse, since, until))

    async def main_meter(
        self, station_id: StationId, since: datetime, until: datetime
    ) -> Sequence[tuple[datetime, float]]:
        return await self._read(lambda conn: plans.main_meter(conn, station_id, since, until))
