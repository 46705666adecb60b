"""The surface's ports in memory: a store, a courier that answers by itself, and who may connect."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import msgspec

from csms.api.access import Access
from csms.api.deps import ApiDeps
from csms.api.sessions import FailureBrake, OneTimePasswords, Sessions
from csms.dispatch.signals import GridSignals
from csms.domain.commands import Command, CommandRecord, CommandState, Outcome, RawCall
from csms.domain.errors import NotFound, StoreUnavailable
from csms.domain.feeder_view import FeederSummary, FeederView
from csms.domain.fleet import Fleet
from csms.domain.plan import PlannerView
from csms.domain.profile import ChargingProfile
from csms.domain.records import (
    ApiKeyRecord,
    AuditRecord,
    CommandWritten,
    ConnectorRecord,
    MeterRecord,
    NotificationRecord,
    Record,
    SecurityRecord,
    StationRecord,
    TariffPosted,
    TokenRecord,
    TransactionRecord,
    VariableRecord,
)
from csms.domain.tariff import Tariff
from csms.domain.transaction import Transaction
from csms.ids import CommandId, EvseKey, StationId, TransactionId, Uuid7
from csms.services.api_keys import ApiKeys, Role
from csms.services.command_desk import CommandDesk, Delivery
from csms.services.live import LiveBus
from csms.services.tariffs import TariffDesk
from csms.store import InlineStore
from csms.telemetry.message_journal import MessageJournal
from csms.telemetry.metrics import Metrics

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class StepClock:
    """A clock that a test moves."""

    def __init__(self, at: datetime = T0) -> None:
        self.at = at
        self.mono_s = 1_000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.mono_s


class MemoryStore:
    """Journal and History over dictionaries."""

    def __init__(self) -> None:
        self.down = False
        self.by_station: dict[StationId, StationRecord] = {}
        self.by_token: dict[str, TokenRecord] = {}
        self.by_transaction: dict[tuple[str, str], Transaction] = {}
        self.by_command: dict[CommandId, CommandRecord] = {}
        self.by_key: dict[str, ApiKeyRecord] = {}
        self.audits: list[AuditRecord] = []
        self.tariffs_posted: list[Tariff] = []
        self.security: list[SecurityRecord] = []
        self.notes: list[NotificationRecord] = []
        self.meters: list[MeterRecord] = []
        self.by_variable: dict[tuple[str, str, str], VariableRecord] = {}

    async def commit(self, *records: Record) -> None:
        if self.down:
            raise StoreUnavailable("the store is down")
        for record in records:
            match record:
                case StationRecord():
                    old = self.by_station.get(record.station_id)
                    told = {
                        k: v for k, v in msgspec.structs.asdict(record).items() if v is not None
                    }
                    self.by_station[record.station_id] = (
                        msgspec.structs.replace(old, **told) if old else record
                    )
                case TokenRecord():
                    self.by_token[record.token.key] = record
                case TransactionRecord(transaction=tx):
                    self.by_transaction[tx.station_id, tx.transaction_id] = tx
                case CommandWritten(record=command):
                    self.by_command[command.command_id] = command
                case ApiKeyRecord():
                    self.by_key[record.key_id] = record
                case TariffPosted():
                    self.tariffs_posted.append(record.tariff)
                case AuditRecord():
                    self.audits.append(record)
                case SecurityRecord():
                    self.security.append(record)
                case NotificationRecord():
                    self.notes.append(record)
                case MeterRecord():
                    self.meters.append(record)
                case VariableRecord():
                    self.by_variable[record.station_id, record.component, record.variable] = record
                case _:
                    pass

    async def next_transaction_number(self) -> int:
        return len(self.by_transaction) + 1

    async def stations(self) -> Sequence[StationRecord]:
        return list(self.by_station.values())

    async def station(self, station_id: StationId) -> StationRecord | None:
        return self.by_station.get(station_id)

    async def connectors(self, station_id: StationId) -> Sequence[ConnectorRecord]:
        return []

    async def token(self, key: str) -> TokenRecord | None:
        return self.by_token.get(key)

    async def tokens(self) -> Sequence[TokenRecord]:
        return list(self.by_token.values())

    async def transaction(
        self, station_id: StationId, transaction_id: TransactionId
    ) -> Transaction | None:
        return self.by_transaction.get((station_id, transaction_id))

    async def open_transactions(self) -> Sequence[Transaction]:
        return [tx for tx in self.by_transaction.values() if tx.is_open]

    async def transactions(
        self,
        *,
        station_id: StationId | None = None,
        after: tuple[datetime, str, str] | None = None,
        limit: int = 100,
    ) -> Sequence[Transaction]:
        found = [
            ((tx.started, tx.station_id, tx.transaction_id), tx)
            for tx in self.by_transaction.values()
            if tx.started is not None and station_id in (None, tx.station_id)
        ]
        found.sort(key=lambda pair: pair[0], reverse=True)
        return [tx for key, tx in found if after is None or key < after][:limit]

    async def started_16(
        self,
        station_id: StationId,
        connector_id: int,
        token_key: str,
        at: datetime,
        meter_wh: float,
    ) -> Transaction | None:
        return None

    async def meter_values(
        self, evse: EvseKey, since: datetime, until: datetime, limit: int = 10_000
    ) -> Sequence[MeterRecord]:
        return [
            one for one in self.meters if one.evse == evse and since <= one.reading.at <= until
        ][:limit]

    async def command(self, command_id: CommandId) -> CommandRecord | None:
        return self.by_command.get(command_id)

    async def open_commands(self) -> Sequence[CommandRecord]:
        return []

    async def commands(
        self,
        *,
        station_id: StationId | None = None,
        after: CommandId | None = None,
        limit: int = 100,
    ) -> Sequence[CommandRecord]:
        found = sorted(self.by_command.values(), key=lambda one: one.command_id, reverse=True)
        return [
            one
            for one in found
            if station_id in (None, one.station_id) and (after is None or one.command_id < after)
        ][:limit]

    async def profiles(self, station_id: StationId) -> Sequence[tuple[int, ChargingProfile]]:
        return []

    async def variables(self, station_id: StationId) -> Sequence[VariableRecord]:
        return [one for one in self.by_variable.values() if one.station_id == station_id]

    async def security_events(
        self, *, station_id: StationId | None = None, limit: int = 100
    ) -> Sequence[SecurityRecord]:
        return [one for one in self.security if station_id in (None, one.station_id)][:limit]

    async def notifications(
        self, station_id: StationId, *, action: str | None = None, limit: int = 100
    ) -> Sequence[NotificationRecord]:
        mine = [n for n in self.notes if n.station_id == station_id and action in (None, n.action)]
        return mine[::-1][:limit]

    async def tariffs(self, limit: int = 10_000) -> Sequence[Tariff]:
        return self.tariffs_posted[-limit:]

    async def audit(self, limit: int = 100) -> Sequence[AuditRecord]:
        return self.audits[::-1][:limit]

    async def api_keys(self) -> Sequence[ApiKeyRecord]:
        return list(self.by_key.values())


class FakeCourier:
    """Stations that answer Accepted after ``delay_s``; those in ``offline`` do not answer."""

    def __init__(self, clock: StepClock, delay_s: float = 0.0) -> None:
        self.clock = clock
        self.delay_s = delay_s
        self.offline: set[StationId] = set()
        self.delivered: list[tuple[StationId, Command]] = []
        self.answer: dict[str, object] = {"status": "Accepted"}

    def check(self, station_id: StationId, command: Command) -> None:
        pass

    def is_connected(self, station_id: StationId) -> bool:
        return station_id not in self.offline

    async def deliver(
        self, station_id: StationId, command: Command, *, timeout_s: float, coalesce_key: str | None
    ) -> Delivery:
        sent_s = self.clock.monotonic()
        await asyncio.sleep(self.delay_s)
        self.delivered.append((station_id, command))
        accepted = not (isinstance(command, RawCall) and command.action == "Refuse")
        return Delivery(
            CommandState.ACCEPTED if accepted else CommandState.REJECTED,
            Outcome(accepted=accepted, status="Accepted", raw=self.answer),
            None,
            sent_s,
            self.clock.monotonic() + 0.012,
        )


@dataclass(kw_only=True)
class FakeKnock:
    claimed_id: str
    address: str = "192.0.2.7"
    reason: str = "unknown_station"
    subprotocols: tuple[str, ...] = ("ocpp2.0.1",)
    first_at: datetime = T0
    last_at: datetime = T0
    count: int = 3


@dataclass
class FakeAdmission:
    store: MemoryStore
    waiting: list[FakeKnock] = field(default_factory=list)

    def knocks(self) -> Sequence[FakeKnock]:
        return self.waiting

    async def accept(self, station_id: StationId) -> str:
        await self.store.commit(StationRecord(station_id=station_id, enabled=True))
        self.waiting = [knock for knock in self.waiting if knock.claimed_id != station_id]
        return "f00dcafef00dcafef00dcafe"

    async def set_enabled(self, station_id: StationId, *, enabled: bool) -> None:
        if station_id not in self.store.by_station:
            raise NotFound(f"no station {station_id}")
        await self.store.commit(StationRecord(station_id=station_id, enabled=enabled))


@dataclass(frozen=True)
class FakeCycle:
    view: FeederView

    @property
    def summary(self) -> FeederSummary:
        return self.view


@dataclass
class FakeFeeder:
    name: str
    signals: Any
    stations: frozenset[StationId] = frozenset()
    is_led: bool = True
    failure: str | None = None
    planner_view: PlannerView = PlannerView(state="off")  # noqa: RUF009 immutable
    views: list[FeederView] = field(default_factory=list)

    @property
    def view(self) -> FeederView | None:
        return self.views[-1] if self.views else None

    @property
    def summary(self) -> FeederSummary | None:
        return self.view


@dataclass
class Site:
    """Dependencies with handles on what is behind them."""

    deps: ApiDeps
    store: MemoryStore
    clock: StepClock
    courier: FakeCourier
    admission: FakeAdmission
    reasons: list[str]
    feeders: list[FakeFeeder]

    @property
    def feeder(self) -> FakeFeeder:
        return self.feeders[0]

    @property
    def views(self) -> list[FeederView]:
        return self.feeder.views

    async def key(self, role: Role) -> dict[str, str]:
        made = await self.deps.access.keys.create(role)
        return {"Authorization": f"Bearer {made.plaintext}"}


def make_site(
    clock: StepClock | None = None,
    *,
    max_streams: int = 8,
    feeder_names: tuple[str, ...] = ("Test street",),
) -> Site:
    clock = clock or StepClock()
    rng = Random(7)
    store = MemoryStore()
    courier = FakeCourier(clock)
    live = LiveBus()
    reasons: list[str] = []
    feeders = [FakeFeeder(name, GridSignals(clock)) for name in feeder_names]
    admission = FakeAdmission(store)

    async def not_ready() -> Sequence[str]:
        return reasons

    fleet = Fleet()
    desk = CommandDesk(courier, store, store, live, clock, Uuid7(clock, rng))
    deps = ApiDeps(
        fleet=fleet,
        history=store,
        journal=store,
        desk=desk,
        live=live,
        tariffs=TariffDesk(
            fleet, desk, store, store, live, clock, lambda work, _name: work.close()
        ),
        admission=admission,
        feeders={feeder.name: feeder for feeder in feeders},
        plans=InlineStore().plans,
        clock=clock,
        access=Access(
            keys=ApiKeys(store, store, clock, rng.randbytes),
            sessions=Sessions(clock, rng.randbytes, lifetime_s=3600.0),
            one_time=OneTimePasswords(clock, rng.randbytes),
            brake=FailureBrake(clock, per_min=10),
        ),
        messages=MessageJournal(),
        metrics=Metrics({"Heartbeat", "Reset"}),
        not_ready=not_ready,
        station_url="ws://127.0.0.1:9000/ocpp",
        site_name="Test street",
        max_streams=max_streams,
    )
    return Site(deps, store, clock, courier, admission, reasons, feeders)
