"""A fleet of bidirectional chargers in a small power system that loses generation: what the installed policy does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Any

from charger_sim.scenario import Event, FrequencySpec, Scenario, StationSpec, Visit
from charger_sim.swarm import Snapshot, Swarm
from csms.bootstrap import CentralSystem
from csms.cli.demo.plant import plant_feeder
from csms.cli.demo.site import site_settings, station_records
from csms.cli.demo.virtual_time import run_virtual
from csms.cli.demo.whole_system import _History, in_memory_connector
from csms.clock import LoopClock
from csms.grid.feeder_file import load_feeder
from csms.ids import StationId
from csms.settings import Settings
from csms.settings.model import Droop, RideThrough
from csms.store import InlineStore
from tests.integration.whole_system.virtual import EPOCH

POWER_W = 50_000.0
HANDSHAKE_S = 2.0


@dataclass
class Course:
    """What was seen, tick by tick after the loss."""

    t_s: list[float] = field(default_factory=list)
    f_hz: list[float] = field(default_factory=list)
    charging: list[int] = field(default_factory=list)
    """Stations that draw power."""
    trips: list[int] = field(default_factory=list)
    """Per station, in the end."""
    system: CentralSystem | None = None


def scenario(
    n: int, *, versions: tuple[str, ...] = ("2.1",), at_s: float = 15.0, duration_s: float = 60.0,
    ev_share: float = 0.25, loss_share: float = 0.16, der_controls: bool = True, **frequency: float,
) -> Scenario:  # fmt: skip
    """``n`` charging stations that draw ``ev_share`` of the system's load, and a loss of ``loss_share`` of it; by
    default those of ``csms.grid.cascade``."""
    base_va = n * POWER_W / ev_share
    arrivals_s = [1.0 + 0.25 * k for k in range(n)]
    stations = tuple(
        StationSpec(
            id=f"CS-{k:02d}", version=versions[k % len(versions)], kind="DC", max_charge_w=POWER_W,  # type: ignore[arg-type]
            max_discharge_w=POWER_W if versions[k % len(versions)] == "2.1" else 0.0,
            bus="1", der_controls=der_controls, visits=(
                Visit(
                    arrival_s=arrival_s, capacity_wh=90_000.0, soc_frac=0.3, max_charge_w=POWER_W,
                    need_s=86_400.0,
                ),
            ),
        )
        for k, arrival_s in enumerate(arrivals_s)
    )  # fmt: skip
    scheduled = (
        tuple(  # generation follows the cars as they begin, so that all is balanced before the loss
            Event(at_s=arrival_s + HANDSHAKE_S, kind="generation_loss", power_w=-POWER_W)
            for arrival_s in arrivals_s
        )
    )
    return Scenario(
        name="excursion",
        stations=stations,
        duration_s=duration_s,
        substep_s=0.05,
        frequency=FrequencySpec(s_base_va=base_va, h_s=2.0, **frequency),
        tick_s=0.25,
        handshake_s=HANDSHAKE_S,
        events=(
            *scheduled,
            Event(at_s=at_s, kind="generation_loss", power_w=loss_share * base_va),
        ),
    )


def settings_for(
    wanted: Scenario, *, ride_through: dict[str, Any], droop: dict[str, Any] | None = None,
    dispatch: bool = False, **ports: Any,
) -> Settings:  # fmt: skip
    made = site_settings(
        wanted, "ieee33", 0.5, store_url="sqlite://", ocpp_port=0, http_port=0, lease_s=15,
    )  # fmt: skip
    return made.model_copy(
        update={
            "gateway": made.gateway.model_copy(update={"security_profile": 0} | ports),
            "dispatch": made.dispatch.model_copy(update={"enabled": dispatch}),
            "droop": Droop(enabled=droop is not None, **(droop or {})),
            "ride_through": RideThrough(**ride_through),
        }
    )


def watch(course: Course, swarm: Swarm, at_s: float) -> Any:
    def on_tick(now: Snapshot) -> None:
        if now.t_s >= at_s:
            course.t_s.append(now.t_s - at_s)
            course.f_hz.append(now.f_hz)
            course.charging.append(sum(w > 0.5 * POWER_W for w in now.power_w.values()))
        course.trips = [e.service.trips for s in swarm.stations.values() for e in s.evses.values()]

    return on_tick


def in_virtual_time(wanted: Scenario, settings: Settings) -> Course:
    """The whole system, its stations attached in memory."""

    async def main() -> Course:
        clock = LoopClock(asyncio.get_running_loop(), EPOCH)
        feeder = load_feeder("ieee33")
        rng, store = Random(1), InlineStore()
        system = CentralSystem(settings, store, clock, rng, rng.randbytes, feeder=feeder)
        await store.journal.commit(*station_records(wanted, lambda _id: "", hashed=False))
        await system.start_without_sockets()
        connect = in_memory_connector(system.gateway, _History(clock))
        swarm = Swarm(wanted, connect, epoch=EPOCH, feeder=plant_feeder(feeder, 0.5))
        course = Course(system=system)
        await swarm.run(on_tick=watch(course, swarm, wanted.events[-1].at_s))
        await system.stop()
        return course

    return run_virtual(main())


def mismatches(course: Course, station_id: str) -> tuple[str, ...]:
    assert course.system is not None
    return course.system.fleet.station(StationId(station_id)).der.mismatches
