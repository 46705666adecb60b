"""A generated scenario in which uncontrolled charging breaks the feeder's voltage limit.

Stations stand where the feeder is weakest; those of OCPP 2.1 are bidirectional DC chargers, and a
generation loss on an island-sized system asks for their droop.
"""

from __future__ import annotations

from random import Random
from statistics import median

from charger_sim.plant import PlantFeeder, PowerFlow
from charger_sim.scenario import Event, FrequencySpec, Scenario, StationSpec, Visit, check
from charger_sim.station.config import VERSIONS, Version

LOSS_AT_S = 20.0
LOSS_PU = 0.10
HOUSEHOLD_W = 20_000.0


def demo_scenario(
    feeder: PlantFeeder,
    n_stations: int = 20,
    seed: int = 1,
    *,
    duration_s: float = 60.0,
    versions: tuple[Version, ...] = VERSIONS,
    id_template: str = "SIM-{n:04d}",
    s_base_va: float | None = None,
) -> Scenario:
    """Stations at the weakest load buses of ``feeder``, versions dealt in turn from ``versions``.

    A medium-voltage feeder gets 150 kW bidirectional DC, 100 kW DC and 22 kW AC stations, one of
    households (median load below 20 kW) wallboxes of 7.4, 11 and 22 kW. ``s_base_va`` sizes the power
    system; by default 10 times the bidirectional rating.
    """
    rng = Random(f"demo:{feeder.name}:{seed}")  # noqa: S311 a simulation, not a secret
    households = median(load.p_w for load in feeder.loads) < HOUSEHOLD_W
    places = _weakest(feeder, n_stations)
    order: list[Version] = [versions[-1 - n % len(versions)] for n in range(n_stations)]
    stations = tuple(
        _station(rng, id_template.format(n=n + 1), order[n], places[n], households=households)
        for n in range(n_stations)
    )
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


def _weakest(feeder: PlantFeeder, n_stations: int) -> list[tuple[str, str]]:
    """(bus, phases) of load buses, weakest third and its neighbours first, repeated as needed."""
    v_pu = PowerFlow(feeder, []).solve().v_pu.min(axis=1)
    row = {bus: n for n, bus in enumerate(feeder.bus_ids)}
    phases: dict[str, str] = {}
    for load in feeder.loads:
        phases.setdefault(load.bus, load.phases)
    ranked = sorted(phases, key=lambda bus: (v_pu[row[bus]], bus))
    kept = ranked[: max(1, min(n_stations, (len(ranked) + 1) // 2))]
    return [(kept[n % len(kept)], phases[kept[n % len(kept)]]) for n in range(n_stations)]


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
