"""A vehicle as the station sees it: how much it will take or give, and what that does to its battery.

Sign: grid -> vehicle is positive. All powers are at the grid side of the conversion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from charger_sim.vehicle.credentials import EvCredentials

_DONE_WH = 0.5


@dataclass(slots=True)
class Vehicle:
    """Battery state and the driver's needs.

    ``efficiency`` is one-way, grid to battery; ``taper_start_frac`` is where constant voltage
    begins and the power falls linearly to ``taper_floor_frac`` of its maximum at full.
    ``ramp_w_per_s`` bounds how fast the on-board or off-board converter follows a request.
    ``credentials`` are of a vehicle that speaks ISO 15118; ``leaving``: the driver wants to go.
    """

    id_token: str
    capacity_wh: float
    soc_frac: float
    max_charge_w: float
    max_discharge_w: float = 0.0
    n_phases: int = 3
    min_current_a: float = 6.0
    target_soc_frac: float = 1.0
    soc_floor_frac: float = 0.3
    departure: datetime | None = None
    efficiency: float = 0.94
    taper_start_frac: float = 0.8
    taper_floor_frac: float = 0.05
    ramp_w_per_s: float = math.inf
    power_w: float = 0.0
    credentials: EvCredentials | None = None
    leaving: bool = False

    def __post_init__(self) -> None:
        for name in ("soc_frac", "target_soc_frac", "soc_floor_frac", "taper_start_frac"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"vehicle {self.id_token}: {name} = {value}, expected 0..1")
        if not 0.0 < self.efficiency <= 1.0:
            raise ValueError(f"vehicle {self.id_token}: efficiency = {self.efficiency}")
        if self.capacity_wh <= 0.0 or self.max_charge_w < 0.0 or self.max_discharge_w < 0.0:
            raise ValueError(f"vehicle {self.id_token}: capacity and powers must be positive")

    @property
    def wants_wh(self) -> float:
        """Grid-side energy still needed to reach the target, Wh."""
        missing = max(0.0, self.target_soc_frac - self.soc_frac)
        return missing * self.capacity_wh / self.efficiency

    @property
    def finished(self) -> bool:
        """Whether it would end its session: the driver leaves, or the target is reached and there
        is nothing to give back."""
        return self.leaving or (self.max_discharge_w == 0.0 and self.wants_wh < _DONE_WH)

    @property
    def can_discharge(self) -> bool:
        return self.max_discharge_w > 0.0 and self.soc_frac > self.soc_floor_frac

    def max_charge_now_w(self) -> float:
        """What it would take at this state of charge; 0 at the target."""
        if self.soc_frac >= self.target_soc_frac:
            return 0.0
        if self.soc_frac <= self.taper_start_frac:
            return self.max_charge_w
        left = (1.0 - self.soc_frac) / (1.0 - self.taper_start_frac)
        return self.max_charge_w * max(self.taper_floor_frac, left)

    def step(self, request_w: float, dt_s: float) -> float:
        """Follows ``request_w`` for ``dt_s`` seconds; returns the mean grid-side power, W.

        The battery never passes its target upward nor its floor downward.
        """
        bounded = min(request_w, self.max_charge_now_w())
        bounded = max(bounded, -self.max_discharge_w if self.can_discharge else 0.0)
        change = self.ramp_w_per_s * dt_s
        power = min(max(bounded, self.power_w - change), self.power_w + change)
        hours = dt_s / 3600.0
        if power > 0.0 and hours > 0.0:
            power = min(power, self.wants_wh / hours)
        elif power < 0.0 and hours > 0.0:
            spare_wh = max(0.0, self.soc_frac - self.soc_floor_frac) * self.capacity_wh
            power = max(power, -spare_wh * self.efficiency / hours)
        to_battery_w = power * self.efficiency if power >= 0.0 else power / self.efficiency
        self.soc_frac = min(1.0, max(0.0, self.soc_frac + to_battery_w * hours / self.capacity_wh))
        self.power_w = power
        return power

    def release(self) -> None:
        """The contactors open."""
        self.power_w = 0.0
