"""Rises wait for falls. Pure.

Setpoints reach stations one by one. Until a station that must draw less has heard so, it draws what it drew; a
vector that is safe as a whole can break a limit while only its rises have arrived (G1, partial application). So the
rises of a cycle are cut to what the feeder bears even if no fall arrives; the rest follows when the falls are seen.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from csms.grid.network import FloatArray

_BISECTIONS = 5


def sequenced(
    new_w: FloatArray,
    still_w: FloatArray,
    breach_pu: Callable[[FloatArray], float],
    rounded: Callable[[FloatArray], FloatArray],
) -> FloatArray:
    """``new_w`` with its rises cut. ``still_w`` (N,): what each EVSE may draw until it hears of ``new_w``;
    ``breach_pu`` judges a vector by AC, <= 0 is safe; ``rounded`` makes a cut setpoint acceptable, never larger."""
    rising = new_w > still_w
    if not rising.any():
        return new_w

    def cut(share: float) -> FloatArray:
        return np.where(rising, rounded(still_w + share * (new_w - still_w)), new_w)

    def worst_on_the_way(candidate_w: FloatArray) -> float:
        return breach_pu(np.maximum(candidate_w, still_w))

    if worst_on_the_way(new_w) <= 0.0:
        return new_w
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        share = 0.5 * (low + high)
        if worst_on_the_way(cut(share)) <= 0.0:
            low = share
        else:
            high = share
    return cut(low)
