"""One station on a stiff grid, with its physics: for demonstrations and tests of single sessions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

from charger_sim.clock import Clock
from charger_sim.link import StationLink
from charger_sim.measure import Latencies
from charger_sim.station.config import StationConfig
from charger_sim.station.iso15118 import SeccHost, SeccOptions, SessionEnd
from charger_sim.station.iso15118.host import OnStep
from charger_sim.station.station import Station
from charger_sim.transport import Connect
from charger_sim.vehicle import Vehicle


class SingleCharger:
    """A running station; :meth:`charge` is a driver's visit."""

    def __init__(self, link: StationLink, secc: SeccHost) -> None:
        self.link = link
        self.secc = secc
        self._changed = asyncio.Condition()

    @property
    def station(self) -> Station:
        return self.link.station

    async def accepted(self) -> None:
        """Returns once the central system has accepted the station."""
        await self._until(lambda: self.station.registration.state == "Accepted")

    async def charge(self, vehicle: Vehicle, evse_id: int = 1) -> SessionEnd:
        """From plug to the end of the session; the vehicle stays plugged in."""
        n = len(self.secc.ended)
        self.station.sessions.plug_in(evse_id, vehicle)
        self.link.poke()
        await self._until(lambda: len(self.secc.ended) > n)
        return self.secc.ended[-1]

    async def told(self) -> None:
        """Returns once nothing waits to be sent, or to be answered."""
        await self._until(lambda: not len(self.station.outbox) and self.station.rpc.idle)

    async def ticked(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(condition)


@asynccontextmanager
async def single_charger(
    config: StationConfig,
    connect: Connect,
    clock: Clock,
    rng: Random,
    *,
    secc: SeccOptions,
    tick_s: float = 0.02,
    speed: float = 1.0,
    f_hz: float = 50.0,
    latencies: Latencies | None = None,
    on_step: OnStep = lambda _evse_id, _step: None,
) -> AsyncIterator[SingleCharger]:
    """Connected and accepted. Energy flows ``speed`` times as fast as time does.

    Raises ``ValueError`` for a station without ISO 15118, what the caller's block raises, and an
    ``ExceptionGroup`` for what goes wrong in the station.
    """
    link = StationLink(config, connect, clock, rng, latencies=latencies, secc=secc)
    if link.secc is None:
        raise ValueError(f"station {config.id}: no EVSE with ISO 15118")
    link.secc.on_step = on_step
    charger = SingleCharger(link, link.secc)
    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(link.run()),
            group.create_task(_physics(charger, tick_s, tick_s * speed, f_hz)),
        ]
        try:
            await charger.accepted()
            yield charger
        except Exception as error:  # noqa: BLE001 the caller's own: told after the group has ended
            failure = error
        finally:
            for task in tasks:
                task.cancel()
    if failure is not None:
        raise failure


async def _physics(charger: SingleCharger, tick_s: float, dt_s: float, f_hz: float) -> None:
    station = charger.station
    while True:
        await asyncio.sleep(tick_s)
        station.refresh()
        station.step(dt_s, f_hz)
        station.ticked()
        charger.link.poke()
        await charger.ticked()
