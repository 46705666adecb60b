"""One connected station: transport -> session -> dispatcher -> answers, and commands the other way.

One task reads. It handles each CALL to its end before it reads on, so a station's messages are handled in order
and a slow store slows the station down instead of filling memory. Commands run in their callers' tasks; the
session's rule of one outstanding CALL is kept by the outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from csms.clock import Clock
from csms.gateway.outbox import Outbox, OutboxFullError
from csms.gateway.pacing import Pacer
from csms.gateway.ports import CloseReason, Direction, Dispatcher, Observer
from csms.gateway.settings import GatewaySettings
from csms.gateway.transport import (
    GOING_AWAY,
    INTERNAL_ERROR,
    NORMAL,
    POLICY_VIOLATION,
    TRY_AGAIN_LATER,
    Transport,
    TransportClosed,
)
from csms.gateway.watchdog import Watchdog
from csms.ids import StationId
from csms.ocppj.errors import CallError, ErrorCode, StoreUnavailable
from csms.ocppj.events import (
    CallReceived,
    ErrorReceived,
    Event,
    InvalidResultReceived,
    ProtocolViolation,
    ResultErrorReceived,
    ResultReceived,
    SendReceived,
    ViolationKind,
)
from csms.ocppj.frame import Payload
from csms.ocppj.messages import Action
from csms.ocppj.outcome import CallOutcome, CallStatus
from csms.ocppj.session import Session
from csms.ocppj.version import OcppVersion

KEPT_BY_STATION: Final = frozenset(
    {
        "MeterValues",
        "SecurityEventNotification",
        "StartTransaction",
        "StopTransaction",
        "TransactionEvent",
    }
)
"""Messages that a station queues until they are acknowledged: a failure on our side must not refuse them."""

_MESSAGES_PER_TURN: Final = 8
_CLOSE_CODE: Final = {
    CloseReason.STATION: NORMAL,
    CloseReason.REPLACED: POLICY_VIOLATION,
    CloseReason.STORE_UNAVAILABLE: TRY_AGAIN_LATER,
    CloseReason.HANDLER_FAILED: INTERNAL_ERROR,
    CloseReason.SHUTDOWN: GOING_AWAY,
    CloseReason.KICKED: NORMAL,
}


class _HandlerFailed(Exception):
    """The handler of a message that must not be refused raised or stalled."""


class _Command:
    """A CALL from its caller's request to its outcome."""

    __slots__ = ("action", "deadline_s", "future", "payload", "row", "sent_s")

    def __init__(self, row: Action, payload: Payload, deadline_s: float) -> None:
        self.row = row
        self.action = row.name
        self.payload = payload
        self.deadline_s = deadline_s
        self.sent_s: float | None = None
        self.future: asyncio.Future[CallOutcome] = asyncio.get_running_loop().create_future()

    def finish(self, outcome: CallOutcome) -> None:
        if not self.future.done():
            self.future.set_result(outcome)

    def end(self, status: CallStatus) -> CallOutcome:
        return CallOutcome(status=status, sent_s=self.sent_s)


class StationConnection:
    """The connection of one epoch; implements ``ports.StationLink``.

    ``message_ids`` yields ids that no CALL to this station ever had (OCPP-J 2.1, 4.1.4).
    """

    def __init__(
        self,
        *,
        station_id: StationId,
        epoch: int,
        transport: Transport,
        session: Session,
        dispatcher: Dispatcher,
        observer: Observer,
        clock: Clock,
        message_ids: Callable[[], str],
        settings: GatewaySettings,
    ) -> None:
        self.station_id = station_id
        self.epoch = epoch
        self.finished = asyncio.Event()
        """Set when the last trace of this connection is gone."""
        self._transport = transport
        self._session = session
        self._dispatcher = dispatcher
        self._observer = observer
        self._clock = clock
        self._message_ids = message_ids
        self._settings = settings
        self._outbox: Outbox[_Command] = Outbox(settings.max_queued_calls)
        self._outstanding: _Command | None = None
        self._watchdog = Watchdog(settings.handler_timeout_s)
        self._pacer = Pacer(settings.max_messages_per_s, settings.message_burst)
        self._fenced = False
        self._close_reason: CloseReason | None = None
        self._pumps: set[asyncio.Task[None]] = set()

    @property
    def version(self) -> OcppVersion:
        return self._session.version

    @property
    def remote(self) -> str:
        return self._transport.remote

    async def run(self) -> None:
        """Serve the station until the connection ends. Everything that ends it is dealt with here."""
        reason = CloseReason.STATION
        try:
            await self._dispatcher.connected(self.station_id, self.version, self.remote, self)
            self._observer.opened(self.station_id, self.epoch, self.version, self.remote)
            n_messages = 0
            while not self._fenced:
                await self._take_in(await self._transport.recv())
                n_messages += 1
                delay_s = self._pacer.delay_s(self._clock.monotonic())
                if delay_s > 0.0 or n_messages % _MESSAGES_PER_TURN == 0:
                    await asyncio.sleep(delay_s)  # let the other stations have their turn
        except TransportClosed:
            pass
        except StoreUnavailable:
            reason = CloseReason.STORE_UNAVAILABLE
        except _HandlerFailed:
            reason = CloseReason.HANDLER_FAILED
        except Exception as error:  # noqa: BLE001 one station's fault must not end the others
            self._observer.failed(self.station_id, "connected", error)
            reason = CloseReason.HANDLER_FAILED
        finally:
            await self._retire(self._close_reason or reason)

    def fence(self) -> None:
        """From now on nothing of this connection is dispatched, answered or sent."""
        self._fenced = True
        self._end_commands()

    async def is_alive(self, timeout_s: float) -> bool:
        return await self._transport.ping(timeout_s)

    async def close(self, reason: CloseReason = CloseReason.KICKED) -> None:
        self._close_reason = self._close_reason or reason
        self._fenced = True
        await self._transport.close(_CLOSE_CODE[reason], reason.value)

    def abort(self, reason: CloseReason) -> None:
        """Like ``close`` towards a peer that is not expected to answer."""
        self._close_reason = self._close_reason or reason
        self._fenced = True
        self._transport.abort()

    # From the station

    async def _take_in(self, data: bytes) -> None:
        if self._fenced:
            return
        self._observer.frame(self.station_id, Direction.IN, data)
        for event in self._session.receive(data):
            if isinstance(event, CallReceived):
                await self._on_call(event)
            elif isinstance(event, SendReceived):
                await self._on_send(event)
            else:
                self._on_answer(event)
        await self._pump()

    def _on_answer(self, event: Event) -> None:
        match event:
            case ResultReceived():
                self._settle(CallStatus.ANSWERED, payload=event.payload)
            case ErrorReceived():
                self._settle(
                    CallStatus.REFUSED,
                    code=event.code,
                    description=event.description,
                    details=event.details,
                )
            case InvalidResultReceived():
                self._settle(
                    CallStatus.INVALID, code=event.code.value, description=event.description
                )
            case ResultErrorReceived():
                self._observer.violated(
                    self.station_id,
                    ViolationKind.INVALID_RESULT,
                    f"station refused our {event.action} result: {event.code} {event.description}",
                )
            case ProtocolViolation():
                self._observer.violated(self.station_id, event.kind, event.description)
            case _:
                pass  # CallExpired comes from ``expire`` only

    async def _on_call(self, call: CallReceived) -> None:
        started_s = self._clock.monotonic()
        outcome = "ok"
        try:
            with self._watchdog:
                answer = await self._dispatcher.on_call(
                    self.station_id, self._session.version, call.action, call.payload
                )
            self._session.respond(call.message_id, answer)
        except CallError as error:
            outcome = error.code.value
            self._session.respond_error(
                call.message_id, error.code, error.description, error.details
            )
        except StoreUnavailable:
            outcome = "closed"
            raise
        except Exception as error:  # a bug or a stall; reported, and answered or not
            self._observer.failed(self.station_id, call.action, error)
            if call.action in KEPT_BY_STATION:
                outcome = "closed"
                raise _HandlerFailed from error
            outcome = ErrorCode.INTERNAL_ERROR.value
            self._session.respond_error(call.message_id, ErrorCode.INTERNAL_ERROR)
        finally:
            self._observer.handled(
                self.station_id, call.action, outcome, self._clock.monotonic() - started_s
            )

    async def _on_send(self, send: SendReceived) -> None:
        started_s = self._clock.monotonic()
        outcome = "ok"
        try:
            with self._watchdog:
                await self._dispatcher.on_send(
                    self.station_id, self._session.version, send.action, send.payload
                )
        except Exception as error:  # noqa: BLE001 a SEND is never answered: report and go on
            outcome = "failed"
            self._observer.failed(self.station_id, send.action, error)
        finally:
            self._observer.handled(
                self.station_id, send.action, outcome, self._clock.monotonic() - started_s
            )

    # To the station

    async def call(
        self,
        action: str,
        payload: Payload,
        *,
        timeout_s: float,
        coalesce_key: str | None = None,
    ) -> CallOutcome:
        """See ``ports.StationLink.call``."""
        row = self._session.check_call(action, payload)
        command = _Command(row, payload, self._clock.monotonic() + timeout_s)
        outcome = await self._run_command(command, timeout_s, coalesce_key)
        self._observer.called(self.station_id, action, outcome)
        return outcome

    async def _run_command(
        self, command: _Command, timeout_s: float, coalesce_key: str | None
    ) -> CallOutcome:
        if self._fenced:
            return command.end(CallStatus.DISCONNECTED)
        try:
            superseded = self._outbox.put(command, coalesce_key)
        except OutboxFullError:
            return command.end(CallStatus.QUEUE_FULL)
        if superseded is not None:
            superseded.finish(superseded.end(CallStatus.SUPERSEDED))
        loop = asyncio.get_running_loop()
        timer = loop.call_later(timeout_s, self._on_deadline, command)
        try:
            await self._pump()
            outcome = await command.future
        except TransportClosed:
            outcome = command.end(CallStatus.DISCONNECTED)
        except asyncio.CancelledError:
            # The caller is gone. A CALL that is out keeps its slot until it is answered or expires.
            if self._outbox.discard(command):
                timer.cancel()
            raise
        timer.cancel()
        return outcome

    def _on_deadline(self, command: _Command) -> None:
        if self._outstanding is command:
            self._session.expire(command.deadline_s)
            self._outstanding = None
            task = asyncio.get_running_loop().create_task(self._pump_quietly())
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)
        else:
            self._outbox.discard(command)
        command.finish(command.end(CallStatus.TIMED_OUT))

    async def _pump_quietly(self) -> None:
        with suppress(TransportClosed):  # the reading task reports it
            await self._pump()

    async def _pump(self) -> None:
        """Send the next command if the station is free, and whatever the session has to say."""
        session = self._session
        if self._fenced:
            return
        if session.may_call and (command := self._outbox.pop()) is not None:
            session.call(
                self._message_ids(),
                command.action,
                command.payload,
                deadline_s=command.deadline_s,
                checked=command.row,
            )
            command.sent_s = self._clock.monotonic()
            self._outstanding = command
        for data in session.data_to_send():
            self._observer.frame(self.station_id, Direction.OUT, data)
            await self._transport.send(data)

    def _settle(
        self,
        status: CallStatus,
        *,
        payload: Payload | None = None,
        code: str = "",
        description: str = "",
        details: Payload | None = None,
    ) -> None:
        command, self._outstanding = self._outstanding, None
        if command is not None:
            command.finish(
                CallOutcome(
                    status=status,
                    payload=payload or {},
                    code=code,
                    description=description,
                    details=details or {},
                    sent_s=command.sent_s,
                    answered_s=self._clock.monotonic(),
                )
            )

    # The end

    def _end_commands(self) -> None:
        commands = self._outbox.drain()
        if self._outstanding is not None:
            commands.append(self._outstanding)
            self._outstanding = None
        for command in commands:
            command.finish(command.end(CallStatus.DISCONNECTED))

    async def _retire(self, reason: CloseReason) -> None:
        self.fence()
        self._watchdog.close()
        try:
            await self._transport.close(_CLOSE_CODE[reason], reason.value)
            await self._dispatcher.disconnected(self.station_id, self.epoch, reason)
        except Exception as error:  # noqa: BLE001 nothing is left to be closed for it
            self._observer.failed(self.station_id, "disconnected", error)
        finally:
            self._observer.closed(self.station_id, self.epoch, reason)
            self.finished.set()
