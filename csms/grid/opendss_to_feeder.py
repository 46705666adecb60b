"""A radial :class:`Feeder` from a solved OpenDSS circuit, for the dispatcher and everything else that walks the tree.

Regulators keep the taps of the solution, loads become constant power at what they draw in it (delta loads as what they
take from each phase), line charging and capacitors become shunts. At the solved state the feeder therefore agrees with
the circuit; away from it, it leaves out tap steps and the voltage dependence of loads.

A transformer that mixes phases, such as delta-wye, has no place in such a tree. At the head of the feeder it and all
above it become the source's impedance (:mod:`csms.grid.opendss_head`); elsewhere it is refused, or taken with all
behind it as the load that it is. A feeder of three wires without a neutral is put in its line-to-line voltages: its
phases ``a``, ``b``, ``c`` are then the pairs ab, bc, ca, and its base is that voltage (:mod:`csms.grid.opendss_frame`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from csms.grid.builder import Branch, Load, build_feeder
from csms.grid.import_opendss import Circuit
from csms.grid.network import ABC, Feeder, FeederError, FloatArray
from csms.grid.nodal import NodalFlow, NodalNetwork
from csms.grid.opendss_frame import LINE_TO_NEUTRAL, Frame
from csms.grid.opendss_head import head_of
from csms.grid.opendss_joints import Joint, joints_of

_MAX_NAMED = 12


def to_feeder(
    circuit: Circuit, flow: NodalFlow, name: str, *, origin: str = "", lumped: bool = False
) -> Feeder:
    """The part of the circuit that a tree of three phases can say.

    With ``lumped``, transformers that mix phases away from the head stay as loads on their source's side, and the
    buses behind them are left out (split-phase service transformers); without it loads behind them are refused.
    Raises :class:`FeederError` for those, for loops, and for a head with more than one such transformer.
    """
    network = circuit.network
    joints = joints_of(network)
    root = network.node_names[network.source_nodes[0]].split(".")[0]
    loaded = {
        network.node_names[n].split(".")[0] for n in (*network.loads.node, *network.loads.back) if n
    }
    base_v = float(network.base_v[network.source_nodes[0]])
    source_v_pu = float(abs(network.source_v[0])) / base_v
    frame: Frame = LINE_TO_NEUTRAL
    walk = _walk(network, flow, joints, root, frame)
    branches: list[Branch] = []
    if loaded.isdisjoint(walk.seen):
        head = head_of(network, walk.seen, walk.blocked, source_v_pu)
        frame, branches = head.frame, [head.branch]
        base_v *= frame.base_gain
        joints = [joint for joint in joints if walk.seen.isdisjoint(joint.buses)]
        walk = _walk(network, flow, joints, head.branch.to_bus, frame)
    branches += walk.branches
    if frame is not LINE_TO_NEUTRAL:
        origin = f"{origin} (three wires: phases a, b, c are the pairs ab, bc, ca)".strip()
    demand = frame.demand(network, flow)
    behind = sorted(bus for bus, s in demand.items() if bus not in walk.seen and np.any(s != 0))
    if behind and not (lumped and frame is LINE_TO_NEUTRAL):
        blocked = {part for _, joint in walk.blocked for part in joint.names}
        raise FeederError(
            f"loads behind a transformer that mixes phases: {_named(behind)} (transformers: {_named(sorted(blocked))})"
        )
    for near, joint in walk.blocked if behind else ():
        demand[near] = demand.get(near, np.zeros(3, complex)) + joint.drawn_va(near, flow.v)
    kept = {bus for branch in branches for bus in (branch.from_bus, branch.to_bus)}
    shunts: dict[str, FloatArray] = {}
    for bus, b, p_w in _shunts(flow, joints, frame, kept):
        shunts[bus] = shunts.get(bus, np.zeros(3)) + b
        demand[bus] = demand.get(bus, np.zeros(3, complex)) + p_w
    loads = [
        Load(bus, s.real, s.imag, ABC[f])
        for bus, phases in demand.items()
        if bus in kept
        for f, s in enumerate(phases)
        if s != 0
    ]
    return build_feeder(
        name, root, base_v * 3.0**0.5, branches, loads, source_v_pu=source_v_pu, source=origin,
        shunts_s={bus: (float(b[0]), float(b[1]), float(b[2])) for bus, b in shunts.items()},
    )  # fmt: skip


@dataclass(slots=True)
class _Walk:
    """What hangs together from a bus on, turned away from it, and the joints at which it ends."""

    branches: list[Branch]
    seen: set[str]
    blocked: list[tuple[str, Joint]]


def _walk(
    network: NodalNetwork, flow: NodalFlow, joints: list[Joint], root: str, frame: Frame
) -> _Walk:
    near: dict[str, list[Joint]] = {}
    for joint in joints:
        for bus in joint.buses if len(joint.buses) == 2 else ():
            near.setdefault(bus, []).append(joint)
    walk, queue, used = _Walk([], {root}, []), [root], set[int]()
    while queue:
        bus = queue.pop()
        for joint in near.get(bus, []):
            if id(joint) in used:
                continue
            used.add(id(joint))
            branch = frame.branch(network, flow, joint, bus)
            if branch is None:
                walk.blocked.append((bus, joint))
                continue
            walk.branches.append(branch)
            if branch.to_bus not in walk.seen:  # else a loop, which the builder names
                walk.seen.add(branch.to_bus)
                queue.append(branch.to_bus)
    return walk


def _shunts(
    flow: NodalFlow, joints: list[Joint], frame: Frame, kept: set[str]
) -> Iterator[tuple[str, FloatArray, FloatArray]]:
    """(bus, S to earth, W drawn) of banks and of the ends of lines."""
    for joint in joints:
        for bus in kept.intersection(joint.buses):
            if len(joint.buses) == 1 or joint.is_line:
                yield bus, *frame.shunt(flow, joint, bus)


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more
