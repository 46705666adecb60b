"""A share of a scenario's vehicles charges on contracts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import msgspec

from charger_sim.scenario import Scenario, StationSpec, Visit, check

MAX_LOOP_S = 30.0
"""A charge controller waits 60 s for the next request (ISO 15118-2 table 109)."""


def with_contracts(scenario: Scenario, share: float) -> Scenario:
    """Every station gets ISO 15118, and ``share`` (0..1) of the vehicles come with contracts: every
    second one has its contract installed at its first visit. Bidirectional vehicles at stations
    that can steer them speak edition -20, the others -2.

    Raises ``ValueError`` for a share out of range.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share of contracts {share}, expected 0..1")
    if share == 0.0:
        return scenario
    deal = _Deal(Random(f"contracts:{scenario.seed}"), share)  # noqa: S311 a simulation
    return check(
        msgspec.structs.replace(
            scenario,
            charge_loop_s=min(MAX_LOOP_S, max(scenario.charge_loop_s, scenario.tick_s)),
            stations=tuple(_station(spec, deal) for spec in scenario.stations),
        )
    )


@dataclass(slots=True)
class _Deal:
    rng: Random
    share: float
    dealt: int = 0

    def next(self) -> str:
        """What the next vehicle has for a contract."""
        if self.rng.random() >= self.share:
            return "none"
        self.dealt += 1
        return "on-plug-in" if self.dealt % 2 else "installed"


def _station(spec: StationSpec, deal: _Deal) -> StationSpec:
    of_vehicle: dict[object, str] = {}
    visits = []
    for visit in spec.visits:
        vehicle = visit.id_token or visit.evse
        if vehicle not in of_vehicle:
            of_vehicle[vehicle] = deal.next()
        visits.append(_visit(spec, visit, of_vehicle[vehicle]))
    return msgspec.structs.replace(spec, iso15118=True, visits=tuple(visits))


def _visit(spec: StationSpec, visit: Visit, contract: str) -> Visit:
    if contract == "none":
        return visit
    both_ways = spec.version == "2.1" and min(spec.max_discharge_w, visit.max_discharge_w) > 0.0
    return msgspec.structs.replace(
        visit, contract=contract, iso15118="iso15118-20" if both_ways else "iso15118-2"
    )
