"""The same scenario without a central system."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from charger_sim.clock import ManualClock
from charger_sim.feeders import resolve_feeder
from charger_sim.plant import PlantDiverged, PlantFeeder
from charger_sim.scenario import Scenario
from charger_sim.station.station import Station
from charger_sim.visits import Visits
from charger_sim.world import GenerationLoss, World

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Uncontrolled:
    """What happens when every charger takes what it can and no vehicle answers the frequency.

    ``collapsed`` if the plant lost its solution; the figures are then those up to that moment.
    """

    worst_v_pu: float
    worst_bus: str
    seconds_below_limit: float
    peak_power_w: float
    energy_wh: float
    collapsed: bool


def generation_losses(scenario: Scenario) -> tuple[GenerationLoss, ...]:
    return tuple(
        GenerationLoss(event.at_s, event.power_w)
        for event in scenario.events
        if event.kind == "generation_loss"
    )


def uncontrolled(
    scenario: Scenario, duration_s: float | None = None, feeder: PlantFeeder | None = None
) -> Uncontrolled:
    """Runs the scenario with stations that never reach a central system: they start offline and
    charge unconstrained."""
    clock = ManualClock(EPOCH)
    stations: dict[str, Station] = {}
    for spec in scenario.stations:
        station = Station(
            scenario.station_config(spec),
            clock,
            Random(f"{scenario.seed}:{spec.id}"),  # noqa: S311
            transmit=lambda _frame: None,
        )
        station.settings.meter_interval = 0
        station.sessions.handshake_s = scenario.handshake_s
        stations[spec.id] = station
    visits = Visits(scenario.stations, stations, EPOCH)
    world = World(
        list(stations.values()),
        resolve_feeder(scenario, feeder),
        scenario.system(),
        generation_losses(scenario),
        substep_s=scenario.tick_s,
    )
    collapsed = False
    n_ticks = round((duration_s or scenario.duration_s) / scenario.tick_s)
    for _ in range(n_ticks):
        visits.run_due(world.t_s)
        clock.advance(scenario.tick_s)
        for station in stations.values():
            station.run_timers()
        try:
            world.tick(scenario.tick_s)
        except PlantDiverged:
            collapsed = True
            break
    record = world.record
    return Uncontrolled(
        worst_v_pu=record.worst_v_pu,
        worst_bus=record.worst_bus,
        seconds_below_limit=record.seconds_below_limit,
        peak_power_w=record.peak_power_w,
        energy_wh=record.ev_wh,
        collapsed=collapsed,
    )
