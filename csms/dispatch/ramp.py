"""The cap on how fast a feeder's load may rise (G5), whoever wishes what. Pure.

Shared out in proportion, a small cap leaves each of many EVSEs less than a step, and nobody ever starts. So what
rounding leaves goes to whole steps of some, those furthest behind first, and a cycle's share is saved up until the
least power of one EVSE fits. What can be saved comes off the rate: no minute's rises sum to more than the cap.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from csms.grid.network import BoolArray, FloatArray


class Ramp:
    """``cap_w`` per minute over all EVSEs; ``step_w``, ``min_w`` (N,) as in
    :class:`csms.dispatch.optimum.corrected.Requests`.

    An EVSE whose least power is more than half the cap cannot start.
    """

    def __init__(
        self,
        cap_w: float,
        period_s: float,
        step_w: FloatArray,
        min_w: FloatArray,
        rounded: Callable[[FloatArray], FloatArray],
    ) -> None:
        cycle_frac = min(period_s / 60.0, 0.5)
        self._most_w = min(max(float(min_w.max(initial=0.0)), cap_w * cycle_frac), 0.5 * cap_w)
        self._refill_w = (cap_w - self._most_w) * cycle_frac
        self._saved_w = self._most_w
        self._step_w = np.where(step_w > 0.0, step_w, 1.0)
        self._min_w = min_w
        self._rounded = rounded

    def limit(self, setpoint_w: FloatArray, still_w: FloatArray, led: BoolArray) -> FloatArray:
        """``setpoint_w`` (N,) with the rises of those that are ``led`` cut; falls never are. ``still_w``: what each may
        draw already. Call it once a cycle."""
        self._saved_w = min(self._saved_w + self._refill_w, self._most_w)
        rises = led & (setpoint_w > still_w)
        rise_w = np.where(rises, setpoint_w - still_w, 0.0)
        total_w = float(rise_w.sum())
        if total_w <= self._saved_w:
            self._saved_w -= total_w
            return setpoint_w
        share = self._rounded(still_w + rise_w * (self._saved_w / total_w))
        given_w = np.where(rises, share, setpoint_w)
        spent_w = np.where(rises, np.maximum(given_w - still_w, 0.0), 0.0)
        self._saved_w -= float(spent_w.sum())
        further_w = np.minimum(self._next(given_w), setpoint_w)
        cost_w = np.maximum(further_w - still_w, 0.0) - spent_w
        behind = np.flatnonzero(rises & (further_w > given_w))
        left = (setpoint_w - given_w)[behind] / np.maximum(np.abs(setpoint_w[behind]), 1.0)
        behind = behind[np.argsort(-left, kind="stable")]
        for i in behind:
            if cost_w[i] <= self._saved_w:
                given_w[i] = further_w[i]
                self._saved_w -= float(cost_w[i])
        return given_w

    def _next(self, power_w: FloatArray) -> FloatArray:
        """One step up, over what a station does not take."""
        up = power_w + self._step_w
        between = (up > -self._min_w) & (up < self._min_w)
        return np.where(between, np.where(power_w < 0.0, 0.0, self._min_w), up)
