"""A swarm in its charge loops, and set-points that the central system gives it one after another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from charger_sim.clock import LoopClock
from charger_sim.command_latency.central import CentralApi
from charger_sim.command_latency.hosted import Address
from charger_sim.command_latency.stages import EV, NETWORK, PLC, SECC, STAGES, Delay, read_model
from charger_sim.command_latency.trace import (
    SlowCar,
    SlowCharger,
    SlowTransport,
    Stamped,
    Trace,
)
from charger_sim.link import StationLink
from charger_sim.station.config import EvseConfig, StationConfig, Version
from charger_sim.station.iso15118 import SeccOptions
from charger_sim.transport import Connect, Transport, websocket_connector
from charger_sim.vehicle import EvCredentials, Vehicle

ACTION: Final = "SetChargingProfile"
PROFILE_ID: Final = 900
RATING_W: Final = 22_000.0
LOWEST_W, STEP_W, STEPS = 5_000, 50, 300
READY_S: Final = 120.0
GIVE_UP_S: Final = 15.0
PAUSE_S: Final = 0.4
"""At most, between two commands: they meet the charge loop at any moment."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``preset`` names the latency model of the central system that the links and devices are
    drawn from; ``network`` False leaves the link as it is."""

    stations: int
    versions: tuple[Version, ...]
    repeat: int
    preset: str
    network: bool
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds: each command's legs (:data:`STAGES`), those never followed left out; what
    passed before, from the request to the API until the central system had written the command
    down; the median period of all charge loops; how late timers were; the model's stages."""

    legs_s: tuple[Mapping[str, float], ...]
    api_s: tuple[float, ...]
    given: int
    loop_s: float
    overruns_s: tuple[float, ...]
    model: Mapping[str, Delay]


@dataclass(slots=True)
class _Unit:
    link: StationLink
    trace: Trace
    rng: Random
    clock: LoopClock
    api_s: list[float]
    last_w: float = 0.0

    def accepted(self) -> bool:
        return self.link.station.registration.state == "Accepted"

    def charges(self) -> bool:
        """In its charge loop, with a transaction that the central system knows."""
        station = self.link.station
        evse = station.evses[1]
        if evse.tx is None or evse.high_level is None or not evse.high_level.closed:
            return False
        return evse.tx.known or station.config.version != "1.6"


async def measure_commands(
    plan: Plan, address: Address, clock: LoopClock, say: Callable[[str], None]
) -> Measured:
    """``clock`` agrees with the central system's.

    Raises ``ApiRefused``, ``ValueError`` for a model that cannot be read, ``TimeoutError`` where
    the swarm does not come to charge.
    """
    api = CentralApi(address.api_url, address.key)
    try:
        model = read_model(await api.latency_study(plan.preset))
        async with _swarm(plan, api, address, model, clock) as (units, loop):
            say(f"{len(units)} cars in their charge loops; {plan.repeat} commands to each")
            work = (_commands(unit, api, plan.repeat) for unit in units)
            legs = [each for found in await asyncio.gather(*work) for each in found]
            period_s = loop.median_s()
            overruns_s = tuple(each for unit in units for each in unit.trace.overruns_s)
    finally:
        await api.close()
    followed = tuple(each for each in legs if each is not None)
    api_s = tuple(each for unit in units for each in unit.api_s)
    return Measured(followed, api_s, len(legs), period_s, overruns_s, model)


class _Loop:
    """When the charge controllers have answered a round, per station."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._last_s: dict[str, float] = {}
        self._periods_s: list[float] = []

    def round(self, station_id: str, name: str) -> None:
        now_s = self._monotonic_s()
        if name == "ChargingStatusRes":
            if station_id in self._last_s:
                self._periods_s.append(now_s - self._last_s[station_id])
            self._last_s[station_id] = now_s

    def median_s(self) -> float:
        return sorted(self._periods_s)[len(self._periods_s) // 2] if self._periods_s else 0.0


@asynccontextmanager
async def _swarm(
    plan: Plan, api: CentralApi, address: Address, model: Mapping[str, Delay], clock: LoopClock
) -> AsyncIterator[tuple[list[_Unit], _Loop]]:
    """All stations with a car that charges."""
    rounds = _Loop(clock.monotonic)
    units = []
    for n in range(plan.stations):
        version = plan.versions[n % len(plan.versions)]
        station_id = f"LAT-{n + 1:03d}"
        password = await api.admit(station_id)
        units.append(_unit(plan, address, model, clock, rounds, version, station_id, password))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(unit.link.run()) for unit in units]
        tasks.append(group.create_task(_physics(units)))
        try:
            await _charging(units)
            yield units, rounds
        finally:
            for task in tasks:
                task.cancel()


def _unit(
    plan: Plan,
    address: Address,
    model: Mapping[str, Delay],
    clock: LoopClock,
    rounds: _Loop,
    version: Version,
    station_id: str,
    password: str,
) -> _Unit:
    rng = Random(f"{plan.seed}:{station_id}")  # noqa: S311 a simulation, not a secret
    trace = Trace(clock.monotonic)
    network = model[NETWORK] if plan.network else None
    connect = websocket_connector(address.ocpp_url, password_of=lambda _id: password)
    link = StationLink(
        StationConfig(
            station_id, version, (EvseConfig(1, "AC", RATING_W, iso15118=True),),
            meter_interval_s=10.0,
        ),
        _slow(connect, trace, network, rng),
        clock,
        rng,
        secc=SeccOptions(loop_s=0.0, poll_s=0.05, schedule_wait_s=0.1),
    )  # fmt: skip
    host, evse = link.secc, link.station.evses[1]
    if host is None:
        raise AssertionError("the station was made with ISO 15118")
    host.on_step = lambda _evse_id, step: rounds.round(station_id, step.name)
    host.ends = lambda both: (
        SlowCharger(both[0], trace, model[SECC], model[PLC], rng),
        SlowCar(both[1], trace, model[EV], model[PLC], rng, evse),
    )
    link.station.communication = Stamped(host, trace)
    return _Unit(link, trace, rng, clock, [])


def _slow(connect: Connect, trace: Trace, delay: Delay | None, rng: Random) -> Connect:
    async def connected(station_id: str, subprotocol: str) -> Transport:
        return SlowTransport(await connect(station_id, subprotocol), trace, delay, rng, ACTION)

    return connected


async def _charging(units: list[_Unit]) -> None:
    """Plugs a car in at every station, and returns when all of them charge."""
    async with asyncio.timeout(READY_S):
        for n, unit in enumerate(units):
            station = unit.link.station
            await _until(unit.accepted)
            car = EvCredentials("iso15118-2", f"02{n:010x}")
            station.sessions.plug_in(
                1, Vehicle(f"EV-{n + 1:03d}", 1e6, 0.2, 0.5 * RATING_W + 5_000.0, credentials=car)
            )
            unit.link.poke()
        for unit in units:
            await _until(unit.charges)


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 the stations have no event for every state
        await asyncio.sleep(0.05)


async def _physics(units: list[_Unit]) -> None:
    while True:
        await asyncio.sleep(1.0)
        for unit in units:
            unit.link.station.refresh()
            unit.link.station.step(1.0, 50.0)
            unit.link.station.ticked()
            unit.link.poke()


async def _commands(unit: _Unit, api: CentralApi, repeat: int) -> list[Mapping[str, float] | None]:
    """The legs of each, s, from the moment at which the central system has the command, which its
    clock tells: on one machine it is ours. ``None`` for one that the car has not followed in time.
    """
    found: list[Mapping[str, float] | None] = []
    station, trace = unit.link.station, unit.trace
    for _ in range(repeat):
        await asyncio.sleep(unit.rng.uniform(0.0, PAUSE_S))
        limit_w = unit.last_w
        while limit_w == unit.last_w:
            limit_w = float(LOWEST_W + STEP_W * unit.rng.randrange(STEPS) // 3)
        unit.last_w = limit_w
        payload = _payload(unit, limit_w)
        trace.begin(limit_w)
        created = await api.call(station.config.version, ACTION, station.config.id, payload)
        age_s = (unit.clock.now() - created).total_seconds()
        created_s = unit.clock.monotonic() - age_s
        try:
            async with asyncio.timeout(GIVE_UP_S):
                await trace.followed.wait()
        except TimeoutError:
            found.append(None)
            continue
        found.append(_legs(trace, created_s))
        unit.api_s.append(created_s - trace.begun_s)
    return found


def _legs(trace: Trace, created_s: float) -> Mapping[str, float]:
    legs: dict[str, float] = {}
    before_s = created_s
    for stage in STAGES:
        legs[stage] = trace.ends_s[stage] - before_s
        before_s = trace.ends_s[stage]
    return legs


def _payload(unit: _Unit, limit_w: float) -> dict[str, Any]:
    station = unit.link.station
    tx = station.evses[1].tx
    if tx is None:
        raise RuntimeError(f"{station.config.id}: the transaction ended during the measurement")
    schedule = {
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_w}],
    }
    profile: dict[str, Any] = {
        "stackLevel": 5,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
    }
    if station.config.version == "1.6":
        ids = {"chargingProfileId": PROFILE_ID, "transactionId": tx.ocpp_id}
        return {
            "connectorId": 1,
            "csChargingProfiles": {**ids, **profile, "chargingSchedule": schedule},
        }
    profile |= {"id": PROFILE_ID, "transactionId": tx.key}
    profile["chargingSchedule"] = [{"id": 1, **schedule}]
    return {"evseId": 1, "chargingProfile": profile}
