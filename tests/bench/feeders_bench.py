"""Many feeders in one process: what dispatching them costs. ``python -m tests.bench.feeders_bench``.

Every feeder is IEEE 33 with its EVSEs spread over the buses, all charging, metered every second and held back by the
voltage limit. The loops run as in service, staggered within their period; stations answer at once and their frames are
not in the figure (``whole_path`` has those).
"""

from __future__ import annotations

import asyncio
import json
import time
from random import Random
from typing import Any

from csms.bootstrap import CentralSystem
from csms.clock import SystemClock
from csms.domain.transaction import Transaction
from csms.domain.values import MeterReading
from csms.ids import StationId, TransactionId
from csms.settings import Settings
from csms.store import InlineStore

EVSE_W, BASE_V = 22_000.0, 230.0


def settings_of(feeders: int, evses: int) -> Settings:
    buses = [str(1 + n * 32 // evses) for n in range(evses)]
    sites = [
        {
            "name": f"F{f:03d}",
            "evses": [
                {"station": f"F{f:03d}-{n:03d}", "bus": bus, "max_power_w": EVSE_W, "min_current_a": 0.0}
                for n, bus in enumerate(buses)
            ],
        }
        for f in range(feeders)
    ]  # fmt: skip
    return Settings(sites=sites, gateway={"port": 0})  # type: ignore[arg-type]


def plug_in(system: CentralSystem) -> None:
    """Every station connected, with an open transaction."""
    now = system.clock.now()
    for site in system.sites.values():
        for key in site.places:
            station = system.fleet.station(key.station_id)
            station.version, station.connected = "2.0.1", True
            system.onboarding.place(station)
            tx = Transaction(
                station_id=StationId(key.station_id), transaction_id=TransactionId("1"), evse_id=1, started=now
            )  # fmt: skip
            station.evse(1).transaction = tx


def meter(system: CentralSystem, noise: Random) -> None:
    """Each draws what it was told, give or take a watt."""
    now, now_s = system.clock.now(), system.clock.monotonic()
    for site in system.sites.values():
        for key in site.places:
            evse = system.fleet.station(key.station_id).evse(1)
            power_w = (evse.commanded_w or 0.0) + noise.random()
            evse.reading = MeterReading(at=now, power_w=power_w, frequency_hz=50.0)
            evse.reading_received_s = evse.changed_s = now_s


async def dispatch(feeders: int, evses: int, seconds: float) -> dict[str, Any]:
    store = InlineStore()
    begun_s = time.perf_counter()
    system = CentralSystem(
        settings_of(feeders, evses), store, SystemClock(), Random(1), Random(1).randbytes
    )
    built_s = time.perf_counter() - begun_s
    obey(system)
    plug_in(system)
    noise = Random(2)
    cycles: list[float] = []
    for site in system.sites.values():
        assert site.loop is not None
        site.loop._cycle_took = cycles.append
        system.spawn(site.loop.run(), f"dispatch of {site.name}")
    for _ in range(3):  # settle
        meter(system, noise)
        await asyncio.sleep(1.0)
    cycles.clear()
    cpu_s, begun_s = 0.0, time.perf_counter()
    while time.perf_counter() - begun_s < seconds:
        meter(system, noise)
        at_s = time.process_time()
        await asyncio.sleep(1.0)
        cpu_s += time.process_time() - at_s
    wall_s = time.perf_counter() - begun_s
    cycles.sort()
    views = [site.view for site in system.sites.values()]
    await system.stop()
    return {
        "feeders": feeders,
        "EVSEs": feeders * evses,
        "seconds to build": round(built_s, 2),
        "CPU s per s of dispatch": round(cpu_s / wall_s, 3),
        "cycles per s": round(len(cycles) / wall_s, 1),
        "cycle ms p50": round(1e3 * cycles[len(cycles) // 2], 2),
        "cycle ms p99": round(1e3 * cycles[int(0.99 * len(cycles))], 2),
        "feeders held back": sum(v is not None and v.curtailed_w > 0.0 for v in views),
    }


def obey(system: CentralSystem) -> None:
    async def accepted(station: Any, evse: Any, power_w: float) -> None:
        evse.commanded_before_w, evse.commanded_w = evse.commanded_w, power_w
        evse.commanded_s = system.clock.monotonic()

    system.setpoints.apply = accepted  # type: ignore[method-assign, assignment]


def run(seconds: float = 10.0) -> dict[str, Any]:
    return {
        f"{feeders} feeders x {evses} EVSEs": asyncio.run(dispatch(feeders, evses, seconds))
        for feeders, evses in ((1, 20), (100, 20))
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
