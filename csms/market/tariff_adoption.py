"""Who wins and who loses when customers move from a flat tariff to real-time prices.

A share of the (identical) customers pays the wholesale price, the rest the flat price that breaks
even for them. As the share grows wholesale prices flatten: those already on real-time prices may lose,
those left on the flat tariff gain. Borenstein and Holland 2005.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from csms.market.errors import TariffError
from csms.market.tariffs import LinearMarket, break_even_price

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Adoption:
    """Arrays (n_share,). Surplus per customer and interval."""

    rtp_share: Float
    flat_price: Float
    surplus_on_flat: Float
    surplus_on_rtp: Float
    producer_surplus: Float
    existing_rtp_customers_lose: bool  # from the first share to the last


@dataclass(frozen=True, slots=True)
class BillChanges:
    """Bills of customer groups with fixed demand, flat against real-time. Arrays (n_groups,)."""

    bill_flat: Float
    bill_rtp: Float
    losers: tuple[int, ...]  # groups that pay more under real-time prices


def adoption(market: LinearMarket, rtp_share: Float) -> Adoption:
    """Equilibrium at each share of customers on real-time prices, shares in 0..1."""
    if rtp_share.ndim != 1 or not len(rtp_share) or not ((rtp_share >= 0) & (rtp_share <= 1)).all():
        raise TariffError("shares must be a vector inside 0..1")
    rows = [_at_share(market, float(share)) for share in rtp_share]
    flat_price, on_flat, on_rtp, producer = (np.array(x) for x in zip(*rows, strict=True))
    return Adoption(
        rtp_share, flat_price, on_flat, on_rtp, producer, bool(on_rtp[-1] < on_rtp[0] - 1e-12)
    )


def bill_changes(price: Float, demand: Float) -> BillChanges:
    """price (n,), demand (n_groups, n) that does not respond; the flat price breaks even overall."""
    if demand.ndim != 2 or demand.shape[1] != len(price):
        raise TariffError(f"demand {demand.shape} does not fit {len(price)} prices")
    total = float(demand.sum())
    if total <= 0.0:
        raise TariffError("the groups use no energy")
    flat = float((demand @ price).sum()) / total
    bill_flat, bill_rtp = flat * demand.sum(axis=1), demand @ price
    losers = np.flatnonzero(bill_rtp > bill_flat * (1 + 1e-12))
    return BillChanges(bill_flat, bill_rtp, tuple(int(i) for i in losers))


def _wholesale(market: LinearMarket, share: float, flat: float) -> Float:
    """w = c + m (share (a - w) + (1 - share) (a - flat)) / b, solved for w."""
    k = market.m / market.b
    fixed = share * market.a + (1.0 - share) * (market.a - flat)
    return np.asarray((market.c + k * fixed) / (1.0 + k * share))


def _at_share(market: LinearMarket, share: float) -> tuple[float, float, float, float]:
    def loss(flat: float) -> float:
        w = _wholesale(market, share, flat)
        return float(np.sum((flat - w) * (market.a - flat) / market.b))

    start = break_even_price(market)
    low = float(_wholesale(market, share, start).min()) - 1e-9
    flat = float(brentq(loss, low, start + 1e-9)) if share > 0.0 and loss(start) > 0.0 else start
    w = _wholesale(market, share, flat)
    quantity = share * (market.a - w) / market.b + (1.0 - share) * (market.a - flat) / market.b
    return (
        flat,
        float(np.mean((market.a - flat) ** 2 / market.b / 2.0)),
        float(np.mean((market.a - w) ** 2 / market.b / 2.0)),
        float(np.mean(market.m * quantity**2 / 2.0)),
    )
