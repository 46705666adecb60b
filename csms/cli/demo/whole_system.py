"""The whole system in one process and in virtual time: the same code as in production, other clocks and wires."""

from __future__ import annotations

import asyncio
import hashlib
import time
from datetime import UTC, datetime
from random import Random

import msgspec

from charger_sim.garage import Garage
from charger_sim.scenario import Scenario
from charger_sim.summary import TransactionRecord
from charger_sim.swarm import Swarm
from charger_sim.transport import Connect, ConnectFailed, Transport, TransportClosed
from csms.bootstrap import CentralSystem
from csms.cli.demo.contract_site import contract_ports, contract_settings, demonstration_pki
from csms.cli.demo.day import day_scenario
from csms.cli.demo.plant import plant_feeder
from csms.cli.demo.site import site_settings, station_records
from csms.cli.demo.virtual_time import run_virtual
from csms.clock import LoopClock
from csms.gateway.handshake import RequestHead
from csms.gateway.memory import MemoryTransport
from csms.gateway.server import Gateway, RefusedError
from csms.gateway.transport import TransportClosed as LinkClosed
from csms.grid.feeder_file import load_feeder
from csms.ids import StationId, TransactionId
from csms.store import InlineStore

EPOCH = datetime(2026, 1, 5, tzinfo=UTC)
DRAIN_S = 900.0
"""After the last car stations get so long to tell what they still hold."""
DISPATCH_PERIOD_S = 120.0
LEASE_S = 1_800
V_MIN_PU = 0.90
RESOLUTION_WH = {"1.6": 1.0, "2.0.1": 0.1, "2.1": 0.1}
"""What the wire resolves: meterStart and meterStop of OCPP 1.6 are whole Wh."""


class SimulationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """``mismatched``: transactions whose energy differs from what the charger metered; ``missing``: not known;
    ``by_contract``: authorized by a contract certificate."""

    stations: int
    hours: float
    seed: int
    transactions: int
    mismatched: int
    missing: int
    by_contract: int
    energy_wh: float
    messages: int
    connects: int
    history_hash: str
    """Of every frame in both directions with its time: equal for two runs of one seed."""
    wall_s: float

    @property
    def sound(self) -> bool:
        return self.mismatched == 0 and self.missing == 0


def run_simulation(
    *, n_stations: int, hours: float, seed: int, contracts: float = 0.0
) -> SimulationSummary:
    """``n_stations`` through ``hours`` of a bad day, with ``contracts`` (0..1) of the vehicles on contracts.

    Signatures by contracts are random, and so is the history's hash with them.
    """
    begun = time.perf_counter()
    scenario = day_scenario(n_stations, hours, seed, contracts=contracts)
    summary = run_virtual(_whole_system(scenario, hours))
    return msgspec.structs.replace(summary, wall_s=round(time.perf_counter() - begun, 2))


async def _whole_system(scenario: Scenario, hours: float) -> SimulationSummary:
    clock = LoopClock(asyncio.get_running_loop(), EPOCH)
    feeder = load_feeder("ieee33")
    plant = plant_feeder(feeder, V_MIN_PU)
    rng = Random(f"csms:{scenario.seed}")  # noqa: S311 a simulation, not a secret
    store = InlineStore()
    settings = site_settings(
        scenario, "ieee33", V_MIN_PU, store_url="sqlite://", ocpp_port=0, http_port=0,
        period_s=DISPATCH_PERIOD_S, lease_s=LEASE_S, droop=False,
    )  # fmt: skip
    settings = settings.model_copy(
        update={"gateway": settings.gateway.model_copy(update={"security_profile": 0})}
    )
    pki = demonstration_pki(clock, rng.randbytes) if scenario.needs_contracts else None
    if pki is not None:
        settings = settings.model_copy(update={"pnc": contract_settings()})
    system = CentralSystem(
        settings, store, clock, rng, rng.randbytes, feeder=feeder,
        pnc=None if pki is None else contract_ports(pki, clock),
    )  # fmt: skip
    await store.journal.commit(*station_records(scenario, lambda _id: "", hashed=False))
    history = _History(clock)
    await system.start_without_sockets()
    swarm = Swarm(
        scenario, in_memory_connector(system.gateway, history), epoch=EPOCH, feeder=plant, garage=Garage(pki)
    )  # fmt: skip
    result = await swarm.run(scenario.duration_s + DRAIN_S)
    ended = [tx for tx in swarm.transactions() if not tx.discarded]
    compared = [await _compare(store, tx) for tx in ended]
    await system.stop()
    return SimulationSummary(
        stations=len(scenario.stations),
        hours=hours,
        seed=scenario.seed,
        transactions=len(ended),
        mismatched=sum(
            difference is not None and difference > RESOLUTION_WH[tx.version]
            for tx, difference in zip(ended, compared, strict=True)
        ),
        missing=sum(difference is None for difference in compared),
        by_contract=sum(tx.by_contract for tx in ended),
        energy_wh=sum(tx.energy_wh for tx in ended),
        messages=result.messages_sent + result.messages_received,
        connects=result.connects,
        history_hash=history.digest(),
        wall_s=0.0,
    )


async def _compare(store: InlineStore, told: TransactionRecord) -> float | None:
    """Wh by which the central system's record differs from the charger's meter; ``None`` when it has none."""
    known = await store.history.transaction(
        StationId(told.station_id), TransactionId(told.transaction_id)
    )
    if known is None or known.is_open != (told.ended is None):
        return None
    return abs(known.energy_wh - told.energy_wh) + abs(known.discharged_wh - told.exported_wh)


class _History:
    """A running digest of everything on the wire."""

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self._sha = hashlib.sha256()

    def add(self, station_id: str, direction: str, frame: str) -> None:
        self._sha.update(
            f"{self._clock.monotonic():.6f} {station_id} {direction} {frame}\n".encode()
        )

    def digest(self) -> str:
        return self._sha.hexdigest()


class _InMemory:
    """The gateway's in-memory end as the simulator takes it."""

    def __init__(self, end: MemoryTransport, station_id: str, history: _History) -> None:
        self._end = end
        self._station_id = station_id
        self._history = history

    async def send(self, text: str) -> None:
        self._history.add(self._station_id, ">", text)
        try:
            await self._end.send(text.encode())
        except LinkClosed as closed:
            raise TransportClosed(str(closed)) from closed

    async def recv(self) -> str:
        try:
            text = (await self._end.recv()).decode()
        except LinkClosed as closed:
            raise TransportClosed(str(closed)) from closed
        self._history.add(self._station_id, "<", text)
        return text

    async def close(self) -> None:
        await self._end.close(1000, "")


def in_memory_connector(gateway: Gateway, history: _History) -> Connect:
    """Connects stations to ``gateway`` without sockets."""

    async def connect(station_id: str, subprotocol: str) -> Transport:
        head = RequestHead(
            path=f"/ocpp/{station_id}", address="192.0.2.1", subprotocols=(subprotocol,)
        )
        try:
            end, _task = await gateway.connect_in_memory(head)
        except RefusedError as error:
            raise ConnectFailed(str(error)) from error
        return _InMemory(end, station_id, history)

    return connect
