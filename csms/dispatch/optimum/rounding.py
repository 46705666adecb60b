"""From the optimum to what stations accept: whole steps, and either nothing or at least the minimum current."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from csms.grid.network import FloatArray

IndexArray = NDArray[np.int64]

_SLACK = 1.0e-6  # of a step: an optimum of 5.9999999 steps is 6


def round_setpoints(
    x_w: FloatArray,
    price: FloatArray,
    lo_w: FloatArray,
    hi_w: FloatArray,
    step_w: FloatArray,
    min_w: FloatArray,
) -> FloatArray:
    """Rounds each setpoint to the side that relieves the limits that bind; all arrays (N,).

    ``price`` > 0: less consumption relieves, round down; < 0: round up; 0: towards zero. ``step_w`` 0 leaves a
    setpoint continuous. A magnitude below ``min_w`` becomes 0, or ``min_w`` where only that relieves. The
    bounds win over the step: a bound that is no multiple of the step is returned as it is.
    """
    down = (price > 0.0) | ((price == 0.0) & (x_w > 0.0))
    step = np.where(step_w > 0.0, step_w, 1.0)
    quotient = x_w / step
    whole = np.where(down, np.floor(quotient + _SLACK), np.ceil(quotient - _SLACK)) * step
    y = np.where(step_w > 0.0, whole, x_w)
    small = (np.abs(y) < min_w * (1.0 - 1e-9)) & (y != 0.0)
    away = small & (((y > 0.0) & (price < 0.0)) | ((y < 0.0) & (price > 0.0)))
    y = np.where(small, 0.0, y)
    y = np.where(away, np.sign(x_w) * min_w, y)
    return np.clip(y, lo_w, hi_w)


def choose_on(
    x_w: FloatArray, min_w: FloatArray, group: IndexArray, rank: FloatArray, now_w: FloatArray
) -> np.ndarray:
    """Which of the EVSEs whose optimum lies between 0 and ``min_w`` get their minimum, so that a group keeps its total.

    ``group`` (N,) labels EVSEs held back by the same limit; higher ``rank`` first, then those already charging,
    then those nearest to their minimum. -> (N,) bool, true for those switched on.
    """
    candidate = (x_w > 0.0) & (x_w < min_w)
    on = np.zeros(len(x_w), bool)
    index = np.flatnonzero(candidate)
    if not index.size:
        return on
    running = now_w[index] >= 0.5 * min_w[index]
    order = index[np.lexsort((-x_w[index] / min_w[index], ~running, -rank[index], group[index]))]
    for members in _by_group(order, group):
        spent = np.cumsum(min_w[members])
        on[members[spent <= x_w[members].sum()]] = True
    return on


def refill(
    x_w: FloatArray, y_w: FloatArray, rows: FloatArray, group: IndexArray, hi_w: FloatArray, step_w: FloatArray,
    min_w: FloatArray, cost: FloatArray | None = None, last_w: FloatArray | None = None,
) -> FloatArray:  # fmt: skip
    """Gives back whole steps that rounding ``x_w`` down to ``y_w`` left unused, at most one to each EVSE.

    Those come first that have the step already by their last order ``last_w`` (N,; NaN: none), so that nobody's
    current goes up and down with the noise of the meters; then those with the lowest ``cost`` (N,), or without costs
    those with the largest remainder.

    ``rows`` (K, N): how each limit that binds answers to a watt of each EVSE; ``x_w`` meets them as equalities, so what
    rounding freed is ``rows @ (x - y)``. Within a ``group`` (same limit) it stops at the first step that does not fit.
    """
    z = y_w.copy()
    room = rows @ (x_w - y_w)
    up = y_w + step_w
    may = (
        (step_w > 0.0)
        & (x_w > y_w)
        & (up <= hi_w)
        & (np.abs(up) >= min_w)
        & ((y_w != 0.0) | (min_w <= step_w))
    )
    remainder = np.where(may, (x_w - y_w) / np.where(step_w > 0.0, step_w, 1.0), -1.0)
    order = np.flatnonzero(may)
    rank = -remainder if cost is None else cost
    order = order[np.argsort(rank[order], kind="stable")]
    if last_w is not None:
        has = up[order] <= last_w[order] + _SLACK * step_w[order]
        order = np.concatenate([order[has], order[~has]])
    for members in _by_group(order, group):
        used = np.cumsum(rows[:, members] * step_w[members], axis=1)
        fits = np.all(used <= np.maximum(room, 0.0)[:, None], axis=0)
        count = int(np.argmin(fits)) if not fits.all() else len(members)
        z[members[:count]] = up[members[:count]]
        if count:
            room = room - used[:, count - 1]
    return z


def _by_group(order: IndexArray, group: IndexArray) -> Iterator[IndexArray]:
    """``order`` split by the EVSEs' ``group`` (N,), labels from -1 on; the order within each is kept."""
    labels = group[order]
    for label in np.flatnonzero(np.bincount(labels + 1)) - 1:
        yield order[labels == label]
