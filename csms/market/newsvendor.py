"""How much capacity to bid when the fleet's availability is uncertain.

Profit = (reward - cost) q - penalty * max(q - A, 0). The best bid is the quantile
F(q*) = (reward - cost) / penalty; the mean of the worst tail (CVaR at level beta) asks for
q = F^-1((1 - beta)(reward - cost) / penalty). The P90 rule admits a bid that is fully available with
90% probability: arXiv:2404.12818, arXiv:2412.02308.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from csms.market.availability import Availability, empirical
from csms.market.errors import EmptyHistoryError, PlanError

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Terms:
    """EUR per MW: what a bid earns, what it costs to hold, what a MW short costs."""

    reward: float
    cost: float
    penalty: float

    @property
    def critical_ratio(self) -> float:
        """(reward - cost) / penalty, at most 1."""
        return min((self.reward - self.cost) / self.penalty, 1.0)

    def __post_init__(self) -> None:
        if not (self.penalty > 0.0 and self.reward >= self.cost):
            raise PlanError("need penalty > 0 and reward >= cost; otherwise do not bid")


@dataclass(frozen=True, slots=True)
class Bid:
    """A bid and what to expect of it."""

    q_mw: float
    profit: float  # expected, EUR
    p90: float  # largest bid that is fully available with the reliability asked for
    availability: float  # P(A >= q)
    binding: str  # "profit", "cvar", "reliability" or "energy"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Violation measured on days that the bid never saw."""

    n_days: int
    violations: int
    rate: float
    low_95: float  # Clopper-Pearson
    high_95: float
    profit_per_day: float


def expected_profit(terms: Terms, availability: Availability, q: float) -> float:
    """EUR of a bid `q`."""
    return (terms.reward - terms.cost) * q - terms.penalty * availability.expected_shortfall(q)


def best_bid(
    terms: Terms,
    availability: Availability,
    *,
    cvar_beta: float = 0.0,
    reliability: float | None = None,
    energy_limit_mw: float = np.inf,
) -> Bid:
    """The most profitable bid, or the one of best CVaR at `cvar_beta`, within the limits given.

    `reliability`: least P(A >= q), 0.9 for the P90 rule; None leaves it free (p90 is reported anyway).
    """
    if not 0.0 <= cvar_beta < 1.0:
        raise PlanError(f"cvar_beta must lie in 0..1, not {cvar_beta}")
    p90 = availability.quantile(1.0 - (reliability or 0.9))
    q = max(availability.quantile((1.0 - cvar_beta) * terms.critical_ratio), 0.0)
    binding = "cvar" if cvar_beta else "profit"
    if reliability is not None and p90 < q:
        q, binding = max(p90, 0.0), "reliability"
    if energy_limit_mw < q:
        q, binding = max(energy_limit_mw, 0.0), "energy"
    profit = expected_profit(terms, availability, q)
    return Bid(q, profit, p90, availability.probability_at_least(q), binding)


def held_out(bid_mw: float, terms: Terms, available_mw: Float) -> HeldOut:
    """What a bid would have done on held-out days, available_mw (n_days,)."""
    n = len(available_mw)
    if not n:
        raise EmptyHistoryError("no held-out day to judge the bid on")
    short = np.maximum(bid_mw - available_mw, 0.0)
    k = int((short > 1e-12).sum())
    profit = (terms.reward - terms.cost) * bid_mw - terms.penalty * float(short.mean())
    low = float(stats.beta.ppf(0.025, k, n - k + 1)) if k else 0.0
    high = float(stats.beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0
    return HeldOut(n, k, k / n, low, high, profit)


def bid_from_history(
    terms: Terms, available_mw: Float, *, train_frac: float = 0.7, reliability: float | None = 0.9
) -> tuple[Bid, HeldOut]:
    """Learn from the first days, judge on the rest; available_mw (n_days,) in time order.

    The bid is the empirical one at (n + 1)-corrected reliability, so that its coverage on a further
    exchangeable day is at least what is asked for. Raises EmptyHistoryError when either part is empty.
    """
    n_train = int(train_frac * len(available_mw))
    train = empirical(available_mw[:n_train])
    corrected = reliability
    if reliability is not None:
        corrected = 1.0 - np.floor((1.0 - reliability) * (n_train + 1)) / n_train
        if corrected >= 1.0:
            raise EmptyHistoryError(
                f"{n_train} days cannot show a reliability of {reliability:g}: a bid of zero is the fallback"
            )
    bid = best_bid(terms, train, reliability=corrected)
    return bid, held_out(bid.q_mw, terms, available_mw[n_train:])
