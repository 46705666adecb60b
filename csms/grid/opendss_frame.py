"""The two sets of voltages in which a three-phase feeder is a tree of 3x3 impedances.

With a neutral they are the voltages of the phases to earth. Three wires without one have no such voltage worth the
name; with D the differences ab, bc, ca their line-to-line voltages D v obey the same equations: a line drops
D Z D^t i, a load between two wires is a load of one such "phase", and i, the currents of these loads summed along the
tree, give the wires D^t i. Nothing is lost in that but unequal taps of an open-delta regulator, which mix the pairs by
their difference; each pair gets the ratio that it has in the solution.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from csms.grid.builder import Branch
from csms.grid.network import ABC, ComplexArray, FeederError, FloatArray
from csms.grid.nodal import NodalFlow, NodalNetwork, load_current
from csms.grid.opendss_joints import Joint

DIFFERENCES = np.array([[1.0, -1.0, 0.0], [0.0, 1.0, -1.0], [-1.0, 0.0, 1.0]])
_PAIRS = {frozenset("12"): 0, frozenset("23"): 1, frozenset("31"): 2}
_MIXED = 1.0e-3  # of a voltage ratio's diagonal, below which phases do not mix
_SINGULAR = 1.0e12
Demand = dict[str, ComplexArray]


class Frame(Protocol):
    """How a circuit's elements look in one set of voltages."""

    @property
    def base_gain(self) -> float:
        """Of the base voltage over that line to neutral."""

    def branch(
        self, network: NodalNetwork, flow: NodalFlow, joint: Joint, near: str
    ) -> Branch | None:
        """The joint as a branch away from ``near``; ``None`` where it is none."""

    def demand(self, network: NodalNetwork, flow: NodalFlow) -> Demand:
        """(3,) VA that the loads take from each phase, by bus."""

    def shunt(self, flow: NodalFlow, joint: Joint, bus: str) -> tuple[FloatArray, FloatArray]:
        """(3,) S to earth at ``bus`` of a bank or of half a line, and (3,) W that it draws: capacitance between phases
        takes some from one and gives it to another."""


class _LineToNeutral:
    base_gain = 1.0

    def branch(
        self, network: NodalNetwork, flow: NodalFlow, joint: Joint, near: str
    ) -> Branch | None:
        del flow
        far = next(bus for bus in joint.buses if bus != near)
        phases = joint.phases(far)
        if phases != joint.phases(near):
            return None
        found = two_port(joint, near, far)
        if found is None:
            return None
        ratio, own_z = found
        diagonal = np.diagonal(ratio)
        if np.abs(ratio - np.diag(diagonal)).max() > _MIXED * np.abs(diagonal).max():
            return None
        z, tap = np.zeros((3, 3), complex), np.ones(3)
        z[np.ix_(phases, phases)] = own_z
        bases = base_voltages(network, joint, near, far)
        tap[phases] = diagonal.real * bases[0] / bases[1]
        return as_branch(near, far, z, phases, tap, bases)

    def demand(self, network: NodalNetwork, flow: NodalFlow) -> Demand:
        loads = network.loads
        current = load_current(loads, flow.v[loads.node] - flow.v[loads.back])
        demand: Demand = {}
        for ends, sign in ((loads.node, 1.0), (loads.back, -1.0)):
            for node, i in zip(ends, sign * current, strict=True):
                if node:
                    bus, phase = network.node_names[node].split(".")
                    if phase in "123":
                        of_bus = demand.setdefault(bus, np.zeros(3, complex))
                        of_bus[int(phase) - 1] += flow.v[node] * np.conj(i)
        return demand

    def shunt(self, flow: NodalFlow, joint: Joint, bus: str) -> tuple[FloatArray, FloatArray]:
        phases = joint.phases(bus)
        v = flow.v[[joint.nodes[k] for k in joint.rows(bus)]]
        current = to_earth(joint, bus) @ v
        b, p_w = np.zeros(3), np.zeros(3)
        b[phases], p_w[phases] = (current / v).imag, (v.conj() * current).real
        return b, p_w


class _LineToLine:
    base_gain = 3.0**0.5

    def branch(
        self, network: NodalNetwork, flow: NodalFlow, joint: Joint, near: str
    ) -> Branch | None:
        far = next(bus for bus in joint.buses if bus != near)
        if joint.phases(far) != [0, 1, 2] or joint.phases(near) != [0, 1, 2]:
            raise FeederError(
                f"{', '.join(joint.names)}: a three-wire feeder needs all three wires on each line"
            )
        found = two_port(joint, near, far)
        if found is None:
            return None
        ratio, z = found
        v_near = flow.v[[joint.nodes[k] for k in joint.rows(near)]]
        bases = base_voltages(network, joint, near, far)
        unloaded, before = DIFFERENCES @ ratio @ v_near, DIFFERENCES @ v_near
        tap = np.abs(unloaded) / np.abs(before) * bases[0] / bases[1]
        if np.abs(np.angle(unloaded / before)).max() > 0.1:
            return None  # a shift of 30 degrees: not a line, nor a regulator
        z_pairs = DIFFERENCES @ z @ DIFFERENCES.T
        return as_branch(near, far, z_pairs, [0, 1, 2], tap, (bases[0], bases[1] * self.base_gain))

    def demand(self, network: NodalNetwork, flow: NodalFlow) -> Demand:
        loads = network.loads
        across = flow.v[loads.node] - flow.v[loads.back]
        power = across * np.conj(load_current(loads, across))
        demand: Demand = {}
        for node, back, s in zip(loads.node, loads.back, power, strict=True):
            bus, *_, phase = network.node_names[node].split(".")
            pair = frozenset((phase, network.node_names[back].split(".")[-1]))
            if pair not in _PAIRS:
                raise FeederError(f"a load to earth at bus {bus!r} of a three-wire feeder")
            demand.setdefault(bus, np.zeros(3, complex))[_PAIRS[pair]] += s
        return demand

    def shunt(self, flow: NodalFlow, joint: Joint, bus: str) -> tuple[FloatArray, FloatArray]:
        """Of the positive sequence, star to delta."""
        del flow
        b = to_earth(joint, bus).imag
        if len(b) != 3:
            raise FeederError(f"{', '.join(joint.names)}: a shunt on fewer than three wires")
        own = np.trace(b) / 3.0
        mutual = (b.sum() - 3.0 * own) / 6.0
        return np.full(3, (own - mutual) / 3.0), np.zeros(3)


LINE_TO_NEUTRAL: Frame = _LineToNeutral()
LINE_TO_LINE: Frame = _LineToLine()


def two_port(joint: Joint, near: str, far: str) -> tuple[ComplexArray, ComplexArray] | None:
    """(A, Z) of v_far = A v_near - Z i into the far bus; a line without its charging."""
    n, f = joint.rows(near), joint.rows(far)
    if joint.is_line:
        if len(n) != len(f):
            return None
        series = -joint.y[np.ix_(n, f)]
        return np.eye(len(f), dtype=np.complex128), np.asarray(np.linalg.inv(series))
    own = joint.y[np.ix_(f, f)]
    if np.linalg.cond(own) > _SINGULAR:
        return None
    z: ComplexArray = np.asarray(np.linalg.inv(own))
    return -z @ joint.y[np.ix_(f, n)], z


def to_earth(joint: Joint, bus: str) -> ComplexArray:
    """Admittance of ``bus`` towards earth: of a line, what is left of its end without the series part."""
    rows = joint.rows(bus)
    own = joint.y[np.ix_(rows, rows)]
    if len(joint.buses) == 1:
        return own
    far = joint.rows(next(other for other in joint.buses if other != bus))
    return np.asarray(own + joint.y[np.ix_(rows, far)])


def base_voltages(network: NodalNetwork, joint: Joint, near: str, far: str) -> tuple[float, float]:
    """V line to neutral."""
    one, other = (float(network.base_v[joint.nodes[joint.rows(bus)[0]]]) for bus in (near, far))
    return one, other


def as_branch(
    near: str,
    far: str,
    z: ComplexArray,
    phases: list[int],
    tap: FloatArray,
    bases: tuple[float, float],
) -> Branch:
    """``bases`` in the feeder's frame, V; equal where the branch is no transformer."""
    changes = abs(bases[0] / bases[1] - 1.0) > 1e-6
    return Branch(
        near, far, z, "".join(ABC[f] for f in phases),
        to_base_ll_v=bases[1] * 3.0**0.5 if changes else None,
        tap=(float(tap[0]), float(tap[1]), float(tap[2])),
    )  # fmt: skip
