"""The life of a command: queued, sent, answered; kept over a restart, waiting while its station is offline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

import msgspec

from csms.clock import Clock
from csms.domain import commands as domain_commands
from csms.domain.commands import Command, CommandRecord, CommandState, Outcome
from csms.domain.errors import DomainError, InvalidInput, StoreUnavailable
from csms.domain.ports import History, Journal
from csms.domain.records import CommandWritten
from csms.ids import CommandId, StationId
from csms.services.live import LiveBus


class Delivery(NamedTuple):
    """How one attempt to deliver ended. Exactly one of ``outcome`` and ``failure`` says why it is final."""

    state: CommandState
    outcome: Outcome | None
    reason: str | None
    sent_s: float | None
    answered_s: float | None


class Courier(Protocol):
    """Takes one command to one connected station (the gateway implements it)."""

    def check(self, station_id: StationId, command: Command) -> None:
        """Raises ``NotExpressible``, ``NotCapable`` or ``InvalidInput`` when the station could not understand it."""
        ...

    def is_connected(self, station_id: StationId) -> bool: ...

    async def deliver(
        self, station_id: StationId, command: Command, *, timeout_s: float, coalesce_key: str | None
    ) -> Delivery: ...


_KINDS: dict[str, type[Command]] = {
    kind.__name__: kind
    for kind in vars(domain_commands).values()
    if isinstance(kind, type) and issubclass(kind, Command) and kind is not Command
}
MAX_OPEN_PER_STATION = 200


class CommandDesk:
    """Issues commands as resources. ``submit`` returns at once; ``finished`` waits for the end."""

    def __init__(
        self,
        courier: Courier,
        journal: Journal,
        history: History,
        live: LiveBus,
        clock: Clock,
        new_id: Callable[[], str],
        *,
        timeout_s: float = 30.0,
        guard: Callable[[StationId, Command], None] = lambda _id, _command: None,
        taken: Callable[[StationId, Command], None] = lambda _id, _command: None,
    ) -> None:
        self._guard = guard
        self._taken = taken
        self._courier = courier
        self._journal = journal
        self._history = history
        self._live = live
        self._clock = clock
        self._new_id = new_id
        self._timeout_s = timeout_s
        self._waiting: dict[StationId, dict[CommandId, tuple[CommandRecord, Command]]] = {}
        self._open: dict[CommandId, asyncio.Future[CommandRecord]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._open_per_station: dict[StationId, int] = {}

    async def submit(
        self,
        station_id: StationId,
        command: Command,
        *,
        issued_by: str,
        ttl_s: float = 3600.0,
        timeout_s: float | None = None,
    ) -> CommandRecord:
        """Write the command down, start its delivery, return its first record.

        Raises ``NotExpressible`` / ``NotCapable`` / ``InvalidInput`` before anything is written (so does the guard,
        for what must not be told by anybody but dispatch), and
        ``StoreUnavailable`` when it could not be written. An offline station gets it when it comes back, within
        ``ttl_s``.
        """
        if self._open_per_station.get(station_id, 0) >= MAX_OPEN_PER_STATION:
            raise InvalidInput(f"{station_id}: {MAX_OPEN_PER_STATION} commands are open already")
        self._guard(station_id, command)
        self._courier.check(station_id, command)
        now = self._clock.now()
        online = self._courier.is_connected(station_id)
        record = CommandRecord(
            command_id=CommandId(self._new_id()),
            station_id=station_id,
            action=type(command).__name__,
            payload=msgspec.to_builtins(command),
            issued_by=issued_by,
            created=now,
            expires=now + timedelta(seconds=ttl_s),
            state=CommandState.QUEUED if online else CommandState.OFFLINE,
        )
        await self._journal.commit(CommandWritten(record=record))
        self._accept(record, command, timeout_s)
        return record

    async def push(
        self,
        station_id: StationId,
        command: Command,
        *,
        issued_by: str,
        coalesce_key: str | None = None,
        timeout_s: float | None = None,
    ) -> CommandRecord:
        """Deliver now or not at all, and write the record down once, when it is final.

        For setpoints: they are leases, so one that could not be delivered must not be delivered later, and the loop
        must not wait for the disk before it protects the feeder.
        """
        self._courier.check(station_id, command)
        record = CommandRecord(
            command_id=CommandId(self._new_id()),
            station_id=station_id,
            action=type(command).__name__,
            payload=msgspec.to_builtins(command),
            issued_by=issued_by,
            created=self._clock.now(),
        )
        record = await self._attempt(record, command, timeout_s or self._timeout_s, coalesce_key)
        if record.state is CommandState.OFFLINE:
            record = msgspec.structs.replace(record, state=CommandState.EXPIRED)
        self._spawn(self._write_later(record))
        self._live.publish("command", record)
        return record

    async def finished(self, command_id: CommandId, within_s: float | None = None) -> CommandRecord:
        """The command's final record; raises ``TimeoutError`` when it is still open after ``within_s``."""
        future = self._open.get(command_id)
        if future is not None:
            return await asyncio.wait_for(asyncio.shield(future), within_s)
        record = await self._history.command(command_id)
        if record is None:
            raise InvalidInput(f"no command {command_id}")
        return record

    async def recover(self) -> int:
        """Take up what a restart left open. What was sent but not answered is timed out: its fate is unknown."""
        count = 0
        for record in await self._history.open_commands():
            if record.state is CommandState.SENT:
                await self._journal.commit(
                    CommandWritten(
                        record=msgspec.structs.replace(
                            record,
                            state=CommandState.TIMED_OUT,
                            reason="the central system restarted before the answer came",
                        )
                    )
                )
                continue
            command = msgspec.convert(record.payload, _KINDS[record.action])
            self._accept(msgspec.structs.replace(record, state=CommandState.OFFLINE), command, None)
            count += 1
        return count

    def station_is_back(self, station_id: StationId) -> None:
        """Deliver what waited for the station, oldest first."""
        waiting = self._waiting.pop(station_id, None)
        if waiting:
            self._spawn(self._deliver_in_order(list(waiting.values())))

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, record: CommandRecord, command: Command, timeout_s: float | None) -> None:
        self._open[record.command_id] = asyncio.get_running_loop().create_future()
        sid = record.station_id
        self._open_per_station[sid] = self._open_per_station.get(sid, 0) + 1
        self._live.publish("command", record)
        if self._courier.is_connected(sid):
            self._spawn(self._deliver(record, command, timeout_s))
        else:
            self._waiting.setdefault(sid, {})[record.command_id] = (record, command)

    async def _deliver_in_order(self, waiting: list[tuple[CommandRecord, Command]]) -> None:
        for record, command in waiting:
            await self._deliver(record, command, None)

    async def _deliver(
        self, record: CommandRecord, command: Command, timeout_s: float | None
    ) -> None:
        if record.expires is not None and self._clock.now() > record.expires:
            await self._finish(
                msgspec.structs.replace(
                    record, state=CommandState.EXPIRED, reason="its time to live ran out"
                )
            )
            return
        try:
            self._courier.check(record.station_id, command)
        except DomainError as error:
            await self._finish(
                msgspec.structs.replace(record, state=CommandState.REJECTED, reason=error.message)
            )
            return
        # Written before it is sent, so that a restart in between does not send it twice.
        await self._write_later(msgspec.structs.replace(record, state=CommandState.SENT))
        record = await self._attempt(record, command, timeout_s or self._timeout_s, None)
        if record.state is CommandState.OFFLINE:
            await self._write_later(record)
            self._waiting.setdefault(record.station_id, {})[record.command_id] = (record, command)
            self._live.publish("command", record)
            return
        await self._finish(record)

    async def _attempt(
        self, record: CommandRecord, command: Command, timeout_s: float, coalesce_key: str | None
    ) -> CommandRecord:
        begun_s = self._clock.monotonic()
        delivery = await self._courier.deliver(
            record.station_id, command, timeout_s=timeout_s, coalesce_key=coalesce_key
        )
        if delivery.state is CommandState.ACCEPTED:
            self._taken(record.station_id, command)  # before anything else that it says is handled
        now, now_s = self._clock.now(), self._clock.monotonic()

        def wall(mono_s: float | None) -> datetime | None:
            return None if mono_s is None else now - timedelta(seconds=now_s - mono_s)

        sent_s, answered_s = delivery.sent_s, delivery.answered_s
        outcome = delivery.outcome
        return msgspec.structs.replace(
            record,
            state=delivery.state,
            status=outcome.status if outcome else None,
            reason=(outcome.reason if outcome else None) or delivery.reason,
            answer=outcome.raw if outcome else None,
            sent=wall(sent_s),
            answered=wall(answered_s),
            queue_ms=None if sent_s is None else (sent_s - begun_s) * 1e3,
            round_trip_ms=(
                None if sent_s is None or answered_s is None else (answered_s - sent_s) * 1e3
            ),
        )

    async def _finish(self, record: CommandRecord) -> None:
        sid = record.station_id
        self._open_per_station[sid] -= 1
        future = self._open.pop(record.command_id)
        await self._write_later(record)
        if not future.done():
            future.set_result(record)
        self._live.publish("command", record)

    async def _write_later(self, record: CommandRecord) -> None:
        try:
            await self._journal.commit(CommandWritten(record=record))
        except StoreUnavailable as error:
            # The station has acted already: the caller gets the truth, the operator an alarm.
            self._live.publish("alarm", f"command {record.command_id} not written: {error.message}")

    def _spawn(self, coroutine: object) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(coroutine)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
