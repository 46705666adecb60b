"""An ellipsoid that contains the next forecast error with a stated probability, from past errors.

Shape: Ledoit-Wolf covariance (doi:10.1016/S0047-259X(03)00096-4). Size: split-conformal radius, the
(1 - alpha) order statistic of the Mahalanobis distance of errors not used for the shape; its coverage
holds for any distribution of exchangeable errors (arXiv:2507.20941).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csms.market.errors import EmptyHistoryError, PlanError, SingularCovarianceError

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """All e with ||factor^-1 (e - center)|| <= radius; covariance = factor factor'."""

    center: Float  # (d,)
    factor: Float  # (d, d) lower triangular
    radius: float

    def distance(self, errors: Float) -> Float:
        """Mahalanobis distance of errors (n, d), (n,)."""
        scaled = np.linalg.solve(self.factor, (np.atleast_2d(errors) - self.center).T)
        return np.asarray(np.linalg.norm(scaled, axis=0))


@dataclass(frozen=True, slots=True)
class EllipsoidFit:
    """A fitted ellipsoid and how it was come by."""

    ellipsoid: Ellipsoid
    shrinkage: float  # Ledoit-Wolf weight of the scaled identity
    n_shape: int
    n_radius: int
    alpha: float


def ledoit_wolf(errors: Float) -> tuple[Float, float]:
    """Shrunk covariance (d, d) of errors (n, d) about their mean, and the shrinkage in 0..1."""
    n, d = errors.shape
    x = errors - errors.mean(axis=0)
    sample = x.T @ x / n
    mu = float(np.trace(sample)) / d
    delta = float(np.sum((sample - mu * np.eye(d)) ** 2)) / d
    spread = float(np.sum((x**2).T @ x**2)) / n - float(np.sum(sample**2))
    beta = min(spread / (n * d), delta)
    shrinkage = 0.0 if delta == 0.0 else beta / delta
    return (1.0 - shrinkage) * sample + shrinkage * mu * np.eye(d), shrinkage


def fit_ellipsoid(
    errors: Float, *, alpha: float = 0.1, rng: np.random.Generator | None = None
) -> EllipsoidFit:
    """Fit on past errors (n, d): half for the shape, half for the radius.

    The halves are drawn by `rng`, or alternate when it is None. Raises EmptyHistoryError when the
    radius has too few samples for `alpha`, SingularCovarianceError when the errors do not vary.
    """
    errors = np.asarray(errors, dtype=np.float64)
    if errors.ndim != 2 or not np.isfinite(errors).all():
        raise PlanError("errors must be a finite matrix, one row per day")
    if not 0.0 < alpha < 1.0:
        raise PlanError(f"alpha must lie in 0..1, not {alpha}")
    n = len(errors)
    order = np.arange(n) if rng is None else rng.permutation(n)
    shape, rest = errors[order[::2]], errors[order[1::2]]
    rank = int(np.ceil((len(rest) + 1) * (1.0 - alpha)))
    if len(shape) < 2 or rank > len(rest):
        raise EmptyHistoryError(
            f"{n} days of errors; a coverage of {1 - alpha:g} needs at least"
            f" {2 * int(np.ceil(1.0 / alpha - 1.0))}"
        )
    covariance, shrinkage = ledoit_wolf(shape)
    largest = float(np.abs(covariance).max())
    if largest <= 0.0 or np.linalg.cond(covariance) > 1e13:
        raise SingularCovarianceError(
            f"the covariance of {len(shape)} errors in {errors.shape[1]} dimensions is singular even"
            " after shrinkage: the errors do not vary; use the nominal plan"
        )
    center = np.asarray(shape.mean(axis=0), dtype=np.float64)
    unit = Ellipsoid(center, np.asarray(np.linalg.cholesky(covariance), np.float64), 1.0)
    radius = float(np.sort(unit.distance(rest))[rank - 1])
    return EllipsoidFit(
        Ellipsoid(center, unit.factor, radius), shrinkage, len(shape), len(rest), alpha
    )


def coverage(ellipsoid: Ellipsoid, errors: Float) -> float:
    """Share of errors (n, d) inside the ellipsoid."""
    if not len(errors):
        raise EmptyHistoryError("no held-out error to judge the ellipsoid on")
    return float(np.mean(ellipsoid.distance(errors) <= ellipsoid.radius * (1 + 1e-12)))
