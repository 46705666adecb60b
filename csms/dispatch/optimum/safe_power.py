"""What every EVSE may do when nobody leads it: the same share of its rating for all, such that the feeder bears it."""

from __future__ import annotations

import numpy as np

from csms.dispatch.optimum.corrected import Dispatcher
from csms.dispatch.optimum.rounding import round_setpoints
from csms.dispatch.sight.places import Places
from csms.grid import power_flow
from csms.grid.network import FloatArray

LOAD_MARGIN = 1.05
"""Static loads are taken this much higher than the feeder file says."""
_BISECTIONS = 20


def safe_powers(dispatcher: Dispatcher, places: Places, *, most_frac: float) -> FloatArray:
    """(N,) W, at most ``most_frac`` of each rating, judged by AC power flow with all EVSEs drawing it at once.

    0 for all when the static loads alone break the limits: the EVSEs cannot mend that by charging.
    """
    rating_w = places.max_power_w

    def rounded(frac: float) -> FloatArray:
        return round_setpoints(
            frac * rating_w, np.ones_like(rating_w), np.zeros_like(rating_w), rating_w,
            places.step_w, places.min_w,
        )  # fmt: skip

    low, high = 0.0, most_frac
    if _bears(dispatcher, rounded(high)):
        low = high
    else:
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if _bears(dispatcher, rounded(middle)) else (low, middle)
    return rounded(low)


def _bears(dispatcher: Dispatcher, power_w: FloatArray) -> bool:
    feeder, limits = dispatcher.feeder, dispatcher.limits
    p_w, q_var = base_loads(dispatcher)
    state = power_flow.solve(
        feeder,
        LOAD_MARGIN * p_w + dispatcher.solver.load_w(power_w),
        LOAD_MARGIN * q_var,
        check=False,
    )
    if not state.converged:
        return False
    low = bool(
        np.nanmin(
            state.vm_pu - np.reshape(limits.v_min_pu, -1 if state.vm_pu.ndim == 1 else (-1, 1))
        )
        > 0
    )
    if not limits.thermal:
        return low
    amperes = state.current_a(feeder).reshape(feeder.n_bus, -1)[1:]
    return low and bool(np.all(amperes <= feeder.ampacity_a[1:, None]))


def base_loads(dispatcher: Dispatcher) -> tuple[FloatArray, FloatArray]:
    """The feeder's static loads in the shape that the dispatcher takes: (n,) totals or (n, 3)."""
    feeder = dispatcher.feeder
    if dispatcher.solver.m == 1:
        return feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)
    return feeder.p_w.copy(), feeder.q_var.copy()
