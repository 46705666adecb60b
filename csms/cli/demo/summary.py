"""What a demonstration showed, in figures."""

from __future__ import annotations

from collections import Counter

import msgspec

from charger_sim.measure import percentile
from charger_sim.reference import Uncontrolled
from charger_sim.summary import SwarmSummary
from charger_sim.world import WorldRecord
from csms.domain.commands import CommandRecord, CommandState
from csms.services.live import LiveBus


class CommandTally:
    """Counts every command that ended, and its round trip."""

    def __init__(self, live: LiveBus) -> None:
        self._watch = live.watch("command", limit=1_000_000)
        self.by_state: Counter[CommandState] = Counter()
        self.round_trips_ms: list[float] = []

    async def run(self) -> None:
        async for _, record in self._watch:
            self._take(record)

    def _take(self, record: CommandRecord) -> None:
        if not record.state.is_final:
            return
        self.by_state[record.state] += 1
        if record.round_trip_ms is not None:
            self.round_trips_ms.append(record.round_trip_ms)


class DemoSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Voltages in pu of nominal, of the plant. ``seconds_below_limit`` and ``worst_v_pu``, which is the lowest of
    ``worst_v_pu_by_phase``, leave out the first 5 s."""

    stations: dict[str, int]
    feeder: str
    seed: int
    seconds: float
    limit_v_pu: float
    worst_v_pu: float
    worst_v_pu_by_phase: dict[str, float]
    worst_v_pu_uncontrolled: float
    seconds_below_limit: float
    energy_delivered_wh: float
    curtailed_wh: float
    v2g_energy_wh: float
    frequency_nadir_hz: float | None
    frequency_nadir_without_ev_hz: float | None
    droop_peak_w: float
    commands: dict[str, int]
    command_latency_ms: dict[str, float | None]
    messages: int
    errors: int
    dispatch_cycles: int

    @property
    def held(self) -> bool:
        """Whether the voltage was held throughout."""
        return self.seconds_below_limit == 0.0 and self.worst_v_pu >= self.limit_v_pu


def summarise(
    swarm: SwarmSummary,
    world: WorldRecord,
    reference: Uncontrolled,
    tally: CommandTally,
    cycles: int,
) -> DemoSummary:
    trips = tally.round_trips_ms
    by_state = tally.by_state
    return DemoSummary(
        stations=swarm.stations,
        feeder=swarm.feeder,
        seed=swarm.seed,
        seconds=swarm.seconds,
        limit_v_pu=swarm.limit_v_pu,
        worst_v_pu=swarm.worst_v_pu,
        worst_v_pu_by_phase=dict(zip("abc", world.lowest_by_phase_v_pu, strict=True)),
        worst_v_pu_uncontrolled=reference.worst_v_pu,
        seconds_below_limit=swarm.seconds_below_limit,
        energy_delivered_wh=swarm.energy_delivered_wh,
        curtailed_wh=swarm.curtailed_wh,
        v2g_energy_wh=swarm.v2g_energy_wh,
        frequency_nadir_hz=swarm.frequency_nadir_hz,
        frequency_nadir_without_ev_hz=swarm.frequency_nadir_without_ev_hz,
        droop_peak_w=swarm.droop_peak_w,
        commands={
            "sent": sum(by_state.values()) - by_state[CommandState.SUPERSEDED],
            "accepted": by_state[CommandState.ACCEPTED],
            "rejected": by_state[CommandState.REJECTED] + by_state[CommandState.FAILED],
            "timed_out": by_state[CommandState.TIMED_OUT],
        },
        command_latency_ms={
            "p50": round(percentile(trips, 50.0), 3) if trips else None,
            "p99": round(percentile(trips, 99.0), 3) if trips else None,
        },
        messages=swarm.messages_sent + swarm.messages_received,
        errors=swarm.errors,
        dispatch_cycles=cycles,
    )
