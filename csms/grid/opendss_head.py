"""What stands above a feeder, up to a transformer that mixes phases, as one impedance behind a stiff source.

Exact, because there are no loads above: Thevenin's equivalent of source, lines and transformer at the feeder's first
bus. A delta winding there gives it its own zero sequence; that of a delta secondary has none, and the feeder three
wires. The angle that the transformer turns all voltages by is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csms.grid.builder import Branch
from csms.grid.network import ComplexArray, FeederError
from csms.grid.nodal import NodalNetwork, Part, assemble
from csms.grid.opendss_frame import (
    DIFFERENCES,
    LINE_TO_LINE,
    LINE_TO_NEUTRAL,
    Frame,
    as_branch,
    base_voltages,
)
from csms.grid.opendss_joints import Joint

_THREE_WIRE = 1.0e3  # zero over positive sequence impedance beyond which no neutral exists
_BALANCED = 1.0e-4
_SEQUENCES = np.exp(2j * np.pi / 3.0 * np.outer(np.arange(3), np.arange(3))) / 3.0


@dataclass(frozen=True, slots=True)
class Head:
    branch: Branch
    frame: Frame


def head_of(
    network: NodalNetwork, above: set[str], blocked: list[tuple[str, Joint]], source_v_pu: float
) -> Head:
    """``above``: the buses between source and transformer; ``blocked``: the joints at which they end.

    Raises :class:`FeederError` where they do not end in one three-phase transformer, or the source is not balanced.
    """
    if len(blocked) != 1:
        names = ", ".join(name for _, joint in blocked for name in joint.names) or "none"
        raise FeederError(f"one transformer must feed all loads, the circuit has: {names}")
    near, joint = blocked[0]
    far = next(bus for bus in joint.buses if bus != near)
    if joint.phases(far) != [0, 1, 2]:
        raise FeederError(f"{', '.join(joint.names)} at the head feeds fewer than three phases")
    v_open, z = _thevenin(network, above | {far}, [joint.nodes[k] for k in joint.rows(far)])
    frame = LINE_TO_NEUTRAL
    own = np.trace(z) / 3.0
    mutual = (z.sum() - 3.0 * own) / 6.0
    if abs(own + 2.0 * mutual) > _THREE_WIRE * abs(own - mutual):
        frame, v_open, z = LINE_TO_LINE, DIFFERENCES @ v_open, DIFFERENCES @ z @ DIFFERENCES.T
    zero, positive, negative = _SEQUENCES @ v_open
    if max(abs(zero), abs(negative)) > _BALANCED * abs(positive):
        raise FeederError("the voltage behind the head's transformer is not balanced")
    root = network.node_names[network.source_nodes[0]].split(".")[0]
    bases = base_voltages(network, joint, near, far)
    gain = abs(positive) / (frame.base_gain * bases[1]) / source_v_pu
    branch = as_branch(
        root, far, z, [0, 1, 2], np.full(3, gain),
        (frame.base_gain * bases[0], frame.base_gain * bases[1]),
    )  # fmt: skip
    return Head(branch, frame)


def _thevenin(
    network: NodalNetwork, buses: set[str], terminals: list[int]
) -> tuple[ComplexArray, ComplexArray]:
    """(3,) V and (3, 3) ohm at ``terminals`` of the elements among ``buses``."""
    parts = [
        part
        for part in network.parts.values()
        if all(n == 0 or network.node_names[n].split(".")[0] in buses for n in part.nodes)
    ]
    parts.append(Part("source", network.source_nodes, network.source_y))
    y = assemble(parts, len(network.node_names))
    nodes = sorted({n for part in parts for n in part.nodes if n})
    dense = y[np.ix_(nodes, nodes)].toarray()
    injected = np.zeros((len(nodes), 4), complex)
    at = {n: k for k, n in enumerate(nodes)}
    injected[[at[n] for n in network.source_nodes], 0] = network.source_y @ network.source_v
    for column, n in enumerate(terminals, start=1):
        injected[at[n], column] = 1.0
    answer = np.linalg.solve(dense, injected)[[at[n] for n in terminals]]
    return answer[:, 0], answer[:, 1:]
