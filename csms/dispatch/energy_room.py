"""How much energy a car can give and take, from what it told and what its meter shows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import inf

from csms.domain.events import ChargingNeedsTold
from csms.units import S_PER_H

LEAST_SOC_FRAC = 0.3
"""Below this no battery is called upon."""
EFFICIENCY = 0.94
"""One way."""


@dataclass(frozen=True, slots=True)
class EnergyRoom:
    """At the grid side; infinite where it is no limit. A car that tells nothing gives nothing back."""

    give_wh: float = 0.0
    take_wh: float = inf
    due_wh: float = 0.0
    left_h: float = inf


NOT_TOLD = EnergyRoom()


def energy_room(
    needs: ChargingNeedsTold | None, soc_frac: float | None, now: datetime
) -> EnergyRoom:
    """``soc_frac`` as measured now, else the one that the car told when it came."""
    if needs is None:
        return NOT_TOLD
    left_h = inf
    if needs.departure is not None:
        left_h = max((needs.departure - now).total_seconds() / S_PER_H, 0.0)
    soc = needs.soc_frac if soc_frac is None else soc_frac
    capacity_wh = needs.capacity_wh
    if soc is None or capacity_wh is None:
        return EnergyRoom(due_wh=max(needs.energy_wh or 0.0, 0.0), left_h=left_h)
    due_wh = needs.energy_wh or 0.0
    if needs.target_soc_frac is not None:
        due_wh = (needs.target_soc_frac - soc) * capacity_wh / EFFICIENCY
    return EnergyRoom(
        give_wh=max(soc - LEAST_SOC_FRAC, 0.0) * capacity_wh * EFFICIENCY,
        take_wh=max(1.0 - soc, 0.0) * capacity_wh / EFFICIENCY,
        due_wh=max(due_wh, 0.0),
        left_h=left_h,
    )
