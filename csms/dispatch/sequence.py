"""Rises wait for falls, and feeding back waits for rises. Pure.

Setpoints reach stations one by one. Until a station has heard of its new setpoint, it draws what it drew; a vector that
is safe as a whole can break a limit while only its rises, or only its falls, have arrived (G1, partial application).
So the rises of a cycle are cut to what the feeder bears even if no fall arrives, and what is newly fed back to what it
bears even if no rise arrives; the rest follows when the others are seen. Every mixture lies between these two extremes.
A fall that only ends charging is never held back.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

import numpy as np

from csms.grid.network import FloatArray

_TRIES = 3
_LEAST_MOVE = (
    0.1  # of what is left between safe and not safe, for a breach that hardly grows with the share
)


def sequenced(
    new_w: FloatArray,
    highest_w: FloatArray,
    lowest_w: FloatArray,
    breach_pu: Callable[[FloatArray], float],
    rounded: Callable[[FloatArray], FloatArray],
) -> FloatArray:
    """``new_w`` with its rises and its feeding back cut.

    An EVSE may draw between ``lowest_w`` and ``highest_w`` (N,) until it hears of ``new_w``. ``breach_pu`` judges a
    vector by AC, <= 0 is safe; ``rounded`` makes a cut setpoint acceptable, never larger.
    """
    idle_w = np.minimum(lowest_w, 0.0)
    rises, feeds = new_w > highest_w, new_w < idle_w

    def risen(share: float) -> FloatArray:
        cut = rounded(highest_w + share * (new_w - highest_w))
        return np.where(rises, cut, new_w) if share < 1.0 else new_w

    def fed_back(share: float) -> FloatArray:
        cut = -rounded(-(idle_w + share * (new_w - idle_w)))
        return np.where(feeds, cut, new_w) if share < 1.0 else new_w

    def rises_alone(share: float) -> float:
        return breach_pu(np.maximum(risen(share), highest_w))

    def falls_alone(share: float) -> float:
        return breach_pu(np.minimum(fed_back(share), lowest_w))

    up = _largest(rises_alone) if rises.any() else 1.0
    down = _largest(falls_alone) if feeds.any() else 1.0
    if down == 0.0 and falls_alone(1.0) < falls_alone(0.0):
        down = 1.0  # what is broken now is mended by feeding back
    return np.where(rises, risen(up), fed_back(down))


def _largest(breach_pu: Callable[[float], float]) -> float:
    """A share in [0, 1] found safe, near the largest one; 0 where none is.

    A breach grows nearly in proportion to the share, and a little faster the larger it is, so the first guess between
    the ends is mostly safe and close.
    """
    high, over = 1.0, breach_pu(1.0)
    if over <= 0.0:
        return 1.0
    low, under = 0.0, breach_pu(0.0)
    if under > 0.0:
        return 0.0
    for _ in range(_TRIES):
        at = under / (under - over) if isfinite(over) else 0.5
        share = low + (high - low) * min(max(at, _LEAST_MOVE), 1.0 - _LEAST_MOVE)
        breach = breach_pu(share)
        if breach <= 0.0:
            return share
        high, over = share, breach
    return low
