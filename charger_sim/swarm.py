"""Many stations, one plant, one event loop.

Everything that varies comes in: the scenario (with its seed), the connector, the clock's epoch.
Under a virtual-time loop a day of charging takes seconds and two runs of a seed are the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random

from charger_sim.clock import LoopClock
from charger_sim.feeders import resolve_feeder
from charger_sim.garage import Garage
from charger_sim.link import StationLink
from charger_sim.measure import Latencies
from charger_sim.plant import PlantFeeder
from charger_sim.reference import generation_losses
from charger_sim.scenario import Event, Scenario, StationSpec
from charger_sim.station.faults import Faults
from charger_sim.station.iso15118 import SeccOptions
from charger_sim.station.station import Station
from charger_sim.station.transaction import Transaction
from charger_sim.summary import SwarmSummary, TransactionRecord, summarize
from charger_sim.transport import Connect, ConnectFailed, Transport
from charger_sim.visits import Visits
from charger_sim.world import World

MAX_CATCH_UP_TICKS = 5


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The plant now: for progress lines and live views. ``power_w`` is per station id."""

    t_s: float
    f_hz: float
    lowest_v_pu: float
    power_w: dict[str, float]
    online: int


class Swarm:
    """Stations of a scenario against one central system. Build inside a running event loop.

    ``garage`` has the contracts of vehicles that charge on one, ``secc`` says how charge
    controllers and vehicles are linked; by default in memory.
    """

    def __init__(
        self,
        scenario: Scenario,
        connect: Connect,
        *,
        epoch: datetime,
        feeder: PlantFeeder | None = None,
        garage: Garage | None = None,
        secc: SeccOptions | None = None,
        log: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.scenario = scenario
        self.latencies = Latencies()
        self._loop = asyncio.get_running_loop()
        self._clock = LoopClock(self._loop, epoch)
        self._connect = connect
        self._outage = False
        self._log = log
        garage = garage or Garage(None)
        if scenario.needs_contracts and not garage.sells_contracts:
            raise ValueError(f"scenario {scenario.name}: contracts need a PKI that sells them")
        self._garage = garage
        self._secc = secc or SeccOptions(
            loop_s=scenario.charge_loop_s, poll_s=min(1.0, scenario.charge_loop_s)
        )
        self.links = {spec.id: self._link(spec) for spec in scenario.stations}
        self.stations: dict[str, Station] = {k: v.station for k, v in self.links.items()}
        self.world = World(
            list(self.stations.values()),
            resolve_feeder(scenario, feeder),
            scenario.system(),
            generation_losses(scenario),
            substep_s=scenario.substep_s,
        )
        self._visits = Visits(scenario.stations, self.stations, epoch, garage.credentials)
        self._events = sorted(scenario.events, key=lambda e: e.at_s)

    def _link(self, spec: StationSpec) -> StationLink:
        scenario, link = self.scenario, self.scenario.link
        made = StationLink(
            scenario.station_config(spec),
            self._guarded_connect,
            self._clock,
            Random(f"{scenario.seed}:{spec.id}"),  # noqa: S311 a simulation, not a secret
            faults=Faults(
                clock_skew_s=spec.clock_skew_s,
                drop=link.drop,
                duplicate=link.duplicate,
                reorder=link.reorder,
            ),
            latencies=self.latencies,
            secc=self._secc,
            log=self._log,
        )
        made.station.sessions.handshake_s = scenario.handshake_s
        if spec.iso15118:
            for root in self._garage.roots():
                made.station.certificates.install("V2GRootCertificate", root)
        return made

    async def _guarded_connect(self, station_id: str, subprotocol: str) -> Transport:
        if self._outage:
            raise ConnectFailed(f"{station_id}: the central system is out (scenario)")
        return await self._connect(station_id, subprotocol)

    async def run(
        self,
        duration_s: float | None = None,
        on_tick: Callable[[Snapshot], None] = lambda _snapshot: None,
    ) -> SwarmSummary:
        """Runs for ``duration_s`` (the scenario's by default), then closes all links.

        Raises :class:`~charger_sim.plant.PlantDiverged` when the voltage collapses, in an
        ``ExceptionGroup`` like every other error of a station.
        """
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(link.run()) for link in self.links.values()]
            await self._drive(duration_s or self.scenario.duration_s, on_tick)
            for task in tasks:
                task.cancel()
        return self.summary()

    async def _drive(self, duration_s: float, on_tick: Callable[[Snapshot], None]) -> None:
        start_s, tick_s = self._loop.time(), self.scenario.tick_s
        last_s = start_s
        while last_s - start_s < duration_s - 1e-9:
            self._visits.run_due(last_s - start_s)
            self._run_events(last_s - start_s)
            for link in self.links.values():
                link.poke()
            await asyncio.sleep(max(0.0, last_s + tick_s - self._loop.time()))
            now_s = self._loop.time()
            self.world.tick(min(now_s - last_s, MAX_CATCH_UP_TICKS * tick_s))
            last_s = now_s
            for link in self.links.values():
                link.poke()
            on_tick(self.snapshot())

    def _run_events(self, t_s: float) -> None:
        while self._events and self._events[0].at_s <= t_s:
            event = self._events.pop(0)
            self._log(f"{t_s:.1f} s: {event.kind} {event.station}{event.fault}")
            self._run_event(event)

    def _run_event(self, event: Event) -> None:
        if event.kind == "csms_outage":
            self._outage = True
            for link in self.links.values():
                link.cut()
            self._loop.call_later(event.seconds, self._end_outage)
        elif event.kind == "disconnect":
            self.links[event.station].cut()
        elif event.kind == "reboot":
            link = self.links[event.station]
            link.station.reboot(boot_reason="PowerUp", stop_reason="PowerLoss")
            link.cut()
        elif event.kind == "fault":
            faults = self.stations[event.station].faults
            setattr(faults, event.fault, True)
            if event.seconds > 0.0:
                self._loop.call_later(event.seconds, setattr, faults, event.fault, False)

    def _end_outage(self) -> None:
        self._outage = False

    def snapshot(self) -> Snapshot:
        return Snapshot(
            t_s=self.world.t_s,
            f_hz=self.world.frequency.f_hz,
            lowest_v_pu=self.world.lowest_v_pu,
            power_w={
                station_id: sum(e.power_w for e in station.evses.values())
                for station_id, station in self.stations.items()
            },
            online=sum(1 for station in self.stations.values() if station.online),
        )

    def transactions(self) -> list[TransactionRecord]:
        """Every transaction so far, ended or not, as the stations metered it."""
        records = []
        for station_id, station in self.stations.items():
            running = [e.tx for e in station.evses.values() if e.tx is not None]
            records += [
                self._record(station_id, station, tx)
                for tx in [*station.sessions.history, *running]
            ]
        return records

    def _record(self, station_id: str, station: Station, tx: Transaction) -> TransactionRecord:
        stop = tx.stop or station.readings(station.evses[tx.evse_id])
        return TransactionRecord(
            station_id=station_id,
            version=station.config.version,
            evse_id=tx.evse_id,
            transaction_id=str(tx.ocpp_id) if station.config.version == "1.6" else tx.key,
            id_token=tx.id_token,
            by_contract=tx.id_kind == "eMAID",
            started=tx.started,
            ended=tx.ended,
            meter_start_wh=tx.start.import_wh,
            meter_stop_wh=stop.import_wh,
            export_start_wh=tx.start.export_wh,
            export_stop_wh=stop.export_wh,
            discarded=tx.discarded,
        )

    def summary(self) -> SwarmSummary:
        return summarize(
            self.scenario,
            self.world,
            list(self.links.values()),
            self.transactions(),
            self.latencies,
        )
