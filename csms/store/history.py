"""The read side: the repositories' synchronous reads, run by whatever suits the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from csms.domain.commands import CommandRecord
from csms.domain.errors import InvalidInput
from csms.domain.profile import ChargingProfile
from csms.domain.records import (
    ApiKeyRecord,
    AuditRecord,
    ConnectorRecord,
    MeterRecord,
    NotificationRecord,
    SecurityRecord,
    StationRecord,
    TokenRecord,
    VariableRecord,
)
from csms.domain.tariff import Tariff
from csms.domain.transaction import Transaction
from csms.ids import CommandId, EvseKey, StationId, TransactionId
from csms.store.repositories import (
    audit,
    commands,
    connectors,
    meters,
    profiles,
    security,
    stations,
    tariffs,
    tokens,
    transactions,
    variables,
)

T = TypeVar("T")

MAX_LIMIT = 100_000


class Read(Protocol):
    """Runs a synchronous read; raises ``StoreUnavailable`` when the database does not answer."""

    async def __call__(self, query: Callable[[Connection], T]) -> T: ...


class StoredHistory:
    """``csms.domain.ports.History`` over the repositories."""

    def __init__(self, read: Read, look_up: Read) -> None:
        self._read = read
        self._look_up = look_up

    async def stations(self) -> Sequence[StationRecord]:
        return await self._read(stations.all_stations)

    async def station(self, station_id: StationId) -> StationRecord | None:
        return await self._look_up(lambda conn: stations.station(conn, station_id))

    async def connectors(self, station_id: StationId) -> Sequence[ConnectorRecord]:
        return await self._read(lambda conn: connectors.of_station(conn, station_id))

    async def token(self, key: str) -> TokenRecord | None:
        return await self._look_up(lambda conn: tokens.token(conn, key))

    async def tokens(self) -> Sequence[TokenRecord]:
        return await self._read(tokens.all_tokens)

    async def transaction(
        self, station_id: StationId, transaction_id: TransactionId
    ) -> Transaction | None:
        return await self._look_up(
            lambda conn: transactions.transaction(conn, station_id, transaction_id)
        )

    async def open_transactions(self) -> Sequence[Transaction]:
        return await self._read(transactions.open_transactions)

    async def transactions(
        self,
        *,
        station_id: StationId | None = None,
        after: tuple[datetime, str, str] | None = None,
        limit: int = 100,
    ) -> Sequence[Transaction]:
        """As the port says; one whose start was not told stands at ``last_at``: page on with that."""
        n = bounded(limit)
        return await self._read(lambda conn: transactions.page(conn, station_id, after, n))

    async def started_16(
        self,
        station_id: StationId,
        connector_id: int,
        token_key: str,
        at: datetime,
        meter_wh: float,
    ) -> Transaction | None:
        return await self._look_up(
            lambda conn: transactions.started_16(
                conn, station_id, connector_id, token_key, at, meter_wh
            )
        )

    async def meter_values(
        self, evse: EvseKey, since: datetime, until: datetime, limit: int = 10_000
    ) -> Sequence[MeterRecord]:
        """Oldest first, ``since <= at < until``."""
        n = bounded(limit)
        return await self._read(lambda conn: meters.between(conn, evse, since, until, n))

    async def command(self, command_id: CommandId) -> CommandRecord | None:
        return await self._read(lambda conn: commands.command(conn, command_id))

    async def open_commands(self) -> Sequence[CommandRecord]:
        return await self._read(commands.open_commands)

    async def commands(
        self,
        *,
        station_id: StationId | None = None,
        after: CommandId | None = None,
        limit: int = 100,
    ) -> Sequence[CommandRecord]:
        n = bounded(limit)
        return await self._read(lambda conn: commands.page(conn, station_id, after, n))

    async def profiles(self, station_id: StationId) -> Sequence[tuple[int, ChargingProfile]]:
        return await self._read(lambda conn: profiles.of_station(conn, station_id))

    async def variables(self, station_id: StationId) -> Sequence[VariableRecord]:
        return await self._read(lambda conn: variables.of_station(conn, station_id))

    async def security_events(
        self, *, station_id: StationId | None = None, limit: int = 100
    ) -> Sequence[SecurityRecord]:
        n = bounded(limit)
        return await self._read(lambda conn: security.events(conn, station_id, n))

    async def notifications(
        self, station_id: StationId, *, action: str | None = None, limit: int = 100
    ) -> Sequence[NotificationRecord]:
        n = bounded(limit)
        return await self._read(lambda conn: security.notifications(conn, station_id, action, n))

    async def audit(self, limit: int = 100) -> Sequence[AuditRecord]:
        n = bounded(limit)
        return await self._read(lambda conn: audit.entries(conn, n))

    async def tariffs(self, limit: int = 10_000) -> Sequence[Tariff]:
        n = bounded(limit)
        return await self._read(lambda conn: tariffs.posted(conn, n))

    async def api_keys(self) -> Sequence[ApiKeyRecord]:
        return await self._read(audit.api_keys)


def bounded(limit: int) -> int:
    """``limit``; raises ``InvalidInput`` outside 1 to ``MAX_LIMIT``."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"limit: expected 1 to {MAX_LIMIT}, got {limit}")
    return limit
