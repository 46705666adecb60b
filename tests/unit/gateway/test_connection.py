"""One station's connection, over an in-memory transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from csms.gateway.handshake import RequestHead
from csms.gateway.memory import LinkModel, MemoryTransport
from csms.gateway.ports import CloseReason, Direction, Observer, StationLink
from csms.gateway.server import Gateway, RefusedError
from csms.gateway.settings import GatewaySettings
from csms.gateway.transport import TransportClosed
from csms.ids import StationId
from csms.ocppj.errors import CallError, ErrorCode, LocalProtocolError, StoreUnavailable
from csms.ocppj.outcome import CallOutcome, CallStatus
from tests.unit.gateway.toys import NOW, ToyDispatcher, toy_gateway

CS1 = StationId("CS1")
RESET = {"type": "Immediate"}
ACCEPTED = {"status": "Accepted"}
EVENT: dict[str, Any] = {
    "eventType": "Started",
    "timestamp": NOW,
    "triggerReason": "CablePluggedIn",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "t"},
}


class Station:
    """The station's end of a connection, by hand."""

    def __init__(self, transport: MemoryTransport) -> None:
        self.transport = transport

    async def send(self, *message: Any) -> None:
        await self.transport.send(orjson.dumps(message))

    async def receive(self) -> Any:
        async with asyncio.timeout(2):
            return orjson.loads(await self.transport.recv())

    async def ask(self, action: str, payload: Any, message_id: str = "1") -> Any:
        await self.send(2, message_id, action, payload)
        return await self.receive()

    async def closed(self) -> TransportClosed:
        async with asyncio.timeout(2):
            while True:
                try:
                    await self.transport.recv()
                except TransportClosed as closed:
                    return closed


class Seen(Observer):
    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.frames: list[tuple[Direction, bytes]] = []

    def handled(self, station_id: StationId, action: str, outcome: str, latency_s: float) -> None:
        assert latency_s >= 0.0
        self.events.append(("handled", action, outcome))

    def failed(self, station_id: StationId, action: str, error: BaseException) -> None:
        self.events.append(("failed", action, type(error)))

    def called(self, station_id: StationId, action: str, outcome: CallOutcome) -> None:
        self.events.append(("called", action, outcome.status))

    def taken_over(self, station_id: StationId, old_epoch: int, *, old_was_alive: bool) -> None:
        self.events.append(("taken_over", old_was_alive))

    def violated(self, station_id: StationId, kind: Any, description: str) -> None:
        self.events.append(("violated", kind.value))

    def frame(self, station_id: StationId, direction: Direction, data: bytes) -> None:
        self.frames.append((direction, data))


class World:
    def __init__(self, **settings: Any) -> None:
        self.dispatcher = ToyDispatcher()
        self.observer = Seen()
        self.gateway: Gateway = toy_gateway(
            GatewaySettings(**settings), dispatcher=self.dispatcher, observer=self.observer
        )

    async def connect(
        self, station_id: str = "CS1", version: str = "ocpp2.1", link: LinkModel | None = None
    ) -> Station:
        head = RequestHead(path=f"/ocpp/{station_id}", address="192.0.2.1", subprotocols=(version,))
        transport, _ = await self.gateway.connect_in_memory(head, link=link)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return Station(transport)

    def link(self, station_id: str = "CS1") -> StationLink:
        link = self.gateway.link(StationId(station_id))
        assert link is not None
        return link

    def call(self, payload: Any = None, **arguments: Any) -> asyncio.Task[CallOutcome]:
        arguments.setdefault("timeout_s", 2.0)
        return asyncio.create_task(
            self.link().call(arguments.pop("action", "Reset"), payload or RESET, **arguments)
        )


@asynccontextmanager
async def world(**settings: Any) -> AsyncIterator[World]:
    w = World(**settings)
    try:
        yield w
    finally:
        async with asyncio.timeout(5):
            await w.gateway.stop()


def raising(error: BaseException) -> Callable[..., Awaitable[Any]]:
    async def handler(*_: Any) -> Any:
        raise error

    return handler


async def test_a_call_is_dispatched_and_answered() -> None:
    async with world() as w:
        station = await w.connect()
        assert await station.ask("Heartbeat", {}) == [3, "1", {"currentTime": NOW}]
        assert w.dispatcher.calls == [("CS1", "Heartbeat", {})]
        assert ("handled", "Heartbeat", "ok") in w.observer.events
        assert [direction for direction, _ in w.observer.frames] == [Direction.IN, Direction.OUT]


async def test_calls_are_handled_in_order_one_at_a_time() -> None:
    running = 0

    async def slowly(station_id: StationId, action: str, payload: Any) -> Any:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0.001)
        running -= 1
        return {}

    async with world() as w:
        w.dispatcher.handler = slowly
        station = await w.connect()
        for n in range(20):
            await station.send(2, str(n), "TransactionEvent", {**EVENT, "seqNo": n})
        assert [(await station.receive())[1] for _ in range(20)] == [str(n) for n in range(20)]
        assert [payload["seqNo"] for _, _, payload in w.dispatcher.calls] == list(range(20))


async def test_a_call_error_of_the_handler_is_the_answer() -> None:
    async with world() as w:
        w.dispatcher.handler = raising(CallError(ErrorCode.SECURITY_ERROR, "boot first", {"a": 1}))
        station = await w.connect()
        assert await station.ask("Heartbeat", {}) == [
            4,
            "1",
            "SecurityError",
            "boot first",
            {"a": 1},
        ]


async def test_an_unavailable_store_closes_unanswered() -> None:
    """A CALLERROR would make a 1.6 station discard the message after its third attempt."""
    async with world() as w:
        w.dispatcher.handler = raising(StoreUnavailable())
        station = await w.connect(version="ocpp1.6")
        stop = {"transactionId": 1, "meterStop": 5, "timestamp": NOW}
        await station.send(2, "1", "StopTransaction", stop)
        assert (await station.closed()).code == 1013
        await asyncio.sleep(0.01)
        assert w.dispatcher.ended[0][2] is CloseReason.STORE_UNAVAILABLE


@pytest.mark.parametrize("stalls", [False, True], ids=["raises", "stalls"])
@pytest.mark.parametrize(
    ("action", "payload", "is_kept"),
    [("TransactionEvent", EVENT, True), ("Heartbeat", {}, False)],
)
async def test_a_failing_handler(action: str, payload: Any, is_kept: bool, stalls: bool) -> None:
    async def stall(*_: Any) -> Any:
        await asyncio.sleep(60)

    async with world(handler_timeout_s=0.05) as w:
        w.dispatcher.handler = stall if stalls else raising(ZeroDivisionError())
        station = await w.connect()
        await station.send(2, "1", action, payload)
        if is_kept:
            assert (await station.closed()).code == 1011
        else:
            assert await station.receive() == [4, "1", "InternalError", "", {}]
            w.dispatcher.handler = None
            assert (await station.ask("Heartbeat", {}))[0] == 3
        assert (
            "failed",
            action,
            TimeoutError if stalls else ZeroDivisionError,
        ) in w.observer.events


async def test_an_answer_that_our_own_schema_refuses_is_never_sent() -> None:
    async def nonsense(*_: Any) -> Any:
        return {"current_time": NOW}

    async with world() as w:
        w.dispatcher.handler = nonsense
        station = await w.connect()
        assert (await station.ask("Heartbeat", {}))[:3] == [4, "1", "InternalError"]
        assert ("failed", "Heartbeat", LocalProtocolError) in w.observer.events


async def test_send_is_dispatched_without_an_answer() -> None:
    stream = {"id": 1, "pending": 0, "basetime": NOW, "data": [{"t": 0, "v": "1"}]}
    async with world() as w:
        station = await w.connect()
        await station.send(6, "s", "NotifyPeriodicEventStream", stream)
        assert (await station.ask("Heartbeat", {}))[1] == "1"
        assert w.dispatcher.sends == [("CS1", "NotifyPeriodicEventStream", stream)]


async def test_a_flood_is_read_at_the_agreed_rate_and_all_of_it_is_answered() -> None:
    async with world(max_messages_per_s=100.0, message_burst=10) as w:
        station = await w.connect()
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        for n in range(40):
            await station.send(2, str(n), "Heartbeat", {})
        assert [(await station.receive())[1] for _ in range(40)] == [str(n) for n in range(40)]
        assert loop.time() - start_s > 0.25, "30 over the burst, at 100 a second"


async def test_a_flood_does_not_keep_the_loop_from_the_others() -> None:
    async with world(message_burst=100_000) as w:
        flooding, other = await w.connect("CS1"), await w.connect("CS2")
        for n in range(2000):
            await flooding.send(2, str(n), "Heartbeat", {})
        await other.send(2, "other", "Heartbeat", {})
        assert (await other.receive())[1] == "other"
        assert len(w.dispatcher.calls) < 200


# Commands


async def test_a_command_and_its_outcomes() -> None:
    async with world() as w:
        station = await w.connect()
        task = w.call()
        number, message_id, action, payload = await station.receive()
        assert (number, action, payload) == (2, "Reset", RESET)
        await station.send(3, message_id, ACCEPTED)
        outcome = await task
        assert (outcome.status, outcome.payload) == (CallStatus.ANSWERED, ACCEPTED)
        assert outcome.latency_s is not None
        assert outcome.latency_s >= 0.0

        task = w.call()
        message_id = (await station.receive())[1]
        await station.send(4, message_id, "NotSupported", "no", {})
        outcome = await task
        assert (outcome.status, outcome.code) == (CallStatus.REFUSED, "NotSupported")

        task = w.call()
        message_id = (await station.receive())[1]
        await station.send(3, message_id, {"status": "Perhaps"})
        assert (await task).status is CallStatus.INVALID
        assert (await station.receive())[:2] == [5, message_id]


async def test_an_invalid_command_is_the_callers_fault() -> None:
    async with world() as w:
        await w.connect()
        with pytest.raises(LocalProtocolError, match=r"\$\.type"):
            await w.call({"type": "Gently"})


async def test_one_outstanding_call_the_rest_waits_its_turn() -> None:
    async with world() as w:
        station = await w.connect()
        tasks = [w.call() for _ in range(5)]
        for _ in tasks:
            message = await station.receive()
            assert message[2] == "Reset"
            await asyncio.sleep(0.005)
            assert not station.transport._inbox, "a second CALL before the first was answered"
            await station.send(3, message[1], ACCEPTED)
        assert {(await task).status for task in tasks} == {CallStatus.ANSWERED}


async def test_setpoints_coalesce() -> None:
    def update(watts: float) -> Any:
        return {"chargingProfileId": 1, "scheduleUpdate": {"setpoint": watts}}

    async with world() as w:
        station = await w.connect()
        first = w.call()
        reset = await station.receive()
        setpoints = [
            w.call(update(float(n)), action="UpdateDynamicSchedule", coalesce_key="p1")
            for n in range(4)
        ]
        await asyncio.sleep(0)
        await station.send(3, reset[1], ACCEPTED)
        message = await station.receive()
        assert message[3] == update(3.0)
        await station.send(3, message[1], ACCEPTED)
        statuses = [(await task).status for task in setpoints]
        assert statuses == [CallStatus.SUPERSEDED] * 3 + [CallStatus.ANSWERED]
        assert (await first).status is CallStatus.ANSWERED


async def test_a_silent_station_times_out_and_frees_the_slot() -> None:
    async with world() as w:
        station = await w.connect()
        first, second = w.call(timeout_s=0.05), w.call(timeout_s=2.0)
        lost = await station.receive()
        outcome = await first
        assert outcome.status is CallStatus.TIMED_OUT
        assert outcome.sent_s is not None
        await station.send(3, lost[1], ACCEPTED)  # too late: counted, and no answer to the second
        message = await station.receive()
        assert message[1] != lost[1]
        await asyncio.sleep(0.01)
        assert not second.done()
        await station.send(3, message[1], ACCEPTED)
        assert (await second).status is CallStatus.ANSWERED
        assert ("violated", "late_answer") in w.observer.events


async def test_a_command_that_never_left_the_queue_says_so() -> None:
    async with world() as w:
        station = await w.connect()
        first = w.call(timeout_s=5.0)
        await station.receive()
        outcome = await w.call(timeout_s=0.02)
        assert (outcome.status, outcome.sent_s) == (CallStatus.TIMED_OUT, None)
        first.cancel()


async def test_a_cancelled_caller_keeps_the_slot_until_the_deadline() -> None:
    async with world() as w:
        station = await w.connect()
        first, second = w.call(timeout_s=0.1), w.call()
        await station.receive()
        first.cancel()
        await asyncio.sleep(0.02)
        assert not station.transport._inbox
        assert (await station.receive())[2] == "Reset"  # after the deadline
        second.cancel()


async def test_commands_are_bounded() -> None:
    async with world(max_queued_calls=2) as w:
        station = await w.connect()
        tasks = [w.call() for _ in range(3)]
        await station.receive()
        assert (await w.call()).status is CallStatus.QUEUE_FULL
        await station.transport.close(1000, "")
        assert {(await task).status for task in tasks} == {CallStatus.DISCONNECTED}


async def test_a_stale_link_only_yields_disconnected() -> None:
    async with world() as w:
        station = await w.connect()
        link = w.link()
        await station.transport.close(1000, "")
        await asyncio.sleep(0.01)
        assert w.gateway.link(CS1) is None
        assert (await link.call("Reset", RESET, timeout_s=1)).status is CallStatus.DISCONNECTED
        assert w.dispatcher.ended == [("CS1", link.epoch, CloseReason.STATION)]


# Takeover


async def test_a_newcomer_replaces_and_the_old_one_cannot_touch_it() -> None:
    async with world() as w:
        old = await w.connect()
        pending = w.call()
        await old.receive()
        new = await w.connect()
        assert (await pending).status is CallStatus.DISCONNECTED
        assert (await old.closed()).code == 1008
        assert (await new.ask("Heartbeat", {}))[0] == 3
        first, second = (epoch for what, _, epoch in w.dispatcher.history if what == "connected")
        assert first < second
        assert [what for what, _, _ in w.dispatcher.history] == [
            "connected",
            "disconnected",
            "connected",
        ]
        assert w.link().epoch == second
        assert ("taken_over", True) in w.observer.events


class CutLink:
    """Loses everything once it is cut: a half-open connection."""

    cut = False

    def delay_s(self, data: bytes, *, to_station: bool) -> float | None:
        return None if self.cut else 0.0


async def test_a_half_open_connection_is_replaced_without_alarm() -> None:
    async with world() as w:
        link = CutLink()
        await w.connect(link=link)
        link.cut = True
        new = await w.connect()
        assert (await new.ask("Heartbeat", {}))[0] == 3
        assert ("taken_over", False) in w.observer.events


async def test_a_hanging_handler_does_not_keep_the_newcomer_out() -> None:
    release = asyncio.Event()

    async def hang(station_id: StationId, action: str, payload: Any) -> Any:
        if action == "TransactionEvent":
            await release.wait()
        return {"currentTime": NOW} if action == "Heartbeat" else {}

    async with world(takeover_timeout_s=0.05) as w:
        w.dispatcher.handler = hang
        old = await w.connect()
        await old.send(2, "1", "TransactionEvent", EVENT)
        new = await w.connect()
        assert (await new.ask("Heartbeat", {}))[0] == 3
        epoch = w.link().epoch
        release.set()
        await asyncio.sleep(0.02)
        assert w.link().epoch == epoch, "the old clean-up removed its successor"
        assert (await new.ask("Heartbeat", {}))[0] == 3


async def test_many_newcomers_at_once_leave_exactly_the_last() -> None:
    async with world() as w:
        stations = await asyncio.gather(*(w.connect() for _ in range(200)))
        *others, last = stations
        for station in others:
            assert (await station.closed()).code == 1008
        assert (await last.ask("Heartbeat", {}))[0] == 3
        connected = [e for what, _, e in w.dispatcher.history if what == "connected"]
        ended = [e for what, _, e in w.dispatcher.history if what == "disconnected"]
        assert set(connected) - set(ended) == {w.link().epoch}


# Admission and shutdown


async def test_refusals_in_memory() -> None:
    async with world() as w:
        with pytest.raises(RefusedError, match="404"):
            await w.connect("unknown")
        with pytest.raises(ValueError, match="subprotocol"):
            await w.connect("CS1", "ocpp1.5")
        assert [knock.claimed_id for knock in w.gateway.knocks.latest()] == ["unknown"]


async def test_stop_closes_every_station_and_reports_each() -> None:
    async with world() as w:
        stations = [await w.connect(f"CS{n}") for n in range(5)]
        await w.gateway.stop()
        for station in stations:
            assert (await station.closed()).code == 1001
        assert {reason for _, _, reason in w.dispatcher.ended} == {CloseReason.SHUTDOWN}
        with pytest.raises(RefusedError, match="503"):
            await w.connect()


async def test_a_store_outage_while_connecting() -> None:
    async with world() as w:
        w.dispatcher.connected = raising(StoreUnavailable())  # type: ignore[method-assign]
        station = await w.connect()
        assert (await station.closed()).code == 1013
        assert w.gateway.link(CS1) is None


async def test_a_peer_that_floods_without_reading_is_dropped() -> None:
    async with world() as w:
        station = await w.connect()
        with pytest.raises(TransportClosed):
            await _flood(station)


async def _flood(station: Station) -> None:
    for n in range(20_000):
        await station.send(2, str(n), "Heartbeat", {})
        if n % 16 == 0:
            await asyncio.sleep(0)
