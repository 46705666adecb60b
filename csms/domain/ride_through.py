"""Staggered ride-through: when each station trips and how it comes back, spread over the fleet. Pure.

Stations that trip together at one threshold and return together do so for ever (``csms.grid.cascade``): their own
thresholds, trip delays and return delays arrest a fall with a part of the fleet and bring it back without a step.
A 2.1 station runs this by itself under the DER controls made here; for others dispatch does it (``dispatch.tripping``).
"""

from __future__ import annotations

from typing import Any

from csms.domain.der import OWN_PREFIX, DerControl
from csms.domain.values import Value

Range = tuple[float, float]
_GENERATORS = (0.6180339887498949, 0.7548776662466927, 0.5698402909980532)
"""Golden ratio and plastic number: sequences that fill a range evenly however many stations there are, and do not
run in step with each other (Roberts, R_d low-discrepancy sequences)."""


class RideThroughPolicy(Value, frozen=True, kw_only=True):
    """Ranges over the fleet; a range of no width makes stations alike. Hz, s; voltages in percent of nominal."""

    under_trip_hz: Range
    over_trip_hz: Range
    trip_delay_s: Range
    return_hz: Range
    """The frequency must be within this to come back."""
    return_v_pct: Range = (90.0, 110.0)
    return_delay_s: float
    return_spread_s: float
    """The random part of the delay."""
    soft_ramp_s: float
    """From nothing to the whole rating after coming back."""
    ramp_s: float = 0.0
    """The same in normal service; 0 is at once."""


class RideThrough(Value, frozen=True, kw_only=True):
    """One station's share of the policy."""

    under_trip_hz: float
    over_trip_hz: float
    trip_delay_s: float
    return_delay_s: float
    """Drawn apart for those that the central system leads; a station draws its own."""


def ride_through(policy: RideThroughPolicy, rank: int) -> RideThrough:
    """The share of the station that is ``rank``-th on the site, from 0."""
    threshold, delay, back = (_fraction(rank, generator) for generator in _GENERATORS)
    return RideThrough(
        under_trip_hz=_within(policy.under_trip_hz, threshold),
        over_trip_hz=_within(policy.over_trip_hz, threshold),
        trip_delay_s=_within(policy.trip_delay_s, delay),
        return_delay_s=policy.return_delay_s + back * policy.return_spread_s,
    )


def der_controls(policy: RideThroughPolicy, share: RideThrough) -> tuple[DerControl, ...]:
    """The default controls of OCPP 2.1 that make a station behave so (R04): trip curves are points of
    (seconds beyond, Hz); ramps are seconds for the whole rating."""

    def trip(hz: float) -> dict[str, Any]:
        point = {"x": round(share.trip_delay_s, 3), "y": round(hz, 3)}
        return {"priority": 0, "yUnit": "Not_Applicable", "curveData": [point]}

    enter = {
        "priority": 0,
        "lowFreq": policy.return_hz[0],
        "highFreq": policy.return_hz[1],
        "lowVoltage": policy.return_v_pct[0],
        "highVoltage": policy.return_v_pct[1],
        "delay": policy.return_delay_s,
        "randomDelay": policy.return_spread_s,
        "rampRate": policy.soft_ramp_s,
    }
    gradients = {"priority": 0, "gradient": policy.ramp_s, "softGradient": policy.soft_ramp_s}
    bodies: dict[str, dict[str, Any]] = {
        "LFMustTrip": trip(share.under_trip_hz),
        "HFMustTrip": trip(share.over_trip_hz),
        "EnterService": enter,
        "Gradients": gradients,
    }
    return tuple(
        DerControl(control_id=f"{OWN_PREFIX}{kind}", control_type=kind, is_default=True, body=body)
        for kind, body in bodies.items()
    )


def _fraction(rank: int, generator: float) -> float:
    return (0.5 + rank * generator) % 1.0


def _within(span: Range, fraction: float) -> float:
    return span[0] + (span[1] - span[0]) * fraction
