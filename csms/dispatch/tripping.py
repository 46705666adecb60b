"""Staggered ride-through for stations that cannot run it: trips and returns through their setpoints. Pure.

OCPP 1.6 and 2.0.1 have no message for trip curves. The dispatcher sees the frequency a second or two late, so this
sheds and restores load in the order of the policy, but is no substitute for a trip curve in the charger (G7).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from csms.domain.fleet import EvsePlace
from csms.domain.ride_through import RideThrough, RideThroughPolicy
from csms.ids import EvseKey, StationId

_EPS_S = 1e-6


@dataclass(slots=True)
class _Evse:
    share: RideThrough
    rating_w: float
    out: bool = False
    held_s: float = 0.0
    """How long the condition to change has held without a break."""
    ramp_frac: float = 1.0


class Tripping:
    """Keeps each EVSE's state between cycles. ``runs_own`` tells who trips by itself and is left alone."""

    def __init__(
        self,
        policy: RideThroughPolicy,
        share: Callable[[StationId], RideThrough],
        places: Mapping[EvseKey, EvsePlace],
        runs_own: Callable[[EvseKey], bool],
    ) -> None:
        self._policy = policy
        self._runs_own = runs_own
        self._evses = {
            key: _Evse(share(key.station_id), place.max_power_w) for key, place in places.items()
        }

    def caps_w(self, frequency_hz: float | None, dt_s: float) -> dict[EvseKey, float]:
        """Advance by ``dt_s``; the most that those EVSEs may draw which are out or come back softly. Without a
        frequency nothing changes but what ramps."""
        caps: dict[EvseKey, float] = {}
        for key, evse in self._evses.items():
            if self._runs_own(key):
                evse.out, evse.held_s, evse.ramp_frac = False, 0.0, 1.0
                continue
            if frequency_hz is not None:
                self._judge(evse, frequency_hz, dt_s)
            if evse.out:
                caps[key] = 0.0
            elif evse.ramp_frac < 1.0:
                evse.ramp_frac = min(1.0, evse.ramp_frac + dt_s / self._policy.soft_ramp_s)
                caps[key] = evse.ramp_frac * evse.rating_w
        return caps

    def _judge(self, evse: _Evse, frequency_hz: float, dt_s: float) -> None:
        share, policy = evse.share, self._policy
        if evse.out:
            holds = policy.return_hz[0] <= frequency_hz <= policy.return_hz[1]
            after_s = share.return_delay_s
        else:
            holds = not share.under_trip_hz <= frequency_hz <= share.over_trip_hz
            after_s = share.trip_delay_s
        evse.held_s = evse.held_s + dt_s if holds else 0.0
        if holds and evse.held_s > after_s - _EPS_S:
            evse.out, evse.held_s = not evse.out, 0.0
            evse.ramp_frac = 0.0 if policy.soft_ramp_s > 0.0 else 1.0
