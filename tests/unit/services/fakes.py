"""Ports in memory: what the services need, without a disk or a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from csms.domain.commands import Command, CommandRecord, CommandState, Outcome
from csms.domain.errors import NotExpressible, StoreUnavailable
from csms.domain.records import CommandWritten, Record, TokenRecord, TransactionRecord
from csms.domain.transaction import Transaction
from csms.ids import CommandId, StationId, TransactionId
from csms.services.command_desk import Delivery

T0 = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    def __init__(self) -> None:
        self.t_s = 0.0

    def now(self) -> datetime:
        return T0 + timedelta(seconds=self.t_s)

    def monotonic(self) -> float:
        return self.t_s


class FakeStore:
    """Journal and history in one; only what the tests read is kept."""

    def __init__(self) -> None:
        self.commands_by_id: dict[CommandId, CommandRecord] = {}
        self.transactions_by_id: dict[tuple[StationId, TransactionId], Transaction] = {}
        self.tokens_by_key: dict[str, TokenRecord] = {}
        self.records: list[Record] = []
        self.down = False
        self._number = 0

    async def commit(self, *records: Record) -> None:
        if self.down:
            raise StoreUnavailable("the disk is gone")
        for record in records:
            self.records.append(record)
            if isinstance(record, CommandWritten):
                self.commands_by_id[record.record.command_id] = record.record
            elif isinstance(record, TransactionRecord):
                tx = record.transaction
                self.transactions_by_id[tx.station_id, tx.transaction_id] = tx
            elif isinstance(record, TokenRecord):
                self.tokens_by_key[record.token.key] = record

    async def next_transaction_number(self) -> int:
        self._number += 1
        return self._number

    async def token(self, key: str) -> TokenRecord | None:
        return self.tokens_by_key.get(key)

    async def transaction(
        self, station_id: StationId, transaction_id: TransactionId
    ) -> Transaction | None:
        return self.transactions_by_id.get((station_id, transaction_id))

    async def started_16(
        self,
        station_id: StationId,
        connector_id: int,
        token_key: str,
        at: datetime,
        meter_wh: float,
    ) -> Transaction | None:
        for tx in self.transactions_by_id.values():
            if (
                tx.station_id == station_id
                and tx.evse_id == connector_id
                and tx.started == at
                and (tx.token.key if tx.token else "") == token_key
                and tx.imported is not None
                and tx.imported.first.wh == meter_wh
            ):
                return tx
        return None

    async def command(self, command_id: CommandId) -> CommandRecord | None:
        return self.commands_by_id.get(command_id)

    async def open_commands(self) -> Sequence[CommandRecord]:
        return [r for r in self.commands_by_id.values() if not r.state.is_final]


class FakeCourier:
    def __init__(self) -> None:
        self.online = True
        self.delivered: list[Command] = []
        self.delay_s = 0.0
        self.result: Delivery | None = None

    def check(self, station_id: StationId, command: Command) -> None:
        if type(command).__name__ == "SetDerControl":
            raise NotExpressible("OCPP 1.6 has no DER controls")

    def is_connected(self, station_id: StationId) -> bool:
        return self.online

    async def deliver(
        self, station_id: StationId, command: Command, *, timeout_s: float, coalesce_key: str | None
    ) -> Delivery:
        if not self.online:
            return Delivery(CommandState.OFFLINE, None, "not connected", None, None)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        self.delivered.append(command)
        return self.result or Delivery(
            CommandState.ACCEPTED, Outcome(accepted=True, status="Accepted"), None, 0.0, 0.0
        )
