"""Energy that must be charged but may move between intervals, in the market of ``tariffs``.

Under real-time prices it fills the cheapest intervals until their prices are equal; the equilibrium is
the one of least cost (water filling on the price).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csms.market.errors import TariffError
from csms.market.tariffs import LinearMarket

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ShiftedLoad:
    """Equilibrium with shifting load. Arrays (n,)."""

    load: Float
    price: Float
    level: float  # price of the intervals that are neither empty nor full
    cost: float  # what the shifting load pays


def shift_load(market: LinearMarket, energy: float, cap: Float) -> ShiftedLoad:
    """Place `energy` over the intervals, at most `cap` (n,) in each.

    Raises TariffError when the caps cannot hold the energy.
    """
    if cap.shape != market.a.shape or (cap < 0).any() or energy < 0.0:
        raise TariffError("energy and caps must not be negative, one cap per interval")
    if energy > cap.sum() * (1 + 1e-12):
        raise TariffError(f"{energy:g} to be placed, the intervals hold {cap.sum():g}")
    alone = (market.a * market.m + market.c * market.b) / (market.b + market.m)
    slope = market.b * market.m / (market.b + market.m)  # price per unit of load
    low, high = float(alone.min()), float((alone + slope * cap).max())
    for _ in range(200):
        level = 0.5 * (low + high)
        if _filled(level, alone, slope, cap).sum() < energy:
            low = level
        else:
            high = level
    load = _filled(low, alone, slope, cap)
    load = load + _rest(energy - load.sum(), _filled(high, alone, slope, cap) - load)
    price = alone + slope * load
    return ShiftedLoad(load, price, high, float(price @ load))


def _filled(level: float, alone: Float, slope: Float, cap: Float) -> Float:
    flat = slope == 0.0
    rising = np.clip((level - alone) / np.where(flat, 1.0, slope), 0.0, cap)
    return np.where(flat, np.where(alone <= level, cap, 0.0), rising)


def _rest(missing: float, room: Float) -> Float:
    """What the last step of the level leaves over, spread over the intervals at that level."""
    total = room.sum()
    return room * (missing / total) if total > 0.0 else np.zeros_like(room)
