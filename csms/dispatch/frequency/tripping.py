"""Staggered ride-through for stations that cannot run it: trips and returns through their setpoints. Pure.

OCPP 1.6 and 2.0.1 have no message for trip curves. The dispatcher sees the frequency a second or two late, so this
sheds and restores load in the order of the policy, but is no substitute for a trip curve in the charger (G7).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from csms.domain.ride_through import RideThrough, RideThroughPolicy
from csms.grid.network import BoolArray, FloatArray

_EPS_S = 1e-6


class Tripping:
    """Keeps the state of N EVSEs between cycles."""

    def __init__(
        self, policy: RideThroughPolicy, shares: Sequence[RideThrough], rating_w: FloatArray
    ) -> None:
        """``shares``: when each EVSE's station trips and returns."""
        n = len(shares)
        self._policy = policy
        self._rating_w = rating_w
        self._under_hz = np.array([share.under_trip_hz for share in shares])
        self._over_hz = np.array([share.over_trip_hz for share in shares])
        self._trip_delay_s = np.array([share.trip_delay_s for share in shares])
        self._return_delay_s = np.array([share.return_delay_s for share in shares])
        self._out = np.zeros(n, bool)
        self._held_s = np.zeros(n)
        """How long the condition to change has held without a break."""
        self._ramp_frac = np.ones(n)

    def caps_w(self, frequency_hz: float | None, dt_s: float, by_itself: BoolArray) -> FloatArray:
        """Advance by ``dt_s``. (N,) the most that each EVSE may draw while it is out or comes back softly, infinite for
        the others and for those that trip ``by_itself``. Without a frequency nothing changes but what ramps."""
        self._out[by_itself], self._held_s[by_itself], self._ramp_frac[by_itself] = False, 0.0, 1.0
        if frequency_hz is not None:
            self._judge(frequency_hz, dt_s, ~by_itself)
        returns = ~self._out & (self._ramp_frac < 1.0)
        if returns.any():
            risen = self._ramp_frac + dt_s / self._policy.soft_ramp_s
            self._ramp_frac = np.where(returns, np.minimum(risen, 1.0), self._ramp_frac)
        caps_w = np.where(returns, self._ramp_frac * self._rating_w, np.inf)
        return np.where(self._out, 0.0, caps_w)

    def _judge(self, frequency_hz: float, dt_s: float, led: BoolArray) -> None:
        lowest, highest = self._policy.return_hz
        recovered = lowest <= frequency_hz <= highest
        beyond = ~((self._under_hz <= frequency_hz) & (frequency_hz <= self._over_hz))
        holds = led & np.where(self._out, recovered, beyond)
        after_s = np.where(self._out, self._return_delay_s, self._trip_delay_s)
        self._held_s = np.where(holds, self._held_s + dt_s, 0.0)
        change = holds & (self._held_s > after_s - _EPS_S)
        self._out ^= change
        self._held_s[change] = 0.0
        self._ramp_frac[change] = 0.0 if self._policy.soft_ramp_s > 0.0 else 1.0
