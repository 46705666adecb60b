"""The price that earns an operator most when every driver answers with a box-limited demand.

Follower i draws x_i = clip((a_i - p) / b_i, lower_i, upper_i); a negative lower bound is discharging.
Total demand is piecewise linear in p and profit piecewise concave but not unimodal, so local search
stays on false maxima. Sort the 2n breakpoints, accumulate, take the vertex of each piece: exact,
O(n log n). Setting of the game: Tushar et al. 2012, arXiv:1208.0631.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csms.market.errors import GameError

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Followers:
    """Arrays (n,). `willingness`: price at zero demand; `slope` > 0: its fall per unit of demand."""

    willingness: Float
    slope: Float
    lower: Float
    upper: Float  # may be infinite

    def __post_init__(self) -> None:
        if len({x.shape for x in (self.willingness, self.slope, self.lower, self.upper)}) != 1:
            raise GameError("willingness, slope, lower and upper must be equal vectors")
        if self.willingness.ndim != 1 or not len(self.willingness):
            raise GameError("there is no follower")
        if not np.isfinite(self.willingness).all() or not np.isfinite(self.lower).all():
            raise GameError("willingness or a lower bound is not finite")
        if not (self.slope > 0).all() or not (self.lower <= self.upper).all():
            raise GameError("every follower needs slope > 0 and lower <= upper")

    def demand(self, price: float) -> Float:
        """(n,) best answer to `price`."""
        return np.clip((self.willingness - price) / self.slope, self.lower, self.upper)


@dataclass(frozen=True, slots=True)
class PriceAnswer:
    """The best price, and the local maxima that it beats."""

    price: float
    profit: float
    demand: float
    local_maxima: tuple[tuple[float, float], ...]  # other (price, profit), best first
    served: int  # followers with demand above zero


@dataclass(frozen=True, slots=True)
class ProfitCurve:
    """Profit over price, for a picture. Arrays (n,)."""

    price: Float
    profit: Float


def best_price(
    followers: Followers, wholesale: float, *, floor: float = -np.inf, cap: float = np.inf
) -> PriceAnswer:
    """Maximise (p - wholesale) * demand(p) over floor <= p <= cap.

    Raises GameError when the profit has no bound: someone must charge at any price and there is no
    `cap`, or someone gives back at any price and there is no `floor`.
    """
    if not floor <= cap:
        raise GameError(f"floor {floor:g} above cap {cap:g}")
    if followers.lower.sum() > 0.0 and not np.isfinite(cap):
        raise GameError("some must charge at any price: state a price cap")
    if followers.upper.sum() < 0.0 and not np.isfinite(floor):
        raise GameError("some give back at any price: state a price floor")
    edges, intercept, slope = _pieces(followers)
    low = np.maximum(np.r_[-np.inf, edges], floor)
    high = np.minimum(np.r_[edges, np.inf], cap)
    inside = low <= high
    low, high, intercept, slope = low[inside], high[inside], intercept[inside], slope[inside]
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = np.where(slope > 0.0, 0.5 * (intercept / slope + wholesale), np.inf)
    flat = slope <= 0.0  # profit is linear there: the better end
    vertex = np.where(flat, np.where(intercept > 0.0, high, low), vertex)
    price = np.clip(vertex, low, high)
    usable = np.isfinite(price)
    price = price[usable]
    profit = (price - wholesale) * (intercept[usable] - slope[usable] * price)
    best = int(np.argmax(profit))
    if profit[best] < 0.0 and floor <= wholesale <= cap:
        raise GameError("numbers too large to compare: rescale prices and demands")
    chosen = float(price[best])
    answer = followers.demand(chosen)
    total = float(answer.sum())
    return PriceAnswer(
        chosen,
        (chosen - wholesale) * total,
        total,
        _local_maxima(price, profit, best),
        int((answer > 0).sum()),
    )


def profit_curve(followers: Followers, wholesale: float, price: Float) -> ProfitCurve:
    """Profit at each `price` (n,)."""
    demand = np.array([followers.demand(float(p)).sum() for p in price])
    return ProfitCurve(price, (price - wholesale) * demand)


def _pieces(f: Followers) -> tuple[Float, Float, Float]:
    """Breakpoints (k,) and, for the k + 1 pieces, demand = intercept - slope * p."""
    unbounded = np.isinf(f.upper)
    enters = np.where(unbounded, -np.inf, f.willingness - f.slope * np.where(unbounded, 0, f.upper))
    leaves = f.willingness - f.slope * f.lower
    level, rate = f.willingness / f.slope, 1.0 / f.slope
    capped = ~unbounded
    at = np.concatenate([enters[capped], leaves])
    d_slope = np.concatenate([rate[capped], -rate])
    d_level = np.concatenate([(level - f.upper)[capped], f.lower - level])
    order = np.argsort(at, kind="stable")
    first_level = float(level[unbounded].sum() + f.upper[capped].sum())
    first_rate = float(rate[unbounded].sum())
    intercept = first_level + np.r_[0.0, np.cumsum(d_level[order])]
    slope = first_rate + np.r_[0.0, np.cumsum(d_slope[order])]
    slope[np.abs(slope) < 1e-12 * rate.sum()] = 0.0
    return at[order], intercept, slope


def _local_maxima(price: Float, profit: Float, best: int) -> tuple[tuple[float, float], ...]:
    chosen = price[best]
    at, first = np.unique(price, return_index=True)  # neighbouring pieces share their end
    value = profit[first]
    left, right = np.r_[-np.inf, value[:-1]], np.r_[value[1:], -np.inf]
    scale = 1e-9 * max(abs(float(profit[best])), 1e-300)
    peaks = np.flatnonzero((value > left + scale) & (value > right + scale) & (at != chosen))
    ranked = sorted(peaks, key=lambda i: -value[i])
    return tuple((float(at[i]), float(value[i])) for i in ranked[:10])
