"""The asyncio shell of one station: connects, carries frames, fires timers, waits, connects again."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Callable
from random import Random

from charger_sim.clock import Clock
from charger_sim.measure import Latencies
from charger_sim.station.backoff import Backoff
from charger_sim.station.config import SUBPROTOCOL, StationConfig
from charger_sim.station.faults import Faults, FaultyLink
from charger_sim.station.iso15118 import SeccHost, SeccOptions
from charger_sim.station.station import Station
from charger_sim.transport import Connect, ConnectFailed, Transport, TransportClosed


class StationLink:
    """Owns a :class:`Station`, its connection and its charge controllers (``secc``, for EVSEs with
    ISO 15118); :meth:`run` until cancelled."""

    def __init__(
        self,
        config: StationConfig,
        connect: Connect,
        clock: Clock,
        rng: Random,
        *,
        faults: Faults | None = None,
        latencies: Latencies | None = None,
        secc: SeccOptions | None = None,
        log: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._log = log
        self._outgoing: deque[str] = deque()
        self._has_output = asyncio.Event()
        self._rearm = asyncio.Event()
        self._armed_s = math.inf
        self._cut = False
        self._last_failure = ""
        self.connects = 0
        self.failures = 0
        self.station = Station(
            config,
            clock,
            rng,
            transmit=self._transmit,
            faults=faults,
            on_latency=(latencies or Latencies()).add,
        )
        self.secc: SeccHost | None = None
        if config.iso15118:
            self.secc = SeccHost(
                self.station, clock, secc or SeccOptions(), poke=self.poke, log=log
            )
            self.station.communication = self.secc
        link_rng = Random(rng.getrandbits(64))  # noqa: S311 a simulation, not a secret
        self._backoff = Backoff(link_rng)
        self._up = FaultyLink(self.station.faults, link_rng)
        self._down = FaultyLink(self.station.faults, link_rng)

    async def run(self) -> None:
        """Runs the station for ever; cancel to stop. Exceptions of the station propagate."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._timers())
            group.create_task(self._connections())
            if self.secc is not None:
                group.create_task(self.secc.run())

    def poke(self) -> None:
        """Something outside changed the station: look at its timers again."""
        due = self.station.next_timer_s()
        if due is not None and due < self._armed_s:
            self._rearm.set()

    def cut(self) -> None:
        """The network fails now."""
        self._cut = True
        self._has_output.set()

    def _transmit(self, text: str) -> None:
        for frame in self._up.through(text):
            self._outgoing.append(frame)
        self._has_output.set()

    async def _timers(self) -> None:
        while True:
            self.station.run_timers()
            due = self.station.next_timer_s()
            self._armed_s = math.inf if due is None else due
            self._rearm.clear()
            delay_s = None if due is None else max(0.0, due - self._clock.monotonic())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await self._rearm.wait()

    async def _connections(self) -> None:
        station = self.station
        while True:
            wait_s = station.connect_not_before_s - self._clock.monotonic()
            if wait_s > 0.0:
                await asyncio.sleep(wait_s)
            try:
                transport = await self._connect(
                    station.config.id, SUBPROTOCOL[station.config.version]
                )
            except ConnectFailed as error:
                self.failures += 1
                if str(error) != self._last_failure:
                    self._last_failure = str(error)
                    self._log(self._last_failure)
                await self._wait()
                continue
            self.connects, self._last_failure = self.connects + 1, ""
            self._backoff.connected()
            await self._serve(transport)
            if not station.wants_close:
                await self._wait()

    async def _wait(self) -> None:
        s = self.station.settings
        delay_s = self._backoff.next_delay_s(s.retry_wait_min, s.retry_random, s.retry_repeat_times)
        await asyncio.sleep(delay_s)

    async def _serve(self, transport: Transport) -> None:
        """One connection, from open to closed."""
        self._outgoing.clear()
        self._cut = False
        self.station.connected()
        self.poke()
        tasks = [
            asyncio.create_task(self._read(transport)),
            asyncio.create_task(self._write(transport)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.station.disconnected()
            self._up.cut()
            self._down.cut()
            await transport.close()

    async def _read(self, transport: Transport) -> None:
        while True:
            try:
                text = await transport.recv()
            except TransportClosed as closed:
                self._log(f"{self.station.config.id}: {closed}")
                return
            for frame in self._down.through(text):
                self.station.receive(frame)
            self.poke()

    async def _write(self, transport: Transport) -> None:
        while True:
            await self._has_output.wait()
            self._has_output.clear()
            try:
                while self._outgoing and not self._cut:
                    await transport.send(self._outgoing.popleft())
            except TransportClosed:
                return
            if self._cut or self.station.wants_close:
                return
