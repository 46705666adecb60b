"""State of a feeder from few and noisy meters: weighted least squares over the loads, bad data rejected.

The unknowns are the active and reactive loads x of every bus and phase, each with a forecast x0 and a standard
deviation S0 (the pseudo-measurements without which a distribution feeder is unobservable). The estimate minimises

    |x - x0|^2_{S0^-2} + |z - h(x)|^2_{R^-1},   h the AC power flow,

by Gauss-Newton in measurement space, so that a step costs one power flow, one adjoint solve per voltage meter and a
K x K system for K meters. The largest normalised residual beyond the threshold is dropped and the rest solved again.

Reference: Abur and Exposito, Power System State Estimation, 2004, chapters 2 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from csms.grid import power_flow
from csms.grid.lindistflow import linear_model
from csms.grid.network import S_BASE_VA, ComplexArray, Feeder, FloatArray
from csms.grid.power_flow import PowerFlow
from csms.grid.sensitivity import voltage_gradient

_MAX_STEPS = 30
_TOLERANCE_SIGMA = 1.0e-6
_MIN_SIGMA_W = 1.0e-3


class Quantity(Enum):
    """What a meter measures."""

    V_PU = "v_pu"  # voltage magnitude at a bus
    LOAD_W = "load_w"  # active load of a bus
    LOAD_VAR = "load_var"
    FLOW_W = "flow_w"  # active power entering a branch at its source side; bus names the branch's far end
    FLOW_VAR = "flow_var"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One meter value; ``phase`` 0 for a balanced feeder. ``sigma`` in the unit of ``value``."""

    quantity: Quantity
    bus: int
    phase: int
    value: float
    sigma: float


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """The most likely state, and how sure it is."""

    flow: PowerFlow
    p_w: FloatArray  # (n,) totals or (n, 3)
    q_var: FloatArray
    v_sigma_pu: FloatArray  # standard deviation of each voltage magnitude
    residual_sigma: FloatArray  # (K,) normalised residuals, NaN for rejected meters
    rejected: tuple[int, ...]  # indices into the measurements, worst first
    chi_square: float  # of meters and forecasts at the estimate
    steps: int


class EstimationError(ArithmeticError):
    """No estimate: bad input, or Gauss-Newton did not settle."""


def estimate(
    feeder: Feeder,
    p0_w: FloatArray,
    q0_var: FloatArray,
    p_sigma_w: FloatArray,
    q_sigma_var: FloatArray,
    measurements: list[Measurement],
    *,
    threshold_sigma: float = 4.0,
    max_rejected: int = 5,
) -> Estimate:
    """Estimates loads and voltages; shapes (n,) three-phase totals or (n, 3), all four alike.

    Raises :class:`EstimationError`, ``ValueError`` for input that is not finite, not positive or out of range.
    """
    problem = _Problem(feeder, p0_w, q0_var, p_sigma_w, q_sigma_var)
    for k, meter in enumerate(measurements):
        problem.check(k, meter)
    rejected: list[int] = []
    while True:
        kept = [k for k in range(len(measurements)) if k not in rejected]
        fit = _fit(problem, [measurements[k] for k in kept])
        worst = int(np.argmax(fit.normalised)) if kept else -1
        if not kept or fit.normalised[worst] <= threshold_sigma or len(rejected) >= max_rejected:
            break
        rejected.append(kept[worst])
    residual = np.full(len(measurements), np.nan)
    residual[kept] = fit.normalised
    p, q = problem.loads(fit.x)
    return Estimate(
        fit.flow, p, q, fit.v_sigma, residual, tuple(rejected), fit.chi_square, fit.steps,
    )  # fmt: skip


class _Problem:
    """The forecast, and the meters as functions of the loads. Loads are (2, n, m) in W and var."""

    def __init__(
        self,
        feeder: Feeder,
        p0: FloatArray,
        q0: FloatArray,
        p_sigma: FloatArray,
        q_sigma: FloatArray,
    ):
        self.feeder, self.shape = feeder, np.shape(p0)
        self.m = 1 if len(self.shape) == 1 else 3
        self.mask = np.ones((feeder.n_bus, 1), bool) if self.m == 1 else feeder.phase_mask
        for name, part in (
            ("p0_w", p0),
            ("q0_var", q0),
            ("p_sigma_w", p_sigma),
            ("q_sigma_var", q_sigma),
        ):
            if np.shape(part) != self.shape or not np.isfinite(part).all():
                raise ValueError(
                    f"{name} must be finite with shape {self.shape}, got {np.shape(part)}"
                )
        if np.min(p_sigma) < 0 or np.min(q_sigma) < 0:
            raise ValueError("standard deviations must not be negative")
        self.x0 = np.stack([p0, q0]).reshape(2, feeder.n_bus, self.m).astype(float)
        spread = np.stack([p_sigma, q_sigma]).reshape(self.x0.shape)
        self.variance = np.where(self.mask, np.maximum(spread, _MIN_SIGMA_W) ** 2, 0.0)

    def check(self, k: int, meter: Measurement) -> None:
        if not (0 <= meter.bus < self.feeder.n_bus and 0 <= meter.phase < self.m):
            raise ValueError(f"measurement {k}: no bus {meter.bus} phase {meter.phase}")
        if not self.mask[meter.bus, meter.phase]:
            raise ValueError(
                f"measurement {k}: bus {self.feeder.bus_names[meter.bus]!r} has no such phase"
            )
        if not (np.isfinite(meter.value) and np.isfinite(meter.sigma) and meter.sigma > 0):
            raise ValueError(f"measurement {k}: value must be finite and sigma positive")

    def loads(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        return x[0].reshape(self.shape), x[1].reshape(self.shape)

    def solve(self, x: FloatArray) -> PowerFlow:
        return power_flow.solve(self.feeder, *self.loads(x))

    def predict(
        self, meter: Measurement, x: FloatArray, flow: PowerFlow, power: ComplexArray
    ) -> float:
        i, f = meter.bus, meter.phase
        if meter.quantity is Quantity.V_PU:
            return float(abs(flow.v_pu.reshape(-1, self.m)[i, f]))
        if meter.quantity in (Quantity.LOAD_W, Quantity.LOAD_VAR):
            return float(x[int(meter.quantity is Quantity.LOAD_VAR), i, f])
        value = power.reshape(-1, self.m)[i, f]
        return float(value.real if meter.quantity is Quantity.FLOW_W else value.imag)

    def row(self, meter: Measurement, flow: PowerFlow) -> FloatArray:
        """Derivative of the prediction to the loads, (2, n, m); branch losses left out for flows."""
        row = np.zeros(self.x0.shape)
        i, f = meter.bus, meter.phase
        if meter.quantity is Quantity.V_PU:
            part = voltage_gradient(self.feeder, flow, i, f)
            row[0], row[1] = (np.nan_to_num(g).reshape(-1, self.m) for g in (part.dp, part.dq))
        elif meter.quantity in (Quantity.LOAD_W, Quantity.LOAD_VAR):
            row[int(meter.quantity is Quantity.LOAD_VAR), i, f] = 1.0
        else:
            below = np.zeros(self.feeder.n_bus)
            below[i] = 1.0
            for k in range(i + 1, self.feeder.n_bus):
                below[k] = below[self.feeder.parent[k]]
            row[int(meter.quantity is Quantity.FLOW_VAR), :, f] = below
        return row


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    x: FloatArray
    flow: PowerFlow
    v_sigma: FloatArray
    normalised: FloatArray
    chi_square: float
    steps: int


def _fit(problem: _Problem, meters: list[Measurement]) -> _Fit:
    x = problem.x0.copy()
    flow = problem.solve(x)
    sigma = np.array([meter.sigma for meter in meters])
    z = np.array([meter.value for meter in meters])
    rows = np.zeros((0, *x.shape))
    weighted, spread = rows, np.zeros((0, 0))
    for step in range(_MAX_STEPS if meters else 1):  # noqa: B007 - read after the loop
        if not meters:
            break
        rows = np.stack([problem.row(meter, flow) for meter in meters])
        weighted = rows * problem.variance
        spread = np.einsum("kabc,labc->kl", weighted, rows) + np.diag(sigma**2)
        power = flow.flow_va(problem.feeder)
        predicted = np.array([problem.predict(meter, x, flow, power) for meter in meters])
        innovation = z - predicted + np.einsum("kabc,abc->k", rows, x - problem.x0)
        new = problem.x0 + np.einsum("kabc,k->abc", weighted, np.linalg.solve(spread, innovation))
        moved = float(
            np.max(np.abs(new - x) / np.sqrt(np.where(problem.variance > 0, problem.variance, 1.0)))
        )
        x = new
        flow = problem.solve(x)
        if moved <= _TOLERANCE_SIGMA:
            break
    else:
        raise EstimationError(
            f"Gauss-Newton still moves by {moved:.3g} sigma after {_MAX_STEPS} steps"
        )
    power = flow.flow_va(problem.feeder)
    residual = z - np.array([problem.predict(meter, x, flow, power) for meter in meters])
    # residual covariance R (R + H S0 H')^-1 R
    inverse: FloatArray = np.asarray(np.linalg.inv(spread) if meters else spread, np.float64)
    scale = sigma**2 * np.sqrt(np.maximum(np.diag(inverse), 0.0)) if meters else sigma
    with np.errstate(divide="ignore", invalid="ignore"):
        normalised = np.abs(np.where(scale > 0, residual / scale, 0.0))
        deviation = np.where(problem.variance > 0, (x - problem.x0) ** 2 / problem.variance, 0.0)
    chi_square = float(deviation.sum() + np.sum((residual / sigma) ** 2))
    return _Fit(
        x, flow, _voltage_sigma(problem, flow, weighted, inverse), normalised, chi_square, step + 1
    )


def _voltage_sigma(
    problem: _Problem, flow: PowerFlow, weighted: FloatArray, inverse: FloatArray
) -> FloatArray:
    """Standard deviation of each voltage magnitude, by LinDistFlow: prior variance less what the meters tell.

    Buses k and i share the path to their last common bus j, so that sum_k H_ik^2 s_k^2 telescopes along the path of
    i: every bus j on it adds (H_j^2 - H_parent(j)^2) times the variance below j.
    """
    feeder, m = problem.feeder, problem.m
    model = linear_model(feeder, balanced=m == 1)
    per_watt = 1.0 / (S_BASE_VA * (3.0 if m == 1 else 1.0))
    n, parent = feeder.n_bus, feeder.parent
    below, moved = problem.variance.copy(), weighted.copy()
    for i in range(n - 1, 0, -1):
        below[:, parent[i]] += below[:, i]
        moved[:, :, parent[i]] += moved[:, :, i]
    reach = np.zeros((2, n, m, m))  # H of a load at bus j on the voltage at bus j
    prior = np.zeros((n, m))
    cross = np.zeros((len(weighted), n, m))
    for i in range(1, n):
        k = parent[i]
        gain = model.gain[i]
        own = 2.0 * per_watt * np.stack([model.r[i], model.x[i]])
        reach[:, i] = gain[None, :, None] * reach[:, k] + own
        added = reach[:, i] ** 2 - (gain[None, :, None] * reach[:, k]) ** 2
        prior[i] = gain**2 * prior[k] + np.einsum("afg,ag->f", added, below[:, i])
        cross[:, i] = gain * cross[:, k] + np.einsum("afg,kag->kf", own, moved[:, :, i])
    told = np.einsum("kif,kl,lif->if", cross, inverse, cross)
    sigma_u = np.sqrt(np.maximum(prior - told, 0.0))
    v = np.where(problem.mask, np.abs(flow.v_pu.reshape(n, m)), np.nan)
    return (sigma_u / (2.0 * v)).reshape(problem.shape)
