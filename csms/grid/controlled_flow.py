"""AC power flow in which inverters answer their own voltage: a common fixed point of network and control curves.

What each inverter draws is relaxed towards what its curve asks for at the voltage just solved,

    x <- x + w (curve(v(x)) - x)

with w by Aitken's rule for each scenario, so that steep curves on weak feeders settle instead of hunting. The start
gives all the support there is; a step after which the network has no solution is halved.

References: Aitken relaxation of vector fixed points, Kuettler and Wall, Comput. Mech. 43, 2008,
doi:10.1007/s00466-008-0255-5; stability of volt-var fixed points, Farivar, Zhou and Chen, SmartGridComm 2015,
doi:10.1109/SmartGridComm.2015.7436322.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csms.grid import power_flow
from csms.grid.inverter_control import InverterControl
from csms.grid.network import BoolArray, ComplexArray, Feeder, FloatArray, IntArray
from csms.grid.power_flow import PowerFlow, PowerFlowDivergedError

TOLERANCE = 1.0e-7
"""Largest difference between an inverter's power and its curve, of its rating."""
MAX_ROUNDS = 200
_FIRST_WEIGHT, _LEAST_WEIGHT = 0.7, 0.02
_FLOW_SHARE = (
    0.01  # of the tolerance: what the voltages may be wrong by, curves being up to 25 per pu steep
)
_STRESSED_V_PU = (0.85, 1.15)  # where the start reads the curves: full support


class ControlDivergedError(PowerFlowDivergedError):
    """Inverters and network found no common operating point; ``residual_pu`` is of rated power."""

    def __init__(self, feeder: str, residual_pu: float, iterations: int) -> None:
        super().__init__(feeder, residual_pu, iterations)
        how = (
            f"inverters still {residual_pu:.3g} of their rating from their curves"
            if np.isfinite(residual_pu)
            else "the network has no solution even with all their support"
        )
        self.args = (f"feeder {feeder!r} under inverter control: {how} after {iterations} rounds",)


@dataclass(frozen=True, slots=True, eq=False)
class ControlledFlow:
    """The AC state and what the inverters do in it; arrays as the requested power."""

    flow: PowerFlow
    p_w: FloatArray  # import > 0
    q_var: FloatArray  # import > 0: support at low voltage is negative
    residual: float  # largest distance to a curve, of rated power
    rounds: int


@dataclass(frozen=True, slots=True, eq=False)
class BatchControlledFlow:
    """S scenarios; rows that found no solution are NaN and ``converged`` is false there."""

    min_v_pu: FloatArray  # (S,)
    p_w: FloatArray  # (S, n) or (S, n, 3), import > 0
    q_var: FloatArray
    residual: FloatArray  # (S,)
    rounds: IntArray  # (S,)
    converged: BoolArray  # (S,)


def solve(
    feeder: Feeder, p_w: FloatArray, q_var: FloatArray, requested_w: FloatArray, control: InverterControl,
    *, tolerance: float = TOLERANCE,
) -> ControlledFlow:  # fmt: skip
    """Loads ``p_w``, ``q_var`` beside inverters that ask for ``requested_w`` (charge > 0), all (n,) or (n, 3).

    Raises :class:`ControlDivergedError` with the residual, ``ValueError`` for shapes.
    """
    found = solve_batch(feeder, p_w, q_var, requested_w[None], control, tolerance=tolerance)
    if not found.converged[0]:
        raise ControlDivergedError(feeder.name, float(found.residual[0]), int(found.rounds[0]))
    flow = power_flow.solve(feeder, p_w + found.p_w[0], q_var + found.q_var[0])
    return ControlledFlow(
        flow, found.p_w[0], found.q_var[0], float(found.residual[0]), int(found.rounds[0])
    )


def solve_batch(
    feeder: Feeder, p_w: FloatArray, q_var: FloatArray, requested_w: FloatArray, control: InverterControl,
    *, tolerance: float = TOLERANCE, max_rounds: int = MAX_ROUNDS,
) -> BatchControlledFlow:  # fmt: skip
    """As :func:`solve` for S requests, (S, n) or (S, n, 3), over the same loads. Nothing is raised for divergence."""
    requested_w = np.asarray(requested_w, float)
    if requested_w.shape[1:] != np.shape(p_w):
        raise ValueError(
            f"requested_w must have shape (S, {np.shape(p_w)}), got {requested_w.shape}"
        )
    flow_tolerance_pu = max(power_flow.TOLERANCE_PU, _FLOW_SHARE * tolerance)
    fleet = _Inverters(control, requested_w)
    count = len(requested_w)
    x = fleet.response(np.where(fleet.request_w >= 0, *_STRESSED_V_PU))
    good, last = x.copy(), np.full_like(x, np.nan)
    weight = np.full(count, _FIRST_WEIGHT)
    residual, lowest = np.full(count, np.inf), np.full(count, np.nan)
    rounds, solved = np.zeros(count, np.int32), np.zeros(count, bool)
    unsettled = np.arange(count, dtype=np.int32)
    for _ in range(max_rounds):
        rounds[unsettled] += 1
        p, q = fleet.powers(x, unsettled)
        flow = power_flow.solve_batch(
            feeder, p_w + p, q_var + q, tolerance_pu=flow_tolerance_pu, check=False
        )
        there = flow.converged
        kept, lost = unsettled[there], unsettled[~there]
        own = fleet.of(kept)
        v_pu = fleet.terminal_v_pu(flow.v_pu, unsettled)
        miss = np.where(own[:, None], fleet.response(v_pu) - x, 0.0)
        residual[kept] = fleet.largest(np.abs(miss).max(axis=1, initial=0.0))[kept]
        solved[kept] = True
        settled = there & (residual[unsettled] <= tolerance)
        lowest[unsettled[settled]] = np.nanmin(
            np.abs(flow.v_pu[settled]), axis=tuple(range(1, flow.v_pu.ndim))
        )
        kept = kept[residual[kept] > tolerance]
        moves = fleet.of(kept)
        weight[kept] = fleet.aitken(weight, miss, last)[kept]
        good[moves], last[moves] = x[moves], miss[moves]
        x[moves] += weight[fleet.scenario[moves], None] * miss[moves]
        # no solution there: half way back to the last point that had one; without such a point, given up
        back = lost[solved[lost]]
        returns = fleet.of(back)
        x[returns] = 0.5 * (x[returns] + good[returns])
        last[returns] = np.nan
        unsettled = np.sort(np.concatenate([kept, back]))
        if not unsettled.size:
            break
    converged = residual <= tolerance
    converged[unsettled] = False
    p, q = fleet.powers(x, np.arange(count, dtype=np.int32))
    p[~converged], q[~converged], lowest[~converged] = np.nan, np.nan, np.nan
    return BatchControlledFlow(lowest, p, q, residual, rounds, converged)


class _Inverters:
    """All inverters of all scenarios in one list of length K: few nodes of a scenario have one.

    Their state ``x`` is (K, 2): share of the requested active power, reactive power injected over the rating.
    """

    def __init__(self, control: InverterControl, requested_w: FloatArray) -> None:
        self.control, self._shape = control, requested_w.shape
        flat = requested_w.reshape(len(requested_w), -1)
        self.scenario, self._node = np.nonzero(flat)  # (K,) each
        self.request_w = flat[self.scenario, self._node]  # (K,)
        self._va = control.va_per_w * np.abs(self.request_w)

    def of(self, scenarios: IntArray) -> BoolArray:
        """(K,) whether an inverter belongs to one of the scenarios."""
        chosen = np.zeros(self._shape[0], bool)
        chosen[scenarios] = True
        return chosen[self.scenario]

    def response(self, v_pu: FloatArray) -> FloatArray:
        """(K, 2) what the curves ask for at the voltages (K,)."""
        control = self.control
        share = np.where(self.request_w >= 0, control.charge.at(v_pu), control.export.at(v_pu))
        return np.stack([share, control.var.at(v_pu)], axis=-1)

    def powers(self, x: FloatArray, scenarios: IntArray) -> tuple[FloatArray, FloatArray]:
        """Active and reactive import of the scenarios, W and var, in the shape of the request."""
        mine = self.of(scenarios)
        row = self._rows(scenarios)[self.scenario[mine]]
        p, q = (np.zeros((len(scenarios), int(np.prod(self._shape[1:])))) for _ in range(2))
        p[row, self._node[mine]] = x[mine, 0] * self.request_w[mine]
        q[row, self._node[mine]] = -x[mine, 1] * self._va[mine]
        shape = (len(scenarios), *self._shape[1:])
        return p.reshape(shape), q.reshape(shape)

    def terminal_v_pu(self, v_pu: ComplexArray, scenarios: IntArray) -> FloatArray:
        """(K,) magnitudes at the inverters; 1 where the scenario is not among those solved."""
        mine = self.of(scenarios)
        row = self._rows(scenarios)[self.scenario[mine]]
        out = np.ones(len(self.request_w))
        out[mine] = np.abs(v_pu.reshape(len(scenarios), -1)[row, self._node[mine]])
        return out

    def largest(self, values: FloatArray) -> FloatArray:
        """(S,) the largest of each scenario's values (K,), 0 where it has no inverter."""
        out = np.zeros(self._shape[0])
        np.maximum.at(out, self.scenario, values)
        return out

    def aitken(self, weight: FloatArray, miss: FloatArray, last: FloatArray) -> FloatArray:
        """(S,) the weight of each scenario's next step, from its last two misses (K, 2)."""
        change = miss - last
        size, turn = (
            np.bincount(self.scenario, (part * change).sum(axis=1), minlength=self._shape[0])
            for part in (change, last)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            new = np.abs(weight * turn / size)
        return np.clip(np.where(np.isfinite(new), new, _FIRST_WEIGHT), _LEAST_WEIGHT, 1.0)

    def _rows(self, scenarios: IntArray) -> IntArray:
        """(S,) where a scenario stands among ``scenarios``."""
        rows = np.zeros(self._shape[0], np.int32)
        rows[scenarios] = np.arange(len(scenarios))
        return rows
