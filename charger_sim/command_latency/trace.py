"""Stamps a command on its way, and slows down the legs that stand for cables and devices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from charger_sim.command_latency.stages import CSMS, EV, LOOP, NETWORK, OCPP, PLC, SECC, Delay
from charger_sim.iso15118.driver import ByteStream
from charger_sim.station.communication import Communication
from charger_sim.station.evse import Evse
from charger_sim.transport import Transport

TOLERANCE_W = 2.0
"""Currents travel in steps that make up to a watt."""


class Trace:
    """Of one station; one command at a time. ``ends_s`` is when each leg ended, monotonic s."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._expected: list[str] = []
        self._target_w = 0.0
        self.begun_s = 0.0
        self.ends_s: dict[str, float] = {}
        self.overruns_s: list[float] = []
        """By how much the emulated delays came out longer than drawn."""
        self.followed = asyncio.Event()

    async def pause(self, delay_s: float) -> None:
        """An emulated delay."""
        due_s = self._monotonic_s() + delay_s
        await asyncio.sleep(delay_s)
        self.overruns_s.append(self._monotonic_s() - due_s)

    def begin(self, target_w: float) -> None:
        self._expected = [CSMS, NETWORK, OCPP, LOOP, SECC, PLC, EV]
        self._target_w = target_w
        self.ends_s = {}
        self.followed.clear()
        self.begun_s = self._monotonic_s()

    def mark(self, leg: str) -> None:
        """The end of ``leg``, if the command is on it."""
        if self._expected and self._expected[0] == leg:
            self._expected.pop(0)
            self.ends_s[leg] = self._monotonic_s()
            if leg == EV:
                self.followed.set()

    def power(self, power_w: float) -> None:
        """The car's converter is set to this now."""
        if abs(power_w - self._target_w) <= TOLERANCE_W:
            self.mark(EV)


class SlowTransport:
    """An OCPP connection behind a modem or a fibre."""

    def __init__(
        self, inner: Transport, trace: Trace, delay: Delay | None, rng: Random, action: str
    ) -> None:
        self._inner = inner
        self._trace = trace
        self._delay = delay
        self._rng = rng
        self._action = f'"{action}"'

    async def send(self, text: str) -> None:
        await self._wait()
        await self._inner.send(text)

    async def recv(self) -> str:
        text = await self._inner.recv()
        ours = self._action in text
        if ours:
            self._trace.mark(CSMS)
        await self._wait()
        if ours:
            self._trace.mark(NETWORK)
        return text

    async def close(self) -> None:
        await self._inner.close()

    async def _wait(self) -> None:
        if self._delay is not None:
            await self._trace.pause(self._delay.draw(self._rng))


class SlowCharger:
    """The charger's end of a V2GTP connection: its controller takes time, and so does the cable."""

    def __init__(
        self, inner: ByteStream, trace: Trace, secc: Delay, plc: Delay, rng: Random
    ) -> None:
        self._inner = inner
        self._trace = trace
        self._secc = secc
        self._plc = plc
        self._rng = rng

    async def receive(self) -> bytes:
        return await self._inner.receive()

    async def send(self, octets: bytes) -> None:
        self._trace.mark(LOOP)  # the machine has just read the limit into this response
        await self._trace.pause(self._secc.draw(self._rng))
        self._trace.mark(SECC)
        await self._trace.pause(self._plc.draw(self._rng))
        await self._inner.send(octets)
        self._trace.mark(PLC)

    async def close(self) -> None:
        await self._inner.close()


class SlowCar:
    """The car's end: it thinks before it acts."""

    def __init__(
        self, inner: ByteStream, trace: Trace, ev: Delay, plc: Delay, rng: Random, evse: Evse
    ) -> None:
        self._inner = inner
        self._trace = trace
        self._ev = ev
        self._plc = plc
        self._rng = rng
        self._evse = evse

    async def receive(self) -> bytes:
        octets = await self._inner.receive()
        await self._trace.pause(self._ev.draw(self._rng))
        return octets

    async def send(self, octets: bytes) -> None:
        if self._evse.high_level is not None:
            self._trace.power(self._evse.high_level.order_w)
        await self._trace.pause(self._plc.draw(self._rng))
        await self._inner.send(octets)

    async def close(self) -> None:
        await self._inner.close()


class Stamped:
    """Notes when the station has taken a profile in, and passes everything on."""

    def __init__(self, inner: Communication, trace: Trace) -> None:
        self._inner = inner
        self._trace = trace

    def plugged(self, evse: Evse) -> bool:
        return self._inner.plugged(evse)

    def unplugged(self, evse: Evse) -> None:
        self._inner.unplugged(evse)

    def transaction_started(self, evse: Evse) -> None:
        self._inner.transaction_started(evse)

    def profiles_changed(self) -> None:
        self._trace.mark(OCPP)
        self._inner.profiles_changed()
