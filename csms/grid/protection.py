"""Coordination of overcurrent relays and fuses with and without a V2G fleet.

A relay stands at the sending end of a branch and protects the buses below it down to the next
relay; the next relay above is its backup. The pair holds when, for every fault in the primary's
zone that the primary sees, the backup operates at least one coordination interval (CTI) later.
A fleet above both raises both currents and flattens the difference; a fleet between them lowers
the backup's (blinding); a relay beside the fault may see the fleet's current flow backwards and
trip first (sympathetic trip; relays here are not directional). A fuse stands wherever a relay may; it has no setting,
so that grading moves the relays around it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from csms.grid.network import Feeder
from csms.grid.relays import CURVES, Fuse, Relay
from csms.grid.short_circuit import (
    FaultNetwork,
    Inverter,
    Source,
    branch_currents_a,
    fault_currents_a,
    feeder_fault_network,
)
from csms.grid.swing import FloatArray, require_positive

CTI_S = 0.3
TMS_STEP = 0.01  # resolution of a numerical relay's setting
MARGIN_TOLERANCE_S = 1e-9


@dataclass(frozen=True, slots=True)
class PlacedRelay:
    """A relay or fuse at the sending end of branch `branch` (the branch from parent[branch])."""

    branch: int
    relay: Relay | Fuse


@dataclass(frozen=True, slots=True)
class PairMargin:
    """The worst fault for one backup and primary."""

    backup: str
    primary: str
    margin_s: float  # backup time less primary time; inf when the backup does not see the fault
    fault_bus: str
    primary_s: float
    backup_s: float
    blinded_buses: tuple[str, ...]  # in the primary's zone, where the backup does not operate


@dataclass(frozen=True, slots=True)
class SympatheticTrip:
    """A relay off the fault's path that operates before the fault's own."""

    relay: str
    fault_bus: str
    time_s: float
    primary_s: float


@dataclass(frozen=True, slots=True)
class PairLoss:
    """A pair that the fleet breaks, and the fleet size at which it does."""

    backup: str
    primary: str
    fleet_va: float  # margin equals the CTI here
    margin_without_s: float
    margin_at_full_s: float
    tms: float | None  # the backup's setting; None for a fuse
    restoring_tms: float | None  # the setting that restores the CTI at full fleet


@dataclass(frozen=True, slots=True)
class ProtectionResult:
    """Fault levels by bus and the pairs' margins, without and with the fleet."""

    fault_ka: Mapping[str, Mapping[str, float]]  # "without_fleet", "with_fleet" -> bus -> kA
    fleet_va: float  # the fleet of fault_ka, pairs_with_fleet and sympathetic
    max_fleet_va: float  # the fleet of losses, restored_tms and pairs_restored; end of the sweep
    fleet_bus: str
    cti_s: float
    settings_tms: Mapping[str, float]
    pairs_without_fleet: tuple[PairMargin, ...]
    pairs_with_fleet: tuple[PairMargin, ...]
    losses: tuple[PairLoss, ...]
    sympathetic: tuple[SympatheticTrip, ...]
    restored_tms: Mapping[str, float]
    pairs_restored: tuple[PairMargin, ...]  # with the fleet and the restored settings
    sweep_fleet_va: FloatArray  # (n_size,)
    sweep_margin_s: Mapping[str, FloatArray]  # "backup > primary" -> (n_size,)


class Coordination:
    """The pairs of a set of relays on one network. Raises ValueError for misplaced relays."""

    def __init__(self, network: FaultNetwork, relays: Sequence[PlacedRelay]) -> None:
        self.network = network
        self.relays = {r.branch: r.relay for r in relays}
        if len(self.relays) != len(relays) or len({r.relay.name for r in relays}) != len(relays):
            raise ValueError("relays: one per branch, each with its own name")
        for branch in self.relays:
            if not 0 < branch < network.n_bus:
                raise ValueError(f"relay branch {branch}: expected 1..{network.n_bus - 1}")
        guard = np.full(network.n_bus, -1)
        for bus in range(1, network.n_bus):
            guard[bus] = bus if bus in self.relays else guard[network.parent[bus]]
        self.guard = guard  # (n,) branch of the relay whose zone holds the bus, -1 = none
        self.pairs = [
            (int(guard[network.parent[b]]), b)
            for b in sorted(self.relays)
            if guard[network.parent[b]] >= 0
        ]

    def with_tms(self, tms: Mapping[str, float]) -> Coordination:
        """The same relays with other time multipliers, by name."""
        changed = [PlacedRelay(b, _with_tms(r, tms)) for b, r in self.relays.items()]
        return Coordination(self.network, changed)

    def zone(self, branch: int) -> list[int]:
        """Buses for whose faults the relay on `branch` is primary."""
        return [int(b) for b in np.flatnonzero(self.guard == branch)]

    def margins(self, inverters: Sequence[Inverter]) -> list[PairMargin]:
        """The worst margin of each pair."""
        return [self._pair_margin(backup, primary, inverters) for backup, primary in self.pairs]

    def _pair_margin(self, backup: int, primary: int, inverters: Sequence[Inverter]) -> PairMargin:
        worst = (math.inf, primary, math.inf, math.inf)
        blinded = []
        for bus in self.zone(primary):
            current = np.abs(branch_currents_a(self.network, bus, inverters))
            t_primary = float(self.relays[primary].operating_time_s(current[primary]))
            t_backup = float(self.relays[backup].operating_time_s(current[backup]))
            if math.isinf(t_backup):
                blinded.append(self.network.names[bus])
            elif t_backup - t_primary < worst[0]:
                worst = (t_backup - t_primary, bus, t_primary, t_backup)
        return PairMargin(
            backup=self.relays[backup].name,
            primary=self.relays[primary].name,
            margin_s=worst[0],
            fault_bus=self.network.names[worst[1]],
            primary_s=worst[2],
            backup_s=worst[3],
            blinded_buses=tuple(blinded),
        )

    def coordinated_tms(
        self, inverter_cases: Sequence[Sequence[Inverter]], cti_s: float = CTI_S
    ) -> dict[str, float]:
        """Least settings, from the leaves up, that hold every pair in every case; rounded up.

        A relay is never set below its present TMS; a fuse has none.
        """
        require_positive("coordinated_tms", cti_s=cti_s)
        tms = {r.name: r.tms for r in self.relays.values() if isinstance(r, Relay)}
        for backup, primary in sorted(self.pairs, key=lambda pair: -pair[1]):
            above = self.relays[backup]
            if isinstance(above, Fuse):
                continue
            lower, upper = _with_tms(self.relays[primary], tms), replace(above, tms=1.0)
            needed = tms[upper.name]
            for bus in self.zone(primary):
                for inverters in inverter_cases:
                    current = np.abs(branch_currents_a(self.network, bus, inverters))
                    unit = float(upper.operating_time_s(current[backup]))
                    goal = float(lower.operating_time_s(current[primary])) + cti_s
                    if math.isfinite(unit) and math.isfinite(goal):
                        needed = max(needed, goal / unit)
            tms[upper.name] = math.ceil(needed / TMS_STEP - 1e-9) * TMS_STEP
        return {name: round(value, 6) for name, value in tms.items()}

    def sympathetic_trips(self, inverters: Sequence[Inverter]) -> list[SympatheticTrip]:
        """Relays off the fault's path that the inverters' reverse current trips first."""
        found = []
        for bus in range(1, self.network.n_bus):
            primary = int(self.guard[bus])
            if primary < 0:
                continue
            current = np.abs(branch_currents_a(self.network, bus, inverters))
            t_primary = float(self.relays[primary].operating_time_s(current[primary]))
            on_path = set(self.network.path(bus))
            for branch, relay in self.relays.items():
                if branch in on_path:
                    continue
                time_s = float(relay.operating_time_s(current[branch]))
                if time_s < t_primary:
                    found.append(
                        SympatheticTrip(relay.name, self.network.names[bus], time_s, t_primary)
                    )
        return found

    def losses(self, fleet: Inverter, cti_s: float = CTI_S) -> list[PairLoss]:
        """Pairs that hold without the fleet and not with it, with the size that breaks each."""
        restored = self.coordinated_tms([(), (fleet,)], cti_s)
        found = []
        before, after = self.margins(()), self.margins((fleet,))
        for (backup, primary), without, full in zip(self.pairs, before, after, strict=True):
            if not full.margin_s < cti_s - MARGIN_TOLERANCE_S <= without.margin_s:
                continue

            def excess(rated_va: float, backup: int = backup, primary: int = primary) -> float:
                sized = replace(fleet, rated_va=rated_va)
                return self._pair_margin(backup, primary, (sized,)).margin_s - cti_s

            tight = without.margin_s - cti_s <= MARGIN_TOLERANCE_S
            size_va = 0.0 if tight else float(brentq(excess, 0.0, fleet.rated_va, xtol=1.0))
            upper = self.relays[backup]
            found.append(
                PairLoss(
                    backup=upper.name,
                    primary=self.relays[primary].name,
                    fleet_va=size_va,
                    margin_without_s=without.margin_s,
                    margin_at_full_s=full.margin_s,
                    tms=getattr(upper, "tms", None),
                    restoring_tms=restored.get(upper.name),
                )
            )
        return found


def _with_tms(relay: Relay | Fuse, tms: Mapping[str, float]) -> Relay | Fuse:
    if isinstance(relay, Fuse):
        return relay
    return replace(relay, tms=tms.get(relay.name, relay.tms))


def ieee33_relays(feeder: Feeder) -> list[PlacedRelay]:
    """An example scheme for the 33-bus feeder: seven IEC very-inverse relays, before grading.

    Pickups lie above twice the load and under the least fault current of the zone.
    """
    scheme = (("R1", "1", 400.0), ("R3", "3", 250.0), ("R6", "6", 120.0), ("R12", "12", 60.0),
              ("R18", "18", 60.0), ("R22", "22", 120.0), ("R25", "25", 120.0))  # fmt: skip
    return [
        PlacedRelay(feeder.bus(bus), Relay(name, CURVES["iec-vi"], pickup_a, tms=0.05))
        for name, bus, pickup_a in scheme
    ]


def protection_study(
    feeder: Feeder,
    relays: Sequence[PlacedRelay],
    *,
    fleet_bus: str,
    fleet_va: float = 1e6,
    max_fleet_va: float = 4e6,
    k: float = 1.2,
    source: Source | None = None,
    cti_s: float = CTI_S,
    sweep_points: int = 21,
) -> ProtectionResult:
    """Fault levels and coordination on `feeder`, graded without the fleet, then met by it.

    `fleet_va` is the fleet of today; pairs are watched while it grows to `max_fleet_va`.

    Raises FeederError for an unknown bus, ValueError for relays or sizes out of range.
    """
    require_positive("protection_study", fleet_va=fleet_va, k=k, cti_s=cti_s)
    if not max_fleet_va >= fleet_va:
        raise ValueError(f"max_fleet_va: expected >= fleet_va {fleet_va:g}, got {max_fleet_va:g}")
    network = feeder_fault_network(feeder, source or Source())
    fleet = Inverter(feeder.bus(fleet_bus), fleet_va, k)
    largest = replace(fleet, rated_va=max_fleet_va)
    raw = Coordination(network, relays)
    settings = raw.coordinated_tms([()], cti_s)
    graded = raw.with_tms(settings)
    restored_tms = graded.coordinated_tms([(), (largest,)], cti_s)
    restored = graded.with_tms(restored_tms)
    sizes = np.linspace(0.0, max_fleet_va, sweep_points)
    sweep = [graded.margins((replace(fleet, rated_va=float(s)),)) for s in sizes]
    levels = {
        "without_fleet": fault_currents_a(network),
        "with_fleet": fault_currents_a(network, (fleet,)),
    }
    return ProtectionResult(
        fault_ka={
            case: dict(zip(network.names, (current / 1e3).tolist(), strict=True))
            for case, current in levels.items()
        },
        fleet_va=fleet_va,
        max_fleet_va=max_fleet_va,
        fleet_bus=fleet_bus,
        cti_s=cti_s,
        settings_tms=settings,
        pairs_without_fleet=tuple(graded.margins(())),
        pairs_with_fleet=tuple(graded.margins((fleet,))),
        losses=tuple(graded.losses(largest, cti_s)),
        sympathetic=tuple(graded.sympathetic_trips((fleet,))),
        restored_tms=restored_tms,
        pairs_restored=tuple(restored.margins((largest,))),
        sweep_fleet_va=sizes,
        sweep_margin_s={
            f"{pair.backup} > {pair.primary}": np.array([row[i].margin_s for row in sweep])
            for i, pair in enumerate(sweep[0])
        },
    )
