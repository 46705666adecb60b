"""A radial :class:`Feeder` from a solved OpenDSS circuit, for the dispatcher and everything else that walks the tree.

Regulators keep the taps of the solution, loads become constant power at what they draw in it (delta loads as what they
take from each phase), line charging and capacitors become shunts. At the solved state the feeder therefore agrees with
the circuit; away from it, it leaves out tap steps and the voltage dependence of loads.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from csms.grid.builder import Branch, Load, build_feeder
from csms.grid.import_opendss import Circuit
from csms.grid.network import ABC, ComplexArray, Feeder, FeederError, FloatArray
from csms.grid.nodal import NodalFlow, NodalNetwork, Part, load_current


class _Conductor(NamedTuple):
    """Row of a part's admittance matrix that is not earth."""

    k: int
    bus: str
    phase: str


_MIXED = 1.0e-3  # of a voltage ratio's diagonal, below which phases do not mix


def to_feeder(circuit: Circuit, flow: NodalFlow, name: str, *, origin: str = "") -> Feeder:
    """Raises :class:`FeederError` for loops, and for a transformer that mixes phases and has loads behind it."""
    network = circuit.network
    label = network.node_names
    demand = _demand(network, flow)
    branches: list[Branch] = []
    shunts: dict[str, FloatArray] = {}
    root = label[network.source_nodes[0]].split(".")[0]
    for part in network.parts.values():
        nodes = [_Conductor(k, *label[n].split(".", 1)) for k, n in enumerate(part.nodes) if n]
        buses = list(dict.fromkeys(bus for _, bus, _ in nodes))
        if len(buses) == 1:
            b = np.zeros(3)
            for k, _, phase in nodes:
                b[int(phase) - 1] += part.y[k, k].imag
            shunts[buses[0]] = shunts.get(buses[0], np.zeros(3)) + b
            continue
        if len(buses) != 2:
            raise FeederError(f"{part.name} joins {len(buses)} buses: {', '.join(buses)}")
        branch = _branch(network, part, nodes, buses)
        if branch is not None:
            branches.append(branch)
            if part.name.startswith("line."):
                for bus in buses:
                    shunts[bus] = shunts.get(bus, np.zeros(3)) + _charging(part, nodes, bus)
    branches = _reachable(_merged(branches), root, demand)
    kept = {bus for branch in branches for bus in (branch.from_bus, branch.to_bus)}
    loads = [
        Load(bus, s.real, s.imag, ABC[f])
        for bus, phases in demand.items()
        for f, s in enumerate(phases)
        if s != 0
    ]
    base_ll_v = float(network.base_v[network.source_nodes[0]] * np.sqrt(3.0))
    volts = abs(network.source_v[0]) / network.base_v[network.source_nodes[0]]
    return build_feeder(
        name, root, base_ll_v, branches, loads, source_v_pu=float(volts), source=origin,
        shunts_s={bus: (float(b[0]), float(b[1]), float(b[2])) for bus, b in shunts.items() if bus in kept},
    )  # fmt: skip


def _demand(network: NodalNetwork, flow: NodalFlow) -> dict[str, ComplexArray]:
    """VA that the loads take from each phase of each bus."""
    loads = network.loads
    current = load_current(loads, flow.v[loads.node] - flow.v[loads.back])
    demand: dict[str, ComplexArray] = {}
    for ends, sign in ((loads.node, 1.0), (loads.back, -1.0)):
        for node, i in zip(ends, sign * current, strict=True):
            if node:
                bus, phase = network.node_names[node].split(".")
                demand.setdefault(bus, np.zeros(3, complex))[int(phase) - 1] += flow.v[
                    node
                ] * np.conj(i)
    return demand


def _branch(
    network: NodalNetwork, part: Part, nodes: list[_Conductor], buses: list[str]
) -> Branch | None:
    """v2 = A v1 - Z i2 of the two-port; None where A mixes phases."""
    near, far = ([k for k, bus, _ in nodes if bus == buses[side]] for side in (0, 1))
    phases = [int(phase) - 1 for _, bus, phase in nodes if bus == buses[1]]
    if sorted(phases) != sorted(int(phase) - 1 for _, bus, phase in nodes if bus == buses[0]):
        return None
    own = part.y[np.ix_(far, far)]
    if np.linalg.cond(own) > 1e12:
        return None
    ratio = -np.linalg.solve(own, part.y[np.ix_(far, near)])
    diagonal = np.diagonal(ratio)
    if np.abs(ratio - np.diag(diagonal)).max() > _MIXED * np.abs(diagonal).max():
        return None
    z, tap = np.zeros((3, 3), complex), np.ones(3)
    z[np.ix_(phases, phases)] = np.linalg.inv(own)
    base = [network.base_v[part.nodes[side[0]]] for side in (near, far)]
    tap[phases] = diagonal.real * base[0] / base[1]
    if part.name.startswith("line."):
        tap[:] = 1.0
        z[np.ix_(phases, phases)] = np.linalg.inv(-part.y[np.ix_(near, far)])
    changes = abs(base[0] / base[1] - 1.0) > 1e-6
    return Branch(
        buses[0], buses[1], z, "".join(ABC[f] for f in sorted(phases)),
        to_base_ll_v=float(base[1] * np.sqrt(3.0)) if changes else None,
        tap=(float(tap[0]), float(tap[1]), float(tap[2])),
    )  # fmt: skip


def _merged(branches: list[Branch]) -> list[Branch]:
    """Single-phase units between the same buses, such as a bank of regulators, become one branch."""
    found: dict[tuple[str, str], Branch] = {}
    for branch in branches:
        key = (branch.from_bus, branch.to_bus)
        other = found.get(key)
        if other is not None:
            if set(other.phases) & set(branch.phases):
                raise FeederError(f"two branches join {key[0]!r} and {key[1]!r} on the same phase")
            taps = [
                a if letter in other.phases else b
                for letter, a, b in zip(ABC, other.tap, branch.tap, strict=True)
            ]
            branch = replace(
                other,
                z_ohm=other.z_ohm + branch.z_ohm,
                phases="".join(sorted(other.phases + branch.phases)),
                tap=(taps[0], taps[1], taps[2]),
            )
        found[key] = branch
    return list(found.values())


def _charging(part: Part, nodes: list[_Conductor], bus: str) -> FloatArray:
    """Susceptance to earth at one end of a line, mutual capacitances seen at balanced voltages left out."""
    b = np.zeros(3)
    for k, name, phase in nodes:
        if name == bus:
            b[int(phase) - 1] += part.y[k].sum().imag
    return b


def _reachable(branches: list[Branch], root: str, demand: dict[str, ComplexArray]) -> list[Branch]:
    """Branches connected to the source, turned away from it; refuses to lose a load."""
    near: dict[str, list[Branch]] = {}
    for branch in branches:
        near.setdefault(branch.from_bus, []).append(branch)
        near.setdefault(branch.to_bus, []).append(branch)
    seen, queue, kept = {root}, [root], []
    used: set[int] = set()
    while queue:
        bus = queue.pop()
        for branch in near.get(bus, []):
            if id(branch) in used:
                continue
            used.add(id(branch))
            kept.append(branch)
            other = branch.to_bus if branch.from_bus == bus else branch.from_bus
            if other not in seen:
                seen.add(other)
                queue.append(other)
    lost = sorted(bus for bus, s in demand.items() if bus not in seen and np.any(s != 0))
    if lost:
        raise FeederError(f"loads behind a transformer that mixes phases: {', '.join(lost[:12])}")
    return kept
