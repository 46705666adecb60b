"""How much power a fleet will have: distributions to bid against, and learning them from history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from csms.market.errors import EmptyHistoryError, PlanError

Float = NDArray[np.float64]


class Availability(Protocol):
    """Available power A in MW (or a number of vehicles)."""

    def mean(self) -> float:
        """E A."""
        ...

    def quantile(self, u: float) -> float:
        """Smallest q with P(A <= q) >= u."""
        ...

    def expected_shortfall(self, q: float) -> float:
        """E max(q - A, 0)."""
        ...

    def probability_at_least(self, q: float) -> float:
        """P(A >= q)."""
        ...


@dataclass(frozen=True, slots=True)
class Normal:
    """Normal with mean `mu` and standard deviation `sigma`."""

    mu: float
    sigma: float

    def mean(self) -> float:
        return self.mu

    def quantile(self, u: float) -> float:
        return float(stats.norm.ppf(u, self.mu, self.sigma))

    def expected_shortfall(self, q: float) -> float:
        z = (q - self.mu) / self.sigma
        return float(self.sigma * (z * stats.norm.cdf(z) + stats.norm.pdf(z)))

    def probability_at_least(self, q: float) -> float:
        return float(stats.norm.sf(q, self.mu, self.sigma))


@dataclass(frozen=True, slots=True)
class ScaledBeta:
    """`scale` times Beta(`alpha`, `beta`)."""

    alpha: float
    beta: float
    scale: float

    def mean(self) -> float:
        return self.scale * self.alpha / (self.alpha + self.beta)

    def quantile(self, u: float) -> float:
        return float(self.scale * stats.beta.ppf(u, self.alpha, self.beta))

    def expected_shortfall(self, q: float) -> float:
        x = min(max(q / self.scale, 0.0), 1.0)
        below = self.mean() * special.betainc(self.alpha + 1.0, self.beta, x)
        return float(q * special.betainc(self.alpha, self.beta, x) - below)

    def probability_at_least(self, q: float) -> float:
        return float(stats.beta.sf(q / self.scale, self.alpha, self.beta))


@dataclass(frozen=True, slots=True)
class Discrete:
    """Values in ascending order with their probabilities: samples, or numbers of vehicles."""

    values: Float  # (n,)
    probability: Float  # (n,), sums to 1

    def mean(self) -> float:
        return float(self.values @ self.probability)

    def quantile(self, u: float) -> float:
        at = int(np.searchsorted(np.cumsum(self.probability), u * (1.0 - 1e-12)))
        return float(self.values[min(at, len(self.values) - 1)])

    def expected_shortfall(self, q: float) -> float:
        return float(np.maximum(q - self.values, 0.0) @ self.probability)

    def probability_at_least(self, q: float) -> float:
        return float(self.probability[self.values >= q].sum())


def empirical(samples: Float) -> Discrete:
    """Each sample equally likely. Raises EmptyHistoryError without samples."""
    samples = np.asarray(samples, dtype=np.float64).ravel()
    if not len(samples):
        raise EmptyHistoryError(
            "no day of availability to learn from: a bid of zero is the fallback"
        )
    if not np.isfinite(samples).all():
        raise PlanError(f"sample {int(np.argmax(~np.isfinite(samples)))} is not finite")
    return Discrete(np.sort(samples), np.full(len(samples), 1.0 / len(samples)))


def binomial(n: int, p: float, *, unit: float = 1.0) -> Discrete:
    """Number of `n` independent vehicles plugged in with probability `p`, times `unit`."""
    k = np.arange(n + 1, dtype=np.float64)
    return Discrete(np.asarray(unit * k), stats.binom.pmf(k, n, p))


def beta_binomial(n: int, p: float, rho: float, *, unit: float = 1.0) -> Discrete:
    """As `binomial`, with correlation `rho` (0 <= rho < 1) between any two vehicles."""
    if not (0.0 < p < 1.0 and 0.0 <= rho < 1.0 and n >= 1):
        raise PlanError(f"need n >= 1, 0 < p < 1, 0 <= rho < 1, not {n}, {p}, {rho}")
    if rho == 0.0:
        return binomial(n, p, unit=unit)
    k, total = np.arange(n + 1, dtype=np.float64), (1.0 - rho) / rho
    return Discrete(np.asarray(unit * k), stats.betabinom.pmf(k, n, p * total, (1.0 - p) * total))


@dataclass(frozen=True, slots=True)
class PlugInModel:
    """What a fleet's history says: plug-in probability and correlation between vehicles."""

    n_vehicles: int
    probability: float
    correlation: float
    n_days: int


def learn_plug_in(counts: NDArray[np.int64], n_vehicles: int) -> PlugInModel:
    """Moments of the number plugged in at the same hour of past days, counts (n_days,).

    Variance n p (1 - p) (1 + (n - 1) rho) gives rho. Raises EmptyHistoryError for fewer than 2 days.
    """
    counts = np.asarray(counts)
    if len(counts) < 2:
        raise EmptyHistoryError(
            f"{len(counts)} days of plug-in history, at least 2 are needed: a bid of zero is the fallback"
        )
    if (counts < 0).any() or (counts > n_vehicles).any():
        raise PlanError(f"a count lies outside 0..{n_vehicles}")
    least = 0.5 / (n_vehicles * len(counts))  # half a vehicle on one day: never certain
    p = float(np.clip(counts.mean() / n_vehicles, least, 1.0 - least))
    independent = n_vehicles * p * (1.0 - p)
    rho = 0.0
    if n_vehicles > 1:
        rho = (float(counts.var(ddof=1)) / independent - 1.0) / (n_vehicles - 1)
    return PlugInModel(n_vehicles, p, float(np.clip(rho, 0.0, 0.99)), len(counts))
