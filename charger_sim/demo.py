"""A generated scenario in which uncontrolled charging breaks the feeder's voltage limit.

Stations stand where the feeder is weakest, at ever fewer places until they are too much for it;
those of OCPP 2.1 are bidirectional DC chargers, and a generation loss on an island-sized system
asks for their droop.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from random import Random
from statistics import median

import numpy as np

from charger_sim.plant import Injection, PlantDiverged, PlantFeeder, PowerFlow
from charger_sim.scenario import Event, FrequencySpec, Scenario, StationSpec, Visit, check
from charger_sim.station.config import VERSIONS, Version

LOSS_AT_S = 20.0
LOSS_PU = 0.10
HOUSEHOLD_W = 20_000.0
CLEARLY_PU = 0.005


def demo_scenario(
    feeder: PlantFeeder,
    n_stations: int = 20,
    seed: int = 1,
    *,
    duration_s: float = 60.0,
    versions: tuple[Version, ...] = VERSIONS,
    id_template: str = "SIM-{n:04d}",
    s_base_va: float | None = None,
    bidirectional_on: str | None = None,
) -> Scenario:
    """Stations at the weakest load buses of ``feeder``, versions dealt in turn from ``versions``.

    A medium-voltage feeder gets 150 kW bidirectional DC, 100 kW DC and 22 kW AC stations, one of
    households (median load below 20 kW) wallboxes of 7.4, 11 and 22 kW. ``s_base_va`` sizes the power
    system; by default 10 times the bidirectional rating. ``bidirectional_on``: the phase that those of
    OCPP 2.1 have for themselves, ``"a"``, ``"b"`` or ``"c"``; ``None`` deals phases in turn. Raises
    ``ValueError`` where no load stands on that phase, or none beside it.
    """
    places = _weakest_first(feeder)
    order = [versions[-1 - n % len(versions)] for n in range(n_stations)]
    n_places = max(1, min(n_stations * 4 // 5, (len(places) + 1) // 2))
    if bidirectional_on is not None:
        places, n_places = _apart(places, order, bidirectional_on), n_stations
    while True:
        rng = Random(f"demo:{feeder.name}:{seed}")  # noqa: S311 a simulation, not a secret
        stations = tuple(
            _station(
                rng,
                id_template.format(n=n + 1),
                order[n],
                places[n % n_places],
                households=median(load.p_w for load in feeder.loads) < HOUSEHOLD_W,
            )
            for n in range(n_stations)
        )
        if n_places == 1 or bidirectional_on or _breaks(feeder, stations):
            break
        n_places = n_places * 3 // 4
    bidirectional_w = sum(s.max_discharge_w for s in stations)
    base_va = s_base_va or max(1e5, 10.0 * bidirectional_w)
    return check(
        Scenario(
            name=f"demo-{feeder.name}-{n_stations}",
            seed=seed,
            duration_s=duration_s,
            feeder=feeder.name,
            v_nominal_v=feeder.v_base_ll_v / 3.0**0.5 if feeder.v_base_ll_v < 1_000.0 else 230.0,
            stations=stations,
            frequency=FrequencySpec(s_base_va=base_va, agc_per_s=2.0),
            events=(Event(at_s=LOSS_AT_S, kind="generation_loss", power_w=LOSS_PU * base_va),),
        )
    )


def _weakest_first(feeder: PlantFeeder) -> list[tuple[str, str]]:
    """(bus, phases) of the loads by voltage, one of each phase in turn; a single phase unless the
    load has all three."""
    v_pu = PowerFlow(feeder, []).solve().v_pu
    row = {bus: n for n, bus in enumerate(feeder.bus_ids)}
    lowest: dict[str, dict[str, float]] = {}  # phases -> bus -> pu
    for load in feeder.loads:
        for phases in (load.phases,) if len(load.phases) == 3 else load.phases:
            volts = v_pu[row[load.bus], ["abc".index(phase) for phase in phases]]
            lowest.setdefault(phases, {})[load.bus] = float(volts.min())
    queues = [
        [(bus, phases) for bus in sorted(at, key=lambda bus: (at[bus], bus))]
        for phases, at in sorted(lowest.items())
    ]
    turns = range(max(len(queue) for queue in queues))
    # who begins changes from turn to turn, so that no OCPP version gets one phase for itself
    return [
        queue[turn]
        for turn in turns
        for queue in (*queues[turn % len(queues) :], *queues[: turn % len(queues)])
        if turn < len(queue)
    ]


def _apart(
    places: Sequence[tuple[str, str]], order: Sequence[Version], phase: str
) -> list[tuple[str, str]]:
    """A place for each station of ``order``: those of 2.1 on ``phase``, the others on the other phases."""
    own = [place for place in places if place[1] == phase]
    rest = [place for place in places if place[1] != phase]
    if not own or not rest:
        raise ValueError(f"phase {phase!r}: expected loads on it alone and loads on others")
    theirs, others = cycle(own), cycle(rest)
    return [next(theirs if version == "2.1" else others) for version in order]


def _breaks(feeder: PlantFeeder, stations: Sequence[StationSpec]) -> bool:
    """Whether all of them at full power are clearly more than the feeder bears."""
    flow = PowerFlow(feeder, [Injection(s.bus, s.phases) for s in stations])
    try:
        v_pu = flow.solve((s.max_charge_w, len(s.phases)) for s in stations).v_pu
    except PlantDiverged:
        return True
    return float(np.nanmin(v_pu)) < feeder.v_min_pu - CLEARLY_PU


def _station(
    rng: Random, station_id: str, version: Version, place: tuple[str, str], *, households: bool
) -> StationSpec:
    bus, phases = place
    if version == "2.1":
        power_w = (11_000.0 if len(phases) == 3 else 7_400.0) if households else 150_000.0
        return StationSpec(
            id=station_id,
            version=version,
            kind="DC",
            max_charge_w=power_w,
            max_discharge_w=power_w,
            bus=bus,
            phases=phases,
            visits=(_visit(rng, power_w, power_w, bidirectional=True),),
        )
    fast = version == "2.0.1" and not households
    power_w = 100_000.0 if fast else (22_000.0 if len(phases) == 3 else 7_400.0)
    return StationSpec(
        id=station_id,
        version=version,
        kind="DC" if fast else "AC",
        max_charge_w=power_w,
        bus=bus,
        phases=phases,
        visits=(_visit(rng, power_w, power_w, bidirectional=False, n_phases=len(phases)),),
    )


def _visit(
    rng: Random, charge_w: float, discharge_w: float, *, bidirectional: bool, n_phases: int = 3
) -> Visit:
    return Visit(
        arrival_s=round(rng.uniform(3.0, 11.0), 1),
        need_s=round(rng.uniform(2.0, 8.0) * 3600.0),
        capacity_wh=rng.choice((58_000.0, 77_000.0, 100_000.0)),
        soc_frac=round(rng.uniform(0.45, 0.7) if bidirectional else rng.uniform(0.2, 0.6), 2),
        target_soc_frac=0.9,
        soc_floor_frac=0.3,
        max_charge_w=charge_w,
        max_discharge_w=discharge_w if bidirectional else 0.0,
        n_phases=n_phases,
        ramp_w_per_s=charge_w,
    )
