"""What services need of the outside: a durable journal to write to and a history to read from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from csms.domain.commands import CommandRecord
from csms.domain.plan import (
    FleetPlan,
    PlanSummary,
    QuarterAccount,
    QuarterTotal,
    RegisterSample,
    SessionAccount,
)
from csms.domain.profile import ChargingProfile
from csms.domain.records import (
    ApiKeyRecord,
    AuditRecord,
    ConnectorRecord,
    MeterRecord,
    NotificationRecord,
    Record,
    SecurityRecord,
    StationRecord,
    TokenRecord,
    VariableRecord,
)
from csms.domain.tariff import Tariff
from csms.domain.transaction import Transaction
from csms.ids import CommandId, EvseKey, StationId, TransactionId


class Journal(Protocol):
    """The write side. Records of one call commit together, calls of many stations commit as a group."""

    async def commit(self, *records: Record) -> None:
        """Return once the records are durable.

        Raises ``StoreUnavailable`` when they are not: the caller must then not answer the station.
        """
        ...

    async def next_transaction_number(self) -> int:
        """A new OCPP 1.6 transaction id: positive, unique for all time in this store, 31 bits."""
        ...


class History(Protocol):
    """The read side. Pages go by keyset: pass the last key of the page before as ``after``."""

    async def stations(self) -> Sequence[StationRecord]: ...

    async def station(self, station_id: StationId) -> StationRecord | None: ...

    async def connectors(self, station_id: StationId) -> Sequence[ConnectorRecord]: ...

    async def token(self, key: str) -> TokenRecord | None: ...

    async def tokens(self) -> Sequence[TokenRecord]: ...

    async def transaction(
        self, station_id: StationId, transaction_id: TransactionId
    ) -> Transaction | None: ...

    async def open_transactions(self) -> Sequence[Transaction]: ...

    async def transactions(
        self,
        *,
        station_id: StationId | None = None,
        after: tuple[datetime, str, str] | None = None,
        limit: int = 100,
    ) -> Sequence[Transaction]:
        """Newest first by (started, station, transaction id)."""
        ...

    async def started_16(
        self,
        station_id: StationId,
        connector_id: int,
        token_key: str,
        at: datetime,
        meter_wh: float,
    ) -> Transaction | None:
        """The 1.6 transaction that this very StartTransaction already began, if it did."""
        ...

    async def meter_values(
        self, evse: EvseKey, since: datetime, until: datetime, limit: int = 10_000
    ) -> Sequence[MeterRecord]: ...

    async def command(self, command_id: CommandId) -> CommandRecord | None: ...

    async def open_commands(self) -> Sequence[CommandRecord]:
        """Those not in a final state, oldest first: what a restart must take up again."""
        ...

    async def commands(
        self,
        *,
        station_id: StationId | None = None,
        after: CommandId | None = None,
        limit: int = 100,
    ) -> Sequence[CommandRecord]:
        """Newest first; ids are UUIDv7, so they sort by time."""
        ...

    async def profiles(self, station_id: StationId) -> Sequence[tuple[int, ChargingProfile]]:
        """(evse id, profile)."""
        ...

    async def variables(self, station_id: StationId) -> Sequence[VariableRecord]: ...

    async def security_events(
        self, *, station_id: StationId | None = None, limit: int = 100
    ) -> Sequence[SecurityRecord]: ...

    async def notifications(
        self, station_id: StationId, *, action: str | None = None, limit: int = 100
    ) -> Sequence[NotificationRecord]:
        """Newest received first."""
        ...

    async def audit(self, limit: int = 100) -> Sequence[AuditRecord]: ...

    async def tariffs(self, limit: int = 10_000) -> Sequence[Tariff]:
        """The last ``limit`` posted prices, oldest first."""
        ...

    async def api_keys(self) -> Sequence[ApiKeyRecord]: ...


class PlanHistory(Protocol):
    """The read side of what was planned and what came of it."""

    def of(self, site: str, stations: Collection[StationId]) -> PlanHistory:
        """The plans of one site and the accounts of the stations that stand there."""
        ...

    async def summaries(
        self, *, after: datetime | None = None, limit: int = 100
    ) -> Sequence[PlanSummary]:
        """Newest first; ``after``: made earlier than this."""
        ...

    async def latest(self) -> FleetPlan | None: ...

    async def quarter_totals(self, since: datetime, until: datetime) -> Sequence[QuarterTotal]:
        """Oldest first, ``since <= at < until``."""
        ...

    async def session_accounts(
        self, since: datetime, until: datetime, limit: int = 10_000
    ) -> Sequence[SessionAccount]:
        """Those that ended ``since <= ended < until``, newest first."""
        ...

    async def unsettled(
        self, since: datetime, until: datetime, limit: int = 1_000
    ) -> Sequence[Transaction]:
        """Transactions that ended ``since <= ended < until`` and have no account yet."""
        ...

    async def quarters_of(self, tx: Transaction) -> Sequence[QuarterAccount]:
        """Those kept of one transaction, oldest first."""
        ...

    async def registers(
        self, evse: EvseKey, since: datetime, until: datetime
    ) -> Sequence[RegisterSample]:
        """The first and the last registers told in each quarter hour, oldest first."""
        ...

    async def main_meter(
        self, station_id: StationId, since: datetime, until: datetime
    ) -> Sequence[tuple[datetime, float]]:
        """Quarter hour and mean power (W) of a station's main meter (EVSE 0), oldest first."""
        ...
