"""Schedules that stay cheap, and constraints that stay kept, for every error in an ellipsoid.

max over ||z|| <= kappa of (price + Q z)' y is price' y + kappa ||Q' y||: a second-order cone program.
Ben-Tal and Nemirovski 1999, doi:10.1016/S0167-6377(99)00016-4. Solved by Clarabel.
"""

from __future__ import annotations

from dataclasses import dataclass

import clarabel
import numpy as np
from numpy.typing import NDArray
from scipy import sparse, stats

from csms.market.errors import PlanError, SolverError

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class UncertainRow:
    """A constraint (mean + L z)' y <= bound for all ||z|| <= kappa: uncertain coefficients."""

    mean: Float  # (n,)
    factor: Float  # (n, r)
    bound: float
    kappa: float


@dataclass(frozen=True, slots=True)
class RobustPlan:
    """A schedule, its worst case exhibited, and what the protection costs."""

    schedule: Float  # (n,) energy per interval
    cost: float  # worst-case cost
    nominal_cost: float  # of this schedule at the mean price
    worst_price: Float  # (n,) the price at which `cost` is attained
    price_of_robustness: float  # nominal cost of this schedule less the least nominal cost
    iterations: int


def kappa_for(probability_short: float, rule: str = "gaussian") -> float:
    """Radius for one linear constraint to fail with at most `probability_short`.

    "gaussian": exact for normal errors; "cantelli": for any distribution of that covariance.
    """
    if not 0.0 < probability_short < 1.0:
        raise PlanError(f"a probability lies in 0..1, not {probability_short}")
    if rule == "gaussian":
        return float(stats.norm.isf(probability_short))
    if rule == "cantelli":
        return float(np.sqrt((1.0 - probability_short) / probability_short))
    raise PlanError(f"no rule {rule!r}; there are gaussian and cantelli")


def robust_schedule(
    price: Float,
    factor: Float,
    *,
    kappa: float,
    energy: float,
    lower: Float,
    upper: Float,
    rows: tuple[UncertainRow, ...] = (),
) -> RobustPlan:
    """Least worst-case cost of `energy` over n intervals.

    price (n,), factor Q (n, r), lower and upper (n,). Raises PlanError when the bounds cannot hold the
    energy, SolverError otherwise.
    """
    n = len(price)
    if factor.ndim != 2 or len(factor) != n or lower.shape != (n,) or upper.shape != (n,):
        raise PlanError(f"price {price.shape}, factor {factor.shape}, bounds {lower.shape}")
    if not all(np.isfinite(x).all() for x in (price, factor, lower, upper)):
        raise PlanError("price, factor or a bound is not finite")
    if kappa < 0.0:
        raise PlanError(f"kappa must not be negative, is {kappa}")
    slack = 1e-9 * max(1.0, abs(energy))
    if not (lower <= upper).all() or not lower.sum() - slack <= energy <= upper.sum() + slack:
        raise PlanError(f"the bounds hold {lower.sum():g} to {upper.sum():g}, asked for {energy:g}")
    y, iterations = _solve(price, factor, kappa, energy, lower, upper, rows)
    nominal, _ = (y, 0) if kappa == 0.0 else _solve(price, factor, 0.0, energy, lower, upper, rows)
    exposure = factor.T @ y
    size = float(np.linalg.norm(exposure))
    worst = price + (kappa * factor @ exposure / size if size > 0.0 else 0.0)
    return RobustPlan(
        schedule=y,
        cost=float(worst @ y),
        nominal_cost=float(price @ y),
        worst_price=worst,
        price_of_robustness=float(price @ y - price @ nominal),
        iterations=iterations,
    )


def _solve(
    price: Float,
    factor: Float,
    kappa: float,
    energy: float,
    lower: Float,
    upper: Float,
    rows: tuple[UncertainRow, ...],
) -> tuple[Float, int]:
    """Variables (y, t): minimise price' y + kappa t with ||Q' y|| <= t."""
    n, r = factor.shape
    eye, zero = sparse.identity(n), sparse.csc_matrix((n, 1))
    blocks = [
        _row(np.ones((1, n)), 0.0),
        sparse.hstack([eye, zero]),
        sparse.hstack([-eye, zero]),
        _row(np.zeros((1, n)), -1.0),
        _row(-factor.T, 0.0),
    ]
    bound = [np.array([energy]), upper, -lower, np.zeros(r + 1)]
    cones = [
        clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(2 * n), clarabel.SecondOrderConeT(r + 1)
    ]  # fmt: skip
    for row in rows:
        width = row.factor.shape[1]
        blocks.append(_row(row.mean[None, :], 0.0))
        blocks.append(_row(-row.kappa * row.factor.T, 0.0))
        bound.append(np.r_[row.bound, np.zeros(width)])
        cones.append(clarabel.SecondOrderConeT(width + 1))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-9
    solver = clarabel.DefaultSolver(
        sparse.csc_matrix((n + 1, n + 1)),
        np.r_[price, kappa],
        sparse.vstack(blocks).tocsc(),
        np.concatenate(bound),
        cones,
        settings,
    )
    answer = solver.solve()
    if answer.status != clarabel.SolverStatus.Solved:
        raise SolverError("robust schedule", str(answer.status))
    return np.clip(np.array(answer.x)[:n], lower, upper), int(answer.iterations)


def _row(of_y: Float, of_t: float) -> sparse.csc_matrix:
    """Rows in y with the same coefficient of t in each."""
    return sparse.csc_matrix(np.hstack([of_y, np.full((len(of_y), 1), of_t)]))
