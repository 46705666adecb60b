"""Runs a state machine over a byte stream: the only place where a session waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from charger_sim.iso15118.backend import Backend, put
from charger_sim.iso15118.errors import FrameError, LocalProtocolError
from charger_sim.iso15118.machine import PENDING, Ask, End, Ending, Machine, Outcome, Send, Wait
from charger_sim.iso15118.v2gtp import Frame, FrameReader


class ByteStream(Protocol):
    """A connection: `streams` has one over asyncio and one in memory."""

    async def receive(self) -> bytes:
        """Octets that came, b"" at the end. Raises OSError."""
        ...

    async def send(self, octets: bytes) -> None:
        """Raises OSError."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Step:
    """From the end of one received frame (or the start) to the end of the next one.

    On the EV's side these tile the session: reading the previous response, building the request
    `name`, the wire, the charger, the wire. On the SECC's side `name` is of the response sent.
    """

    name: str
    t_begin_s: float
    t_end_s: float
    sent_octets: int
    received_octets: int


StepHook: TypeAlias = Callable[[Step], None]
Clock: TypeAlias = Callable[[], float]


async def run(
    machine: Machine,
    stream: ByteStream,
    *,
    clock: Clock,
    backend: Backend | None = None,
    on_step: StepHook | None = None,
    on_error: Callable[[Exception], None] | None = None,
) -> Outcome:
    """Drive `machine` to its end over `stream`, and close it.

    `clock` gives monotonic seconds, such as ``loop.time``. `backend` answers a SECC's questions;
    what it raises goes to `on_error`, and the machine sees no answer.
    """
    session = _Session(machine, stream, clock, backend, on_step, on_error)
    try:
        return await session.run()
    except FrameError as error:
        machine.time_out(clock())
        return Outcome(Ending.PROTOCOL_ERROR, str(error))
    except OSError as error:
        machine.time_out(clock())
        return Outcome(Ending.CLOSED, f"{type(error).__name__}: {error}")
    except BaseException:
        machine.time_out(clock())  # cancelled, or our own error: a charger opens its contactors
        raise
    finally:
        session.cancel()
        await stream.close()


class _Session:
    def __init__(
        self,
        machine: Machine,
        stream: ByteStream,
        clock: Clock,
        backend: Backend | None,
        on_step: StepHook | None,
        on_error: Callable[[Exception], None] | None,
    ) -> None:
        self._machine = machine
        self._stream = stream
        self._clock = clock
        self._backend = backend
        self._on_step = on_step
        self._on_error = on_error
        self._reader = FrameReader()
        self._frames: list[Frame] = []
        self._open: dict[Hashable, asyncio.Task[Any]] = {}

    async def run(self) -> Outcome:
        begin_s = self._clock()
        output = self._machine.start(begin_s)
        while True:
            name, sent = "", 0
            while isinstance(output, Ask):
                output = output.then(await self._answer(output), self._clock())
            if isinstance(output, End):
                return output.outcome
            if isinstance(output, Send):
                if output.delay_s > 0.0:
                    await asyncio.sleep(output.delay_s)
                octets = output.frame.to_bytes()
                name, sent = output.name, len(octets)
                await self._stream.send(octets)
                if output.end is not None:
                    self._report(name, begin_s, sent, 0)
                    return output.end
            frame = await self._next(output)
            if frame is None:
                return self._machine.time_out(self._clock()).outcome
            begin_s = self._report(name, begin_s, sent, len(frame.payload) + 8)
            output = self._machine.receive(frame, begin_s)

    def cancel(self) -> None:
        for task in self._open.values():
            task.cancel()

    def _report(self, name: str, begin_s: float, sent: int, received: int) -> float:
        end_s = self._clock()
        if self._on_step is not None and name:
            self._on_step(Step(name, begin_s, end_s, sent, received))
        return end_s

    async def _next(self, output: Send | Wait) -> Frame | None:
        try:
            async with asyncio.timeout(output.timeout_s):
                while not self._frames:
                    octets = await self._stream.receive()
                    if not octets:
                        raise ConnectionResetError("the peer closed the connection")
                    self._frames += self._reader.feed(octets)
        except TimeoutError:
            return None
        return self._frames.pop(0)

    async def _answer(self, ask: Ask) -> Any:
        if self._backend is None:
            raise LocalProtocolError(f"no backend for {type(ask.question).__name__}")
        task = self._open.get(ask.question)
        if task is None:
            task = asyncio.ensure_future(put(self._backend, ask.question))
            self._open[ask.question] = task
        done, _ = await asyncio.wait((task,), timeout=ask.patience_s)
        if not done:
            return PENDING
        del self._open[ask.question]
        try:
            return task.result()
        except Exception as error:  # noqa: BLE001 whatever a backend raises, the EV gets an answer
            if self._on_error is not None:
                self._on_error(error)
            return None
