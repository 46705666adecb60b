"""Power flow of any three-phase network in phase coordinates: nodal admittances and current injections.

For what the tree sweep does not cover: delta and centre-tapped transformers, delta and voltage-dependent loads, loops.
Linear parts go into one sparse matrix, factorised once; what loads draw beyond their nominal admittance is a current

    V <- Y^-1 (I_source - I_load(V) + Y_load V)

iterated to a fixed point. Node 0 is earth. Reference: Dugan, OpenDSS manual; Chen et al., doi:10.1109/61.85860.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from csms.grid.network import ComplexArray, FeederError, FloatArray
from csms.grid.power_flow import PowerFlowDivergedError

TOLERANCE_PU = 1.0e-8  # above the rounding of feeders with metre-long cables behind a transformer
MAX_ITERATIONS = 300
POWER, IMPEDANCE, CVR, CURRENT, ZIP = 1, 2, 4, 5, 8  # load models, numbered as in OpenDSS


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A linear element: its admittance matrix over ``nodes``, S."""

    name: str
    nodes: tuple[int, ...]
    y: ComplexArray


@dataclass(frozen=True, slots=True, eq=False)
class LoadTable:
    """Loads, each between two nodes, as columns of equal length L."""

    node: np.ndarray  # (L,) int
    back: np.ndarray  # (L,) int, 0 for earth
    s_va: ComplexArray  # (L,)
    v_base: FloatArray  # (L,) V
    model: np.ndarray  # (L,) int
    v_min: FloatArray  # (L,) pu: below it the load turns into an impedance
    v_max: FloatArray
    v_low: FloatArray  # (L,) pu: below it the nominal impedance (ZIP: nothing); between, the current is interpolated
    cvr: FloatArray  # (L, 2) exponents of P and Q
    zip_p: FloatArray  # (L, 3) shares Z, I, P
    zip_q: FloatArray


@dataclass(slots=True, eq=False)
class NodalNetwork:
    """A network ready to solve. ``parts`` is the only field that changes, when taps move or capacitors switch."""

    name: str
    node_names: list[str]  # (N + 1,), "bus.phase"; [0] is earth
    parts: dict[str, Part]
    source_nodes: tuple[int, ...]
    source_y: ComplexArray
    source_v: ComplexArray  # V behind the source impedance
    loads: LoadTable
    base_v: FloatArray = field(default_factory=lambda: np.zeros(0))  # (N + 1,) V to earth


@dataclass(frozen=True, slots=True, eq=False)
class NodalFlow:
    """A solved network."""

    v: ComplexArray  # (N + 1,) V to earth
    v_pu: FloatArray  # (N + 1,) magnitudes; [0] NaN
    loss_w: float
    iterations: int
    residual_pu: float

    @property
    def min_v_pu(self) -> float:
        return float(np.nanmin(self.v_pu))


class Solver:
    """Holds the factors of one state of the taps. Raises :class:`FeederError` for a network that floats."""

    def __init__(self, network: NodalNetwork):
        self.network = network
        count = len(network.node_names)
        self._passive = assemble(network.parts.values(), count)
        source = assemble([Part("source", network.source_nodes, network.source_y)], count)
        loads = network.loads
        self._y_load = np.conj(loads.s_va) / loads.v_base**2
        pairs = [
            (loads.node, loads.node, 1),
            (loads.back, loads.back, 1),
            (loads.node, loads.back, -1),
        ]
        pairs.append((loads.back, loads.node, -1))
        shunt = sparse.csc_matrix(
            (
                np.concatenate([sign * self._y_load for _, _, sign in pairs]),
                (
                    np.concatenate([a for a, _, _ in pairs]),
                    np.concatenate([b for _, b, _ in pairs]),
                ),
            ),
            shape=(count, count),
        )
        try:
            self._factors = splu((self._passive + source + shunt)[1:, 1:].tocsc())
        except RuntimeError as error:  # what SuperLU says of a singular matrix
            raise FeederError(
                f"network {network.name!r} has no unique voltages, something in it floats: {error}"
            ) from None
        self._injection = np.zeros(count, complex)
        np.add.at(self._injection, list(network.source_nodes), network.source_y @ network.source_v)
        self._unloaded: ComplexArray | None = None

    def solve(self, start: ComplexArray | None = None) -> NodalFlow:
        """Raises :class:`PowerFlowDivergedError`."""
        network, loads = self.network, self.network.loads
        v = self.unloaded() if start is None else start.copy()
        scale = np.maximum(np.abs(self.unloaded()), 1.0)
        residual, iterations = np.inf, 0
        while residual > TOLERANCE_PU:
            if iterations >= MAX_ITERATIONS or not np.isfinite(v).all():
                raise PowerFlowDivergedError(network.name, residual, iterations)
            iterations += 1
            across = v[loads.node] - v[loads.back]
            extra = self._y_load * across - load_current(loads, across)
            current = self._injection.copy()
            np.add.at(current, loads.node, extra)
            np.subtract.at(current, loads.back, extra)
            new = np.zeros_like(v)
            new[1:] = self._factors.solve(current[1:])
            residual = float(np.max(np.abs(new - v) / scale))
            v = new
        v_pu = np.full(len(v), np.nan)
        if len(network.base_v):
            v_pu[1:] = np.abs(v[1:]) / network.base_v[1:]
        loss = float(np.real(np.vdot(v, self._passive @ v)))
        return NodalFlow(v, v_pu, loss, iterations, residual)

    def unloaded(self) -> ComplexArray:
        """Voltages with every load at its nominal admittance."""
        if self._unloaded is None:
            v = np.zeros(len(self._injection), complex)
            v[1:] = self._factors.solve(self._injection[1:])
            self._unloaded = v
        return self._unloaded


def assemble(parts: object, count: int) -> sparse.csc_matrix:
    """The (count, count) admittance matrix of the parts."""
    rows, columns, values = [], [], []
    for part in parts:  # type: ignore[attr-defined]
        nodes = np.array(part.nodes)
        rows.append(np.repeat(nodes, len(nodes)))
        columns.append(np.tile(nodes, len(nodes)))
        values.append(part.y.ravel())
    return sparse.csc_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(count, count),
    )


def load_current(loads: LoadTable, v: ComplexArray) -> ComplexArray:
    """Currents that the loads draw at voltages ``v`` across them, A."""
    s, base = loads.s_va, loads.v_base
    magnitude = np.maximum(np.abs(v), 1e-6 * base)
    ratio = magnitude / base
    at_base = np.conj(s) / base  # current at nominal voltage along v
    direction = v / magnitude
    powers = np.real(s) * ratio ** loads.cvr[:, 0] + 1j * np.imag(s) * ratio ** loads.cvr[:, 1]
    mixed = np.real(s) * _zip(loads.zip_p, ratio) + 1j * np.imag(s) * _zip(loads.zip_q, ratio)
    within = np.select(
        [loads.model == IMPEDANCE, loads.model == CURRENT, loads.model == CVR, loads.model == ZIP],
        [at_base * ratio, at_base, np.conj(powers) / magnitude, np.conj(mixed) / magnitude],
        default=at_base / ratio,
    )
    # outside its band a load is an impedance that meets the band's edge
    edge_low = np.where(loads.model == CURRENT, at_base, at_base / loads.v_min)
    edge_high = np.where(loads.model == CURRENT, at_base, at_base / loads.v_max)
    slope = (ratio - loads.v_low) / np.maximum(loads.v_min - loads.v_low, 1e-12)
    sagging = at_base * loads.v_low + (edge_low - at_base * loads.v_low) * slope
    bounded = (loads.model != IMPEDANCE) & (loads.model != ZIP)
    current = np.where(bounded & (ratio > loads.v_max), edge_high * ratio / loads.v_max, within)
    current = np.where(bounded & (ratio < loads.v_min), sagging, current)
    current = np.where(bounded & (ratio < loads.v_low), at_base * ratio, current)
    current = np.where((loads.model == ZIP) & (ratio <= loads.v_low), 0.0, current)
    return current * direction


def _zip(shares: FloatArray, ratio: FloatArray) -> FloatArray:
    return np.asarray(
        shares[:, 0] * ratio**2 + shares[:, 1] * ratio + shares[:, 2], dtype=np.float64
    )
