"""The AC check of a vector of setpoints, and the linear model that agrees with it.

For one step's base loads: solve the AC power flow, compare with the limits, and shift the linear model so that it says
the same at the vector tried. Where chargers run a droop of their own, its voltages are tried with that too, and the
worst counts; conductors bear the seconds of a response.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from numba import njit

from csms.dispatch.optimum._judge import judge
from csms.dispatch.optimum.droop_band import DroopBand
from csms.dispatch.optimum.solver import DispatchError, DispatchSolver, LinearState
from csms.grid import power_flow
from csms.grid.lindistflow import forward
from csms.grid.network import S_BASE_VA, ComplexArray, FloatArray, IntArray
from csms.grid.power_flow import PowerFlow

_BREACH_TOLERANCE_PU = 1.0e-8
_TRIAL_TOLERANCE_PU = 1.0e-6  # of the last voltage change; a thousandth of the margin that is kept
_CLEAR_DROP = 0.02  # squared pu, above which a measured drop tells something about impedances
_MAX_MODEL_ERROR = 0.25
_DOUBT = 0.1  # of a drop's change since it was measured: what the scaling may still miss
_SHARE_STEP = 0.25  # of the fleet's full droop


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """What the feeder must stay within."""

    v_min_pu: float | FloatArray = 0.95  # scalar or (n,)
    v_max_pu: float | FloatArray = 1.05
    thermal: bool = True  # honour the feeder's ampacities and ratings
    margin_pu: float = (
        1.0e-4  # kept from the voltage limits: what a 10% wrong model costs once it is measured
    )


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """The AC answer to one vector; ``breach`` inf where the power flow collapsed."""

    pf: PowerFlow | None
    u: FloatArray  # (n, m) squared, measured offset included
    breach: float  # pu, > 0 where a limit is broken
    voltage_breach: float
    u_low: FloatArray  # (n, m) the lowest that the chargers' own droop may make of u
    u_high: FloatArray  # (n, m) the highest, less what even idling would not prevent


class AcCheck:
    """The AC check against the limits, for one step's base loads."""

    def __init__(
        self,
        solver: DispatchSolver,
        limits: Limits,
        base_p_w: FloatArray,
        base_q_var: FloatArray,
        droop: DroopBand | None = None,
        start: ComplexArray | None = None,
    ):
        """``start``: voltages near the first state to be solved."""
        self._solver, self.base_p_w, self._q = solver, base_p_w, base_q_var
        self.droop = droop
        self._feeder = feeder = solver.feeder
        n, m = feeder.n_bus, solver.m
        self.limit_to(limits)
        self._mask = solver.model.mask
        self._gain, self._rest = np.ones((n, m)), np.zeros((n, m))
        self._source_u = feeder.source_v_pu**2
        self._lifted = np.zeros((n, m))  # above the upper limit under droop, whatever the setpoints
        self._known_drop = np.zeros((n, m))  # where the model was measured
        self._learned = False
        self._starts = {} if start is None else {0: start}  # by level of droop
        base_a = S_BASE_VA / feeder.base_v
        self._thermal = limits.thermal and bool(
            np.isfinite(feeder.ampacity_a).any() or np.isfinite(feeder.rating_va).any()
        )
        self._i_max = feeder.ampacity_a / base_a
        self._s_max = feeder.rating_va / S_BASE_VA / (3.0 if m == 1 else 1.0)

    def within(self, limits: Limits) -> AcCheck:
        """The same, all that was learned included, against other voltage limits."""
        other = copy(self)
        other.limit_to(limits)
        return other

    def begin(self, droop: DroopBand | None) -> None:
        """Count this droop from now on, all of it."""
        self.droop = droop
        self._lifted = np.zeros_like(self._gain)

    def limit_to(self, limits: Limits) -> None:
        """Judge by these voltage limits from now on."""
        shape = (self._feeder.n_bus, self._solver.m)
        self._limits = limits
        self._v_min = np.array(np.broadcast_to(np.reshape(limits.v_min_pu, (-1, 1)), shape), float)
        self._v_max = np.array(np.broadcast_to(np.reshape(limits.v_max_pu, (-1, 1)), shape), float)

    def __call__(self, x: FloatArray) -> Trial:
        """``x`` (N,) as setpoints."""
        levels = [x] if self.droop is None else [x, *self.droop.drawn_w(x)]
        flows: list[PowerFlow] = []
        for level, drawn_w in enumerate(levels):
            flows.append(self._solved(drawn_w, level))
            if not flows[-1].converged:
                nothing = np.zeros(0)
                return Trial(None, nothing, np.inf, np.inf, nothing, nothing)
        return self._judged(flows)

    def measured(self, x: FloatArray) -> Trial:
        """``x`` (N,) as it was measured: what droop does is in it. Raises ``PowerFlowDivergedError``."""
        return self._judged([self._solved(x, 0, must_converge=True)])

    def secure(self, idle_w: FloatArray) -> Trial:
        """At ``idle_w`` (N,), when nobody charges. What droop breaks even then, no setpoint prevents: so far it may
        lift the voltage; where it lowers it too far, only the share that is borne is held."""
        margin = self._limits.margin_pu
        trial = self(idle_w)
        while self.droop is not None and self.droop.share > 0.0 and trial.pf is not None:
            over = np.nan_to_num(trial.u_high - (self._v_max - 2.0 * margin) ** 2)
            if self._over(trial.u_low, trial.u) <= -2.0 * margin:
                if over.max(initial=0.0) <= 0.0:
                    return trial
                self._lifted = np.maximum(over, 0.0)
                return self(idle_w)
            self.droop = self.droop.up_to(self.droop.share - _SHARE_STEP)
            trial = self(idle_w)
        return trial

    def _solved(self, x: FloatArray, level: int, *, must_converge: bool = False) -> PowerFlow:
        load_w = self.base_p_w + self._solver.load_w(x)
        start = self._starts.get(level, self._starts.get(0))
        pf = power_flow.solve(
            self._feeder, load_w, self._q, start=start, check=must_converge,
            tolerance_pu=power_flow.TOLERANCE_PU if must_converge else _TRIAL_TOLERANCE_PU,
        )  # fmt: skip
        if pf.converged:
            self._starts[level] = pf.v_pu
        return pf

    def _judged(self, flows: list[PowerFlow]) -> Trial:
        """``flows``: at the setpoints, then at each level of droop."""
        u, _, voltage = self._voltage(flows[0], np.zeros_like(self._lifted))
        low, high = u, u
        for pf in flows[1:]:
            u_droop, doubt, over = self._voltage(pf, self._lifted)
            voltage = max(voltage, over)
            low = np.minimum(low, u_droop - doubt)
            high = np.maximum(high, u_droop + doubt - self._lifted)
        voltage -= _BREACH_TOLERANCE_PU
        breach = voltage
        if self._thermal:
            current, power = self._loading(flows[0])
            breach = max(
                breach, float((current / self._i_max[:, None]).max()) - 1.0 - _BREACH_TOLERANCE_PU
            )
            breach = max(breach, float((power / self._s_max).max()) - 1.0 - _BREACH_TOLERANCE_PU)
        return Trial(flows[0], u, breach, max(voltage, 0.0), low, high)

    def _voltage(self, pf: PowerFlow, lifted: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        """Squared (n, m), how much the measured bias may be wrong there (n, 1), and the worst breach of a limit, the
        upper one ``lifted`` (n, m)."""
        u, doubt = np.empty_like(self._gain), np.empty(len(self._gain))
        over = judge(
            pf.v_pu.reshape(u.shape), self._mask, self._source_u, self._gain, self._rest,
            self._known_drop, self._learned, _DOUBT, self._v_min, self._v_max, lifted, u, doubt,
        )  # fmt: skip
        return u, doubt[:, None], float(over)

    def _over(self, u_low: FloatArray, u_high: FloatArray) -> float:
        low, high = np.sqrt(np.maximum(u_low, 0.0)), np.sqrt(np.maximum(u_high, 0.0))
        over = np.maximum(self._v_min - low, high - self._v_max)[1:][self._mask[1:]]
        return float(over.max(initial=-np.inf))

    def learn(self, here: Trial, measured_v_pu: FloatArray | None) -> Trial:
        """Takes over what was measured: voltage drops wrong in proportion, and the rest of the difference as it is.
        -> ``here`` as it is judged with that.

        Impedances that are 10% off make every drop 10% off, so that a drop that changes is better scaled than shifted.
        """
        if measured_v_pu is None or here.pf is None:
            return here
        seen = np.reshape(measured_v_pu, here.u.shape) ** 2 - here.u
        offset = spread_offsets(self._feeder.parent, np.ascontiguousarray(seen))
        drop = self._source_u - here.u
        large = np.abs(drop) > _CLEAR_DROP
        gain = 1.0 - np.where(large, offset / np.where(large, drop, 1.0), 0.0)
        self._gain = np.clip(gain, 1.0 - _MAX_MODEL_ERROR, 1.0 + _MAX_MODEL_ERROR)
        self._rest = offset - (1.0 - self._gain) * drop
        self._known_drop, self._learned = drop, True
        return self._judged([here.pf])

    def linear_state(self, x: FloatArray, trial: Trial) -> LinearState:
        """The linear model, shifted so that at ``x`` it says what the AC solution says."""
        n, m = self._feeder.n_bus, self._solver.m
        model = self._solver.model
        load = self._solver.load_w(x).reshape(n, m) / (S_BASE_VA * (3.0 if m == 1 else 1.0))
        u, flow, unused = np.empty((n, m)), load.copy(), np.zeros((n, m))
        forward(model.parent, model.r, np.zeros_like(model.x), model.gain, 0.0, flow, unused, u)
        inf = np.full((n, m + 1), np.inf)
        if trial.pf is None:
            raise DispatchError("no AC state to linearise about")
        bias, span = trial.u_low - u, np.where(self._mask, trial.u_high - trial.u_low, 0.0)
        if not self._thermal:
            return LinearState(bias, np.zeros((n, m + 1)), inf, inf, span)
        # |S| <= limit as |P| <= sqrt(limit^2 - Q^2), with Q of the AC state
        v, i = trial.pf.v_pu.reshape(n, m), trial.pf.i_pu.reshape(n, m)
        ends = v * np.conj(i)
        through = trial.pf.flow_va(self._feeder).reshape(n, m).sum(axis=1) / (
            S_BASE_VA * (3.0 if m == 1 else 1.0)
        )
        limit = inf.copy()
        apparent = np.abs(v) * self._i_max[:, None]
        limit[:, :m] = np.sqrt(np.maximum(apparent**2 - ends.imag**2, 0.0))
        limit[:, m] = np.sqrt(np.maximum(self._s_max**2 - through.imag**2, 0.0))
        limit = np.where(np.isfinite(limit), limit * (1.0 - self._limits.margin_pu), np.inf)
        free = np.empty((n, m + 1))
        free[:, :m] = ends.real - flow
        free[:, m] = through.real - flow.sum(axis=1)
        free[~np.isfinite(free)] = 0.0
        return LinearState(bias, free, limit, limit, span)

    def _loading(self, pf: PowerFlow) -> tuple[FloatArray, FloatArray]:
        """Branch currents (n, m) and total apparent powers (n,) per unit; the source's own entry left at 0."""
        n = self._feeder.n_bus
        current = np.abs(pf.i_pu.reshape(n, -1))
        current[0] = 0.0
        scale = S_BASE_VA * (3.0 if pf.v_pu.ndim == 1 else 1.0)
        power = np.abs(np.nansum(pf.flow_va(self._feeder).reshape(n, -1), axis=1)) / scale
        power[0] = 0.0
        return current, power


@njit(cache=True, nogil=True)
def spread_offsets(parent: IntArray, seen: FloatArray) -> FloatArray:
    """Offsets (n, m) everywhere from those seen at the meters (NaN elsewhere).

    A bus without a meter takes the mean of what lies below it, else what its parent has; 0 where nothing is known.
    """
    n, m = seen.shape
    out, weight = np.zeros((n, m)), np.zeros((n, m))
    for i in range(n - 1, -1, -1):
        for f in range(m):
            if not np.isnan(seen[i, f]):
                out[i, f], weight[i, f] = seen[i, f], 1.0
            elif weight[i, f] > 0.0:
                out[i, f] /= weight[i, f]
            if i > 0 and weight[i, f] > 0.0 and np.isnan(seen[parent[i], f]):
                out[parent[i], f] += out[i, f]
                weight[parent[i], f] += 1.0
    for i in range(1, n):
        for f in range(m):
            if weight[i, f] == 0.0:
                out[i, f] = out[parent[i], f]
    return out
