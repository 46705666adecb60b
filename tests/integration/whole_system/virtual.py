"""The whole system in virtual time, to be interfered with: minutes of a site in seconds, the same every time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import TypeVar

import msgspec

from charger_sim.demo import demo_scenario
from charger_sim.swarm import Swarm
from csms.bootstrap import CentralSystem
from csms.cli.demo.plant import plant_feeder
from csms.cli.demo.site import site_settings, station_records
from csms.cli.demo.virtual_time import run_virtual
from csms.cli.demo.whole_system import _History, in_memory_connector
from csms.clock import LoopClock
from csms.domain.feeder_view import EvseDecision
from csms.domain.fleet import EvseState, StationState
from csms.grid.feeder_file import load_feeder
from csms.ids import EvseKey, StationId
from csms.store import InlineStore

T = TypeVar("T")

EPOCH = datetime(2026, 1, 5, tzinfo=UTC)
V_MIN_PU = 0.90
PERIOD_S = 1.0
LEASE_S = 15


class VirtualSite:
    """A central system, its feeder and its chargers, running."""

    def __init__(self, system: CentralSystem, swarm: Swarm) -> None:
        self.system = system
        self.swarm = swarm

    def state(self, station_id: str) -> StationState:
        return self.system.fleet.station(StationId(station_id))

    def evse(self, station_id: str) -> EvseState:
        return self.state(station_id).evse(1)

    def decided(self, station_id: str) -> EvseDecision:
        """By the last cycle of the loop."""
        decision = self.evse(station_id).decided()
        assert decision is not None
        return decision

    def power_w(self, station_id: str) -> float:
        return self.swarm.stations[station_id].evses[1].power_w

    def safe_w(self, station_id: str) -> float:
        desk = self.system.site.desk
        assert desk is not None
        return desk.safe_power_w[EvseKey(StationId(station_id), 1)]

    @property
    def ids(self) -> list[str]:
        return list(self.swarm.stations)

    def of_version(self, version: str) -> list[str]:
        return [k for k, s in self.swarm.stations.items() if s.config.version == version]

    @property
    def lowest_after_grace_v_pu(self) -> float:
        return self.swarm.world.record.lowest_after_grace_v_pu


def on_virtual_site(
    test: Callable[[VirtualSite], Awaitable[T]],
    *,
    n_stations: int = 9,
    seed: int = 1,
    feeder: str = "ieee33",
    events: bool = False,
    bidirectional_on: str | None = None,
) -> T:
    """Run ``test`` beside a site of ``n_stations`` under control, in virtual time; ``events``: with the demo's loss of
    generation."""

    async def main() -> T:
        async with _site(n_stations, seed, feeder, events, bidirectional_on) as site:
            return await test(site)

    return run_virtual(main())


@asynccontextmanager
async def _site(
    n_stations: int, seed: int, feeder_name: str, events: bool, bidirectional_on: str | None
) -> AsyncIterator[VirtualSite]:
    clock = LoopClock(asyncio.get_running_loop(), EPOCH)
    feeder = load_feeder(feeder_name)
    plant = plant_feeder(feeder, V_MIN_PU)
    scenario = demo_scenario(
        plant, n_stations, seed, duration_s=3_600.0, bidirectional_on=bidirectional_on
    )
    if not events:
        scenario = msgspec.structs.replace(scenario, events=())
    rng = Random(seed)
    store = InlineStore()
    settings = site_settings(
        scenario, feeder_name, V_MIN_PU, store_url="sqlite://", ocpp_port=0, http_port=0,
        period_s=PERIOD_S, lease_s=LEASE_S,
    )  # fmt: skip
    settings = settings.model_copy(
        update={"gateway": settings.gateway.model_copy(update={"security_profile": 0})}
    )
    system = CentralSystem(settings, store, clock, rng, rng.randbytes, feeder=feeder)
    await store.journal.commit(*station_records(scenario, lambda _id: "", hashed=False))
    await system.start_without_sockets()
    connect = in_memory_connector(system.gateway, _History(clock))
    swarm = Swarm(scenario, connect, epoch=EPOCH, feeder=plant)
    running = asyncio.create_task(swarm.run(3_600.0))
    try:
        yield VirtualSite(system, swarm)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await system.stop()
