"""What a swarm run amounts to, as plain numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from charger_sim.link import StationLink
from charger_sim.measure import Latencies
from charger_sim.scenario import Scenario
from charger_sim.world import World


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """A transaction as its station metered it; registers in Wh. ``transaction_id`` is what went
    over the wire (``-1`` in 1.6 while unanswered); ``discarded`` if its start was given up."""

    station_id: str
    version: str
    evse_id: int
    transaction_id: str
    id_token: str
    by_contract: bool
    started: datetime
    ended: datetime | None
    meter_start_wh: float
    meter_stop_wh: float
    export_start_wh: float
    export_stop_wh: float
    discarded: bool

    @property
    def energy_wh(self) -> float:
        """Imported."""
        return self.meter_stop_wh - self.meter_start_wh

    @property
    def exported_wh(self) -> float:
        return self.export_stop_wh - self.export_start_wh


@dataclass(frozen=True, slots=True)
class SwarmSummary:
    """Voltages are the plant's lowest of any bus and phase; ``worst_v_pu`` and
    ``seconds_below_limit`` leave out the first 5 s. ``errors`` are CALLERRORs and time-outs that
    the stations met."""

    scenario: str
    seed: int
    stations: dict[str, int]
    feeder: str
    limit_v_pu: float
    seconds: float
    worst_v_pu: float
    worst_v_pu_with_start: float
    seconds_below_limit: float
    energy_delivered_wh: float
    v2g_energy_wh: float
    curtailed_wh: float
    peak_power_w: float
    frequency_nadir_hz: float | None
    frequency_nadir_without_ev_hz: float | None
    droop_peak_w: float
    transactions: int
    connects: int
    connect_failures: int
    messages_sent: int
    messages_received: int
    errors: int
    queued: int
    discarded: int
    latency_ms: dict[str, dict[str, float]]


def summarize(
    scenario: Scenario,
    world: World,
    links: Sequence[StationLink],
    transactions: Sequence[TransactionRecord],
    latencies: Latencies,
) -> SwarmSummary:
    """Collects the figures of a run; pure reading."""
    record = world.record
    stations = [link.station for link in links]
    evses = [evse for station in stations for evse in station.evses.values()]
    return SwarmSummary(
        scenario=scenario.name,
        seed=scenario.seed,
        stations=dict(Counter(s.config.version for s in stations)),
        feeder=world.feeder.name,
        limit_v_pu=world.feeder.v_min_pu,
        seconds=world.t_s,
        worst_v_pu=record.lowest_after_grace_v_pu,
        worst_v_pu_with_start=record.worst_v_pu,
        seconds_below_limit=record.seconds_below_limit,
        energy_delivered_wh=sum(e.meter.import_wh for e in evses),
        v2g_energy_wh=sum(e.meter.export_wh for e in evses),
        curtailed_wh=sum(e.curtailed_wh for e in evses),
        peak_power_w=record.peak_power_w,
        frequency_nadir_hz=record.nadir_hz,
        frequency_nadir_without_ev_hz=record.nadir_without_ev_hz,
        droop_peak_w=record.droop_peak_w,
        transactions=len(transactions),
        connects=sum(link.connects for link in links),
        connect_failures=sum(link.failures for link in links),
        messages_sent=sum(s.rpc.stats.sent for s in stations),
        messages_received=sum(s.rpc.stats.received for s in stations),
        errors=sum(s.rpc.stats.call_errors + s.rpc.stats.timeouts for s in stations),
        queued=sum(len(s.outbox) for s in stations),
        discarded=sum(s.outbox.discarded for s in stations),
        latency_ms=latencies.summary_ms(),
    )
