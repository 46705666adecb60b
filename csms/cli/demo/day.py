"""A day at a charging site: cars come and go, the network is bad, stations reboot, the central system is cut off."""

from __future__ import annotations

from random import Random

from charger_sim.contract_share import with_contracts
from charger_sim.scenario import Event, FrequencySpec, LinkSpec, Scenario, StationSpec, Visit, check
from charger_sim.station.config import VERSIONS

_BUSES = tuple(str(bus) for bus in range(1, 33))


def day_scenario(n_stations: int, hours: float, seed: int, *, contracts: float = 0.0) -> Scenario:
    """``n_stations`` on IEEE 33 over ``hours``, with 1% of frames lost and 1% doubled either way.

    ``contracts`` is the share of vehicles that charge on one.
    """
    rng = Random(f"day:{seed}")  # noqa: S311 a simulation, not a secret
    end_s = hours * 3600.0
    stations = tuple(_station(rng, n, end_s) for n in range(n_stations))
    scenario = check(
        Scenario(
            name=f"day-{n_stations}",
            seed=seed,
            duration_s=end_s,
            stations=stations,
            tick_s=60.0,
            substep_s=60.0,
            meter_interval_s=300.0,
            retry_wait_min_s=10.0,
            retry_random_s=20.0,
            frequency=FrequencySpec(s_base_va=100e6, agc_per_s=0.5),
            link=LinkSpec(drop=0.01, duplicate=0.01, reorder=0.005),
            events=_events(rng, stations, end_s),
        )
    )
    return with_contracts(scenario, contracts)


def _station(rng: Random, n: int, end_s: float) -> StationSpec:
    version = VERSIONS[n % len(VERSIONS)]
    discharge_w = 11_000.0 if version == "2.1" else 0.0
    return StationSpec(
        id=f"DAY-{n:03d}",
        version=version,
        kind="DC" if version == "2.1" else "AC",
        max_charge_w=11_000.0,
        max_discharge_w=discharge_w,
        bus=_BUSES[n % len(_BUSES)],
        n_evses=1 + n % 2,
        clock_skew_s=round(rng.uniform(-5.0, 5.0), 3),
        visits=tuple(
            visit
            for evse in range(1, 2 + n % 2)
            for visit in _visits(rng, evse, end_s, discharge_w)
        ),
    )


def _visits(rng: Random, evse: int, end_s: float, discharge_w: float) -> list[Visit]:
    visits: list[Visit] = []
    t_s = rng.uniform(60.0, 2 * 3600.0)
    while t_s < end_s - 1800.0:
        stay_s = rng.uniform(0.4, 6.0) * 3600.0
        leave_s = min(t_s + stay_s, end_s - 60.0)
        visits.append(
            Visit(
                evse=evse,
                arrival_s=round(t_s),
                leave_s=round(leave_s),
                need_s=round(leave_s),
                capacity_wh=rng.choice((40_000.0, 60_000.0, 80_000.0)),
                soc_frac=round(rng.uniform(0.2, 0.7), 2),
                target_soc_frac=0.9,
                max_charge_w=11_000.0,
                max_discharge_w=discharge_w,
            )
        )
        t_s = leave_s + rng.uniform(0.1, 3.0) * 3600.0
    return visits


def _events(rng: Random, stations: tuple[StationSpec, ...], end_s: float) -> tuple[Event, ...]:
    events = [
        Event(at_s=round(rng.uniform(0, end_s)), kind=kind, station=rng.choice(stations).id)
        for kind in ("disconnect", "disconnect", "reboot")
        for _ in range(len(stations))
    ]
    outages = [
        Event(at_s=round(rng.uniform(0.1, 0.8) * end_s), kind="csms_outage", seconds=600.0)
        for _ in range(2)
    ]
    return tuple(events + outages)
