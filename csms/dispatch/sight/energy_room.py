"""How much energy cars can give and take, from what they told and what their meters show. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csms.dispatch.sight.told import Told
from csms.grid.network import BoolArray, FloatArray
from csms.units import S_PER_H

LEAST_SOC_FRAC = 0.3
"""Below this no battery is called upon."""
EFFICIENCY = 0.94
"""One way."""


@dataclass(frozen=True, slots=True, eq=False)
class EnergyRoom:
    """Of N EVSEs, at the grid side; infinite where it is no limit. A car that tells nothing gives nothing back."""

    give_wh: FloatArray
    take_wh: FloatArray
    due_wh: FloatArray
    left_h: FloatArray


def energy_room(told: Told, fresh: BoolArray, unix_s: float) -> EnergyRoom:
    """By the state of charge as measured now, else the one that the car told when it came."""
    left_h = np.maximum((told.departure_s - unix_s) / S_PER_H, 0.0)
    measured = np.where(fresh, told.soc_frac, np.nan)
    soc = np.where(np.isnan(measured), told.arrival_soc_frac, measured)
    stored = soc * told.capacity_wh  # NaN unless both are known
    known = ~np.isnan(stored)
    to_target_wh = (told.target_soc_frac - soc) * told.capacity_wh / EFFICIENCY
    due_wh = np.where(np.isnan(to_target_wh), np.nan_to_num(told.energy_wh), to_target_wh)
    give_wh = np.maximum(soc - LEAST_SOC_FRAC, 0.0) * told.capacity_wh * EFFICIENCY
    take_wh = np.maximum(1.0 - soc, 0.0) * told.capacity_wh / EFFICIENCY
    return EnergyRoom(
        give_wh=np.where(known, give_wh, 0.0),
        take_wh=np.where(known, take_wh, np.inf),
        due_wh=np.maximum(due_wh, 0.0),
        left_h=np.where(np.isnan(left_h), np.inf, left_h),
    )
