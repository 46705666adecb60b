"""A site with a planner: the whole central system and simulated chargers over real sockets, in hurried time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from charger_sim.scenario import Scenario, StationSpec, Visit
from charger_sim.station.config import Version
from charger_sim.swarm import Snapshot, Swarm
from charger_sim.transport import websocket_connector
from csms.bootstrap import CentralSystem
from csms.cli.demo.plant import plant_feeder
from csms.cli.demo.site import site_settings, station_records
from csms.clock import LoopClock
from csms.grid.feeder_file import load_feeder
from csms.store import InlineStore

EPOCH = datetime(2026, 1, 5, 8, tzinfo=UTC)
V_MIN_PU = 0.90
CHEAP, DEAR = 50.0, 300.0  # EUR/MWh
EFFICIENCY = 0.94  # of the simulated cars


def price_csv(per_hour: list[float]) -> str:
    rows = [f"2026-01-05T{8 + k:02d}:00:00Z,{price}" for k, price in enumerate(per_hour)]
    return "\n".join(["Datetime (UTC),Price (EUR/MWhe)", *rows]) + "\n"


def station(
    name: str,
    bus: str,
    kw: float,
    visit: Visit,
    version: Version = "2.1",
    discharge_kw: float = 0.0,
) -> StationSpec:
    return StationSpec(
        id=name, version=version, kind="AC" if version == "1.6" else "DC", max_charge_w=1e3 * kw,
        max_discharge_w=1e3 * discharge_kw, bus=bus, visits=(visit,),
    )  # fmt: skip


class PlannedSite:
    """The running system and its swarm."""

    def __init__(self, system: CentralSystem, swarm: Swarm) -> None:
        self.system = system
        self.swarm = swarm
        self.store = system.store

    async def run(
        self, seconds: float, watch: Callable[[Snapshot], None] = lambda _s: None
    ) -> None:
        await self.swarm.run(seconds, on_tick=watch)


@asynccontextmanager
async def planned_site(
    stations: tuple[StationSpec, ...], prices: Path | None, hours: float, **planner: Any
) -> AsyncIterator[PlannedSite]:
    scenario = Scenario(
        name="planned", seed=1, duration_s=3600.0 * hours, stations=stations,
        tick_s=30.0, substep_s=30.0, meter_interval_s=30.0,
    )  # fmt: skip
    clock = LoopClock(asyncio.get_running_loop(), EPOCH)
    feeder = load_feeder("ieee33")
    settings = site_settings(
        scenario, "ieee33", V_MIN_PU, store_url="sqlite://", ocpp_port=0, http_port=0,
        period_s=30.0, lease_s=300, droop=False,
    )  # fmt: skip
    section = settings.planner.model_copy(
        update={"enabled": True, "prices": prices, "efficiency_frac": EFFICIENCY, **planner}
    )
    gateway = settings.gateway.model_copy(update={"security_profile": 0})
    settings = settings.model_copy(update={"planner": section, "gateway": gateway})
    store = InlineStore()
    rng = Random(7)

    async def at_once(work: Callable[[], Any]) -> Any:
        return work()

    system = CentralSystem(
        settings, store, clock, rng, rng.randbytes, feeder=feeder, off_loop=at_once
    )
    await store.journal.commit(*station_records(scenario, lambda _id: "", hashed=False))
    await system.start()
    url = f"ws://127.0.0.1:{system.gateway.ports[0]}/ocpp"
    swarm = Swarm(
        scenario, websocket_connector(url, ping_interval_s=None), epoch=EPOCH,
        feeder=plant_feeder(feeder, V_MIN_PU),
    )  # fmt: skip
    try:
        yield PlannedSite(system, swarm)
    finally:
        await system.stop()
