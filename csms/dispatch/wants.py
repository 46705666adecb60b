"""What a car would take if nothing but its schedule held it back. Pure.

The central system does not see inside the car: a car that draws clearly less than it was allowed is limited by itself,
so capacity set aside for it is better given to others; a car at its allowance may want more, so it is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from csms.domain.events import ChargingNeedsTold
from csms.domain.fleet import EvsePlace
from csms.domain.values import MeterReading

MARGIN_FRAC = 0.10
MARGIN_MIN_W = 500.0
SATISFIED_FRAC = 0.93
"""At or above this share of its allowance a car is taken to be held back by it."""
FULL_SOC_FRAC = 0.995


@dataclass(frozen=True, slots=True)
class Want:
    """``power_w`` wanted now; ``weight`` is how much curtailing it hurts; ``floor_w`` is the most it would give."""

    power_w: float
    """Negative: the schedule has it feed back."""
    floor_w: float
    weight: float
    scheduled: bool = False
    """A plan says so; without one a car is taken to want all that it can get."""


def want(
    place: EvsePlace,
    needs: ChargingNeedsTold | None,
    reading: MeterReading | None,
    commanded_w: float | None,
    previous_w: float | None,
    now: datetime,
    planned_w: float | None = None,
    droop_w: float = 0.0,
) -> Want:
    """The wish of one EVSE with an open transaction. ``planned_w``: what its schedule has for this quarter hour.

    ``droop_w`` <= 0: by how much its station's own droop may hold it below what was commanded. Under it a car that
    draws less is no car that wants less.
    """
    top_w = place.max_power_w
    floor_w = 0.0
    if needs is not None:
        if needs.max_charge_w is not None:
            top_w = min(top_w, max(needs.max_charge_w, 0.0))
        if needs.max_discharge_w:
            floor_w = -min(place.max_discharge_w, needs.max_discharge_w)
    soc = reading.soc_frac if reading else None
    if soc is not None and soc >= FULL_SOC_FRAC:
        top_w = 0.0
    measured_w = reading.power_w if reading else None
    wanted_w = top_w
    if (
        measured_w is not None
        and commanded_w is not None
        and 0.0 <= measured_w < SATISFIED_FRAC * (commanded_w + droop_w)
    ):
        margin_w = max(MARGIN_MIN_W, MARGIN_FRAC * top_w)
        wanted_w = min(top_w, max(measured_w - droop_w + margin_w, 0.0))
        if (
            previous_w is not None
        ):  # forget slowly: one low sample during a ramp is not a full battery
            wanted_w = min(top_w, max(wanted_w, 0.8 * previous_w))
    elif droop_w < 0.0 and previous_w is not None and planned_w is None:
        wanted_w = min(top_w, max(previous_w, 0.0))
    if planned_w is not None:
        wanted_w = max(planned_w, floor_w) if planned_w < 0.0 else min(wanted_w, planned_w)
    return Want(wanted_w, floor_w, _urgency(place, needs, now), planned_w is not None)


def _urgency(place: EvsePlace, needs: ChargingNeedsTold | None, now: datetime) -> float:
    """1 for a car with all the time in the world, up to 5 for one that must charge at full power until it leaves."""
    weight = 1.0
    if needs is not None and needs.energy_wh and needs.departure is not None:
        hours = max((needs.departure - now).total_seconds() / 3600.0, 1.0 / 60.0)
        weight += 4.0 * min(1.0, needs.energy_wh / hours / max(place.max_power_w, 1.0))
    return weight
