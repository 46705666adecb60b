"""What cars would take if nothing but their schedules held them back. Pure.

The central system does not see inside the car: a car that draws clearly less than it was allowed is limited by itself,
so capacity set aside for it is better given to others; a car at its allowance may want more, so it is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csms.dispatch.sight.places import Places
from csms.dispatch.sight.told import Told
from csms.grid.network import BoolArray, FloatArray
from csms.units import S_PER_H

MARGIN_FRAC = 0.10
MARGIN_MIN_W = 500.0
SATISFIED_FRAC = 0.93
"""At or above this share of its allowance a car is taken to be held back by it."""
FULL_SOC_FRAC = 0.995
FORGET_FRAC = 0.8
"""Of its last wish a car keeps this much at least: one low sample during a ramp is not a full battery."""
MOST_URGENT = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Wants:
    """Of N EVSEs."""

    power_w: FloatArray  # wanted now; negative: the schedule has it feed back
    floor_w: FloatArray  # <= 0, the most it would give
    weight: FloatArray  # how much curtailing it hurts
    scheduled: BoolArray  # a plan says so; without one a car is taken to want all that it can get


def wants(
    places: Places,
    told: Told,
    fresh: BoolArray,
    previous_w: FloatArray,
    droop_w: FloatArray,
    unix_s: float,
) -> Wants:
    """The wishes of EVSEs with open transactions, all (N,). ``fresh``: whose reading counts. ``previous_w``: the wish
    of the cycle before, NaN without one.

    ``droop_w`` <= 0: by how much its station's own droop may hold it below what was commanded. Under it a car that
    draws less is no car that wants less.
    """
    limit_w, gives_w = np.nan_to_num(told.max_charge_w, nan=np.inf), told.max_discharge_w
    top_w = np.minimum(places.max_power_w, np.maximum(limit_w, 0.0))
    floor_w = -np.minimum(places.max_discharge_w, np.nan_to_num(gives_w)) + 0.0
    top_w = np.where(fresh & (told.soc_frac >= FULL_SOC_FRAC), 0.0, top_w)
    # the meter may not have followed the last setpoint yet
    allowed_w = np.fmin(told.commanded_w, told.commanded_before_w)
    allowed_w = np.where(np.isnan(told.commanded_w), np.nan, allowed_w)
    measured_w = np.where(fresh, told.power_w, np.nan)
    # comparisons with what was not told are false
    satisfied = (measured_w >= 0.0) & (measured_w < SATISFIED_FRAC * (allowed_w + droop_w))
    margin_w = np.maximum(MARGIN_MIN_W, MARGIN_FRAC * top_w)
    enough_w = np.maximum(measured_w - droop_w + margin_w, 0.0)
    enough_w = np.minimum(top_w, np.fmax(enough_w, FORGET_FRAC * previous_w))
    scheduled = ~np.isnan(told.planned_w)
    waits = (droop_w < 0.0) & ~np.isnan(previous_w) & ~scheduled
    held_w = np.minimum(top_w, np.maximum(previous_w, 0.0))
    power_w = np.where(satisfied, enough_w, np.where(waits, held_w, top_w))
    feeds = told.planned_w < 0.0
    planned_w = np.where(
        feeds, np.maximum(told.planned_w, floor_w), np.minimum(power_w, told.planned_w)
    )
    power_w = np.where(scheduled, planned_w, power_w)
    return Wants(power_w, floor_w, _urgency(places, told, unix_s), scheduled)


def _urgency(places: Places, told: Told, unix_s: float) -> FloatArray:
    """1 for a car with all the time in the world, up to 5 for one that must charge at full power until it leaves."""
    hours = np.maximum((told.departure_s - unix_s) / S_PER_H, 1.0 / 60.0)
    needed_w = np.nan_to_num(told.energy_wh / hours)
    share = np.minimum(needed_w / np.maximum(places.max_power_w, 1.0), 1.0)
    return 1.0 + (MOST_URGENT - 1.0) * share
