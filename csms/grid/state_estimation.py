"""State of a feeder from few and noisy meters: weighted least squares over the loads, bad data rejected.

The unknowns are the active and reactive loads x of every bus and phase, each with a forecast x0 and a standard
deviation S0 (the pseudo-measurements without which a distribution feeder is unobservable), and the source's voltage.
The estimate minimises

    |x - x0|^2_{S0^-2} + |z - h(x)|^2_{R^-1},   h the AC power flow,

by Gauss-Newton. Each step linearises by LinDistFlow about the AC solution and is solved exactly by a filter on the tree
(:mod:`csms.grid._tree_filter`), so that the cost goes with the number of buses whatever the number of meters. The
largest normalised residual beyond the threshold is dropped and the rest solved again.

Reference: Abur and Exposito, Power System State Estimation, 2004, chapters 2 and 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from csms.grid import power_flow
from csms.grid._tree_filter import ONE_PHASE, THREE_PHASES, run
from csms.grid.lindistflow import linear_model
from csms.grid.network import S_BASE_VA, Feeder, FloatArray
from csms.grid.power_flow import PowerFlow

_MAX_STEPS = 30
_TOLERANCE_SIGMA = 1.0e-6
_MIN_SIGMA_W = 1.0e-3
_CRITICAL = 1.0e-6
"""Of a meter's variance: a residual that varies less tells nothing, the state follows this meter alone."""


class Quantity(Enum):
    """What a meter measures."""

    V_PU = "v_pu"  # voltage magnitude at a bus
    LOAD_W = "load_w"  # active load of a bus
    LOAD_VAR = "load_var"
    FLOW_W = "flow_w"  # active power entering a branch at its source side; bus names the branch's far end
    FLOW_VAR = "flow_var"


KINDS = tuple(Quantity)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One meter value; ``phase`` 0 for a balanced feeder. ``sigma`` in the unit of ``value``."""

    quantity: Quantity
    bus: int
    phase: int
    value: float
    sigma: float


@dataclass(frozen=True, slots=True, eq=False)
class Measurements:
    """Many meter values as arrays (K,); ``kind`` is the place of the quantity in :class:`Quantity`."""

    kind: NDArray[np.int64]
    bus: NDArray[np.int64]
    phase: NDArray[np.int64]
    value: FloatArray
    sigma: FloatArray

    def __len__(self) -> int:
        return len(self.kind)

    @staticmethod
    def of(measurements: Sequence[Measurement]) -> Measurements:
        return Measurements(
            np.array([KINDS.index(one.quantity) for one in measurements], np.int64),
            np.array([one.bus for one in measurements], np.int64),
            np.array([one.phase for one in measurements], np.int64),
            np.array([one.value for one in measurements], float),
            np.array([one.sigma for one in measurements], float),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """The most likely state, and how sure it is."""

    flow: PowerFlow
    p_w: FloatArray  # (n,) totals or (n, 3)
    q_var: FloatArray
    v_sigma_pu: FloatArray  # standard deviation of each voltage magnitude
    source_v_pu: float
    residual_sigma: FloatArray  # (K,) normalised residuals, NaN for rejected meters
    rejected: tuple[int, ...]  # indices into the measurements, worst first
    chi_square: float  # of meters and forecasts at the estimate
    steps: int


class EstimationError(ArithmeticError):
    """No estimate: Gauss-Newton did not settle."""


def estimate(
    feeder: Feeder,
    p0_w: FloatArray,
    q0_var: FloatArray,
    p_sigma_w: FloatArray,
    q_sigma_var: FloatArray,
    measurements: Sequence[Measurement] | Measurements,
    *,
    source_sigma_pu: float = 0.0,
    threshold_sigma: float = 4.0,
    max_rejected: int = 5,
    tolerance_sigma: float = _TOLERANCE_SIGMA,
) -> Estimate:
    """Estimates loads and voltages; shapes (n,) three-phase totals or (n, 3), all four alike.

    ``tolerance_sigma``: Gauss-Newton ends when no load moves by more of its standard deviation. Raises
    :class:`EstimationError`, ``PowerFlowDivergedError``, ``ValueError`` for input that is not finite, not positive or
    out of range.
    """
    problem = _Problem(feeder, p0_w, q0_var, p_sigma_w, q_sigma_var, source_sigma_pu)
    if not isinstance(measurements, Measurements):
        measurements = Measurements.of(measurements)
    meters = _Meters.checked(problem, measurements)
    kept = np.ones(len(measurements), bool)
    rejected: list[int] = []
    while True:
        fit = _fit(problem, meters, kept, tolerance_sigma)
        worst = int(np.nanargmax(fit.normalised)) if kept.any() else -1
        if worst < 0 or fit.normalised[worst] <= threshold_sigma or len(rejected) >= max_rejected:
            break
        rejected.append(worst)
        kept[worst] = False
    p, q = fit.x[:, : problem.m] * problem.watt, fit.x[:, problem.m :] * problem.watt
    return Estimate(
        fit.flow, p.reshape(problem.shape), q.reshape(problem.shape),
        fit.v_sigma.reshape(problem.shape), fit.source_v, fit.normalised, tuple(rejected),
        fit.chi_square, fit.steps,
    )  # fmt: skip


def warm_up(*, balanced: bool) -> None:
    """Compile the kernel now rather than at the first estimate."""
    dims = ONE_PHASE if balanced else THREE_PHASES
    m = len(dims)
    z, v, s = np.zeros((2, m, m)), np.zeros((2, m)), np.zeros((2, 2 * m))
    run(dims, np.array([-1, 0], np.int32), z, z, v + 1.0, s, s, v, v, s, s, 0.0, 0.0)


class _Problem:
    """The forecast, per unit: loads are (n, 2 m), P then Q."""

    def __init__(
        self, feeder: Feeder, p0: FloatArray, q0: FloatArray, p_sigma: FloatArray, q_sigma: FloatArray,
        source_sigma: float,
    ) -> None:  # fmt: skip
        self.feeder, self.shape = feeder, np.shape(p0)
        self.m = 1 if len(self.shape) == 1 else 3
        self.mask = np.ones((feeder.n_bus, 1), bool) if self.m == 1 else feeder.phase_mask
        named = {"p0_w": p0, "q0_var": q0, "p_sigma_w": p_sigma, "q_sigma_var": q_sigma}
        for name, part in named.items():
            if np.shape(part) != self.shape or not np.isfinite(part).all():
                raise ValueError(
                    f"{name} must be finite with shape {self.shape}, got {np.shape(part)}"
                )
        if np.min(p_sigma) < 0 or np.min(q_sigma) < 0 or not 0.0 <= source_sigma < 1.0:
            raise ValueError("standard deviations must not be negative")
        self.watt = S_BASE_VA * (3.0 if self.m == 1 else 1.0)
        self.x0 = self._stacked(p0, q0) / self.watt
        spread = np.maximum(self._stacked(p_sigma, q_sigma), _MIN_SIGMA_W) / self.watt
        self.variance = np.where(np.tile(self.mask, (1, 2)), spread**2, 0.0)
        self.source_sigma = source_sigma

    def _stacked(self, p: FloatArray, q: FloatArray) -> FloatArray:
        shape = (self.feeder.n_bus, self.m)
        return np.concatenate([np.reshape(p, shape), np.reshape(q, shape)], axis=1).astype(float)

    def solve(self, x: FloatArray, source_v: float) -> PowerFlow:
        p, q = x[:, : self.m] * self.watt, x[:, self.m :] * self.watt
        return power_flow.solve(
            self.feeder, p.reshape(self.shape), q.reshape(self.shape), source_v_pu=source_v
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Meters:
    """The measurements as arrays (K,), powers per unit. ``column`` indexes (n, 2 m), or (n, m) for voltages."""

    is_v: NDArray[np.bool_]
    is_load: NDArray[np.bool_]
    is_flow: NDArray[np.bool_]
    bus: NDArray[np.int64]
    column: NDArray[np.int64]
    value: FloatArray
    sigma: FloatArray

    @staticmethod
    def checked(problem: _Problem, told: Measurements) -> _Meters:
        """Raises ``ValueError`` that names the first measurement that cannot be."""
        kind, bus, phase, value, sigma = told.kind, told.bus, told.phase, told.value, told.sigma
        inside = (bus >= 0) & (bus < problem.feeder.n_bus) & (phase >= 0) & (phase < problem.m)
        for k in np.flatnonzero(~inside):
            raise ValueError(f"measurement {k}: no bus {bus[k]} phase {phase[k]}")
        for k in np.flatnonzero(~problem.mask[bus, phase]):
            raise ValueError(
                f"measurement {k}: bus {problem.feeder.bus_names[bus[k]]!r} has no such phase"
            )
        for k in np.flatnonzero(~(np.isfinite(value) & np.isfinite(sigma) & (sigma > 0))):
            raise ValueError(f"measurement {k}: value must be finite and sigma positive")
        is_v = kind == KINDS.index(Quantity.V_PU)
        per_unit = np.where(is_v, 1.0, problem.watt)
        reactive = np.isin(kind, [KINDS.index(q) for q in (Quantity.LOAD_VAR, Quantity.FLOW_VAR)])
        is_load = np.isin(kind, [KINDS.index(q) for q in (Quantity.LOAD_W, Quantity.LOAD_VAR)])
        return _Meters(
            is_v, is_load, ~is_v & ~is_load, bus, phase + problem.m * reactive,
            value / per_unit, sigma / per_unit,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    x: FloatArray
    source_v: float
    flow: PowerFlow
    v_sigma: FloatArray
    normalised: FloatArray
    chi_square: float
    steps: int


def _fit(
    problem: _Problem, meters: _Meters, kept: NDArray[np.bool_], tolerance_sigma: float
) -> _Fit:
    feeder, m = problem.feeder, problem.m
    model, dims = linear_model(feeder, balanced=m == 1), ONE_PHASE if m == 1 else THREE_PHASES
    x, source_v = problem.x0.copy(), feeder.source_v_pu
    told_x, told_w = _gathered(problem, meters, kept & meters.is_load)
    spread = np.sqrt(np.where(problem.variance > 0, problem.variance, 1.0))
    flow = problem.solve(x, source_v)
    moved = np.inf
    for step in range(_MAX_STEPS):  # noqa: B007 - read after the loop
        prior, prior_var = _with_meters(problem, x, told_x, told_w)
        v, power = _state(problem, flow)
        of = np.flatnonzero(kept & meters.is_v)
        at = (meters.bus[of], meters.column[of])
        weight = 1.0 / (2.0 * v[at] * meters.sigma[of]) ** 2
        u_j = _summed(v.shape, at, weight)
        u_h = _summed(v.shape, at, weight * 2.0 * v[at] * (meters.value[of] - v[at]))
        of = np.flatnonzero(kept & meters.is_flow)
        at = (meters.bus[of], meters.column[of])
        weight = 1.0 / meters.sigma[of] ** 2
        flow_j = _summed(power.shape, at, weight)
        flow_h = _summed(power.shape, at, weight * (meters.value[of] - power[at]))
        # the source's own change so far counts against its forecast
        source_var = (2.0 * source_v * problem.source_sigma) ** 2
        lag = feeder.source_v_pu**2 - source_v**2
        source, change, load_var, u_var, flow_var = run(
            dims, model.parent, model.r, model.x, model.gain, prior, prior_var, u_h, u_j, flow_h, flow_j,
            lag, source_var,
        )  # fmt: skip
        x = x + change
        new_v = float(np.sqrt(source_v**2 + source))
        moved = float(np.max(np.abs(change) / spread))
        if problem.source_sigma > 0.0:
            moved = max(moved, abs(new_v - source_v) / problem.source_sigma)
        source_v = new_v
        flow = problem.solve(x, source_v)
        if moved <= tolerance_sigma:
            break
    else:
        raise EstimationError(
            f"Gauss-Newton still moves by {moved:.3g} sigma after {_MAX_STEPS} steps"
        )
    v, power = _state(problem, flow)
    v_sigma = np.sqrt(np.maximum(u_var, 0.0)) / (2.0 * v)
    residual, known = np.empty(len(meters.bus)), np.empty(len(meters.bus))
    for which, predicted, variance in (
        (meters.is_v, v, v_sigma**2),
        (meters.is_load, x, load_var),
        (meters.is_flow, power, flow_var),
    ):
        at = (meters.bus[which], meters.column[which])
        residual[which] = meters.value[which] - predicted[at]
        known[which] = variance[at]
    own = meters.sigma**2
    left = np.where(own - known > _CRITICAL * own, own - known, np.inf)
    normalised = np.where(kept, np.abs(residual) / np.sqrt(left), np.nan)
    off = (x - problem.x0) / spread
    chi_square = float(np.sum(off**2) + np.sum((residual[kept] / meters.sigma[kept]) ** 2))
    v_sigma = np.where(problem.mask, v_sigma, np.nan)
    return _Fit(x, source_v, flow, v_sigma, normalised, chi_square, step + 1)


def _gathered(
    problem: _Problem, meters: _Meters, which: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Load meters summed up: value / variance and 1 / variance, (n, 2 m)."""
    at, shape = (meters.bus[which], meters.column[which]), problem.x0.shape
    weight = 1.0 / meters.sigma[which] ** 2
    return _summed(shape, at, weight * meters.value[which]), _summed(shape, at, weight)


def _summed(
    shape: tuple[int, ...], at: tuple[NDArray[np.int64], NDArray[np.int64]], values: FloatArray
) -> FloatArray:
    """Values (K,) added up where they belong in a table of ``shape`` (n, c)."""
    n, columns = shape
    total: FloatArray = np.bincount(at[0] * columns + at[1], values, n * columns).astype(float)
    return total.reshape(shape)


def _with_meters(
    problem: _Problem, x: FloatArray, told_x: FloatArray, told_w: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Forecast and load meters together, as a change from ``x``, and its variance."""
    variance = problem.variance / (1.0 + problem.variance * told_w)
    mean = problem.x0 + variance * (told_x - told_w * problem.x0)
    return mean - x, variance


def _state(problem: _Problem, flow: PowerFlow) -> tuple[FloatArray, FloatArray]:
    """Magnitudes (n, m), 1 where a phase is absent, and branch powers (n, 2 m), per unit."""
    shape = (problem.feeder.n_bus, problem.m)
    v = np.where(problem.mask, np.abs(flow.v_pu.reshape(shape)), 1.0)
    s = flow.flow_va(problem.feeder).reshape(shape) / problem.watt
    s = np.where(problem.mask & np.isfinite(s), s, 0.0)
    return v, np.concatenate([s.real, s.imag], axis=1)
