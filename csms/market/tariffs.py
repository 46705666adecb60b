"""Flat, time-of-use and real-time prices in a market with linear demand and linear supply.

Per interval t: demand Q = (a - p) / b, marginal cost MC = c + m Q, wholesale price w = MC(Q). A tariff
breaks even when the retailer's revenue equals what it pays at w. Surplus and welfare are means over
the intervals. Borenstein and Holland 2005, doi:10.1111/j.1756-2171.2005.tb00001.x (volume 36).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csms.market.errors import TariffError

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinearMarket:
    """Arrays (n,), one entry per interval: P = a - b Q and MC = c + m Q, with b > 0 and m >= 0."""

    a: Float
    b: Float
    c: Float
    m: Float

    def __post_init__(self) -> None:
        shapes = {x.shape for x in (self.a, self.b, self.c, self.m)}
        if len(shapes) != 1 or self.a.ndim != 1 or not len(self.a):
            raise TariffError(f"a, b, c and m must be equal vectors, not {sorted(shapes)}")
        if not all(np.isfinite(x).all() for x in (self.a, self.b, self.c, self.m)):
            raise TariffError("a, b, c or m holds a value that is not finite")
        if (self.b <= 0).any() or (self.m < 0).any():
            raise TariffError("demand must fall (b > 0) and cost must not (m >= 0)")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One tariff in a market. Arrays (n,); the other figures are means per interval."""

    price: Float
    quantity: Float
    wholesale: Float
    consumer_surplus: float
    producer_surplus: float
    welfare: float


@dataclass(frozen=True, slots=True)
class TariffComparison:
    """Flat, time-of-use and real-time pricing of the same market."""

    flat_price: float
    tou_prices: dict[str, float]
    flat: Outcome
    tou: Outcome
    rtp: Outcome
    deadweight_loss: float  # welfare of RTP less that of the flat tariff
    tou_share_of_gain: float  # part of that gain which TOU captures


def real_time(market: LinearMarket) -> Outcome:
    """Every interval at its own market-clearing price."""
    quantity = (market.a - market.c) / (market.b + market.m)
    if (quantity < 0).any():
        raise TariffError(f"interval {int(np.argmax(quantity < 0))}: no demand at any price")
    return outcome(market, market.a - market.b * quantity)


def outcome(market: LinearMarket, price: Float) -> Outcome:
    """Surplus and welfare at given retail prices (n,). The retailer's balance is in the welfare."""
    quantity = (market.a - price) / market.b
    if (quantity < 0).any():
        raise TariffError(
            f"interval {int(np.argmax(quantity < 0))}: the price exceeds every demand"
        )
    wholesale = market.c + market.m * quantity
    consumer = float(np.mean(market.b * quantity**2 / 2.0))
    producer = float(np.mean(market.m * quantity**2 / 2.0))
    retailer = float(np.mean((price - wholesale) * quantity))
    return Outcome(price, quantity, wholesale, consumer, producer, consumer + producer + retailer)


def break_even_price(market: LinearMarket, where: NDArray[np.bool_] | None = None) -> float:
    """The lowest single price at which the retailer breaks even over the intervals `where`.

    Raises TariffError when no price covers the cost.
    """
    w = np.ones(len(market.a), bool) if where is None else where
    a, b, c, m = market.a[w], market.b[w], market.c[w], market.m[w]
    # sum (p - c - m q) q = 0 with q = (a - p) / b is a quadratic in p
    k2 = float(np.sum(-1.0 / b - m / b**2))
    k1 = float(np.sum((a + c) / b + 2.0 * m * a / b**2))
    k0 = float(np.sum(-a * c / b - m * a**2 / b**2))
    disc = k1**2 - 4.0 * k2 * k0
    if disc < 0.0:
        raise TariffError("no single price covers the cost of supply")
    return float((-k1 + np.sqrt(disc)) / (2.0 * k2))


def time_of_use(market: LinearMarket, periods: Sequence[str]) -> tuple[dict[str, float], Outcome]:
    """One break-even price for each named period; `periods` names the period of each interval."""
    labels = np.asarray(periods)
    if labels.shape != market.a.shape:
        raise TariffError(f"{len(labels)} periods for {len(market.a)} intervals")
    price = np.empty_like(market.a)
    prices = {}
    for name in dict.fromkeys(periods):
        where = labels == name
        prices[name] = break_even_price(market, where)
        price[where] = prices[name]
    return prices, outcome(market, price)


def compare(market: LinearMarket, periods: Sequence[str]) -> TariffComparison:
    """All three tariffs side by side."""
    flat_price = break_even_price(market)
    flat = outcome(market, np.full_like(market.a, flat_price))
    prices, tou = time_of_use(market, periods)
    rtp = real_time(market)
    gain = rtp.welfare - flat.welfare
    share = (tou.welfare - flat.welfare) / gain if gain > 0.0 else 1.0
    return TariffComparison(flat_price, prices, flat, tou, rtp, gain, share)


def captured_share(price: Float, periods: Sequence[str]) -> float:
    """Share of the gain from real-time pricing that a tariff of `periods` captures.

    R^2 of the price on the periods: exact for linear demand of equal slope and prices taken as given
    (Jacobsen, Knittel, Sallee and van Benthem 2020, doi:10.1086/705553). Raises TariffError for a
    price that never changes.
    """
    labels = np.asarray(periods)
    if labels.shape != price.shape:
        raise TariffError(f"{len(labels)} periods for {len(price)} prices")
    total = float(np.sum((price - price.mean()) ** 2))
    if total == 0.0:
        raise TariffError("the price never changes: there is no gain to share")
    _, code = np.unique(labels, return_inverse=True)
    mean = np.bincount(code, price) / np.bincount(code)
    return float(np.sum((mean[code] - price.mean()) ** 2)) / total
