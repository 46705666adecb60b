"""What EVSEs, their cars and their stations last told, as arrays. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csms.dispatch.sight.curves import Curves
from csms.grid.network import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Of N EVSEs; NaN where nothing was told. Written in place."""

    here: BoolArray  # (N,) its station has come; all else of a row counts only then
    charging: BoolArray  # it has an open transaction
    leadable: BoolArray  # its station is connected and takes setpoints
    power_w: FloatArray  # infinite for one that is not a number
    voltage_v: FloatArray  # (N, 3) in the order of the phases it is wired to
    frequency_hz: FloatArray
    soc_frac: FloatArray
    received_s: FloatArray  # monotonic, of the reading
    changed_s: FloatArray  # monotonic, when a meter value last differed from the one before
    commanded_w: FloatArray  # the setpoint that the station accepted last
    commanded_before_w: FloatArray
    commanded_s: FloatArray  # monotonic
    max_charge_w: FloatArray  # from here on by the car, for this transaction
    max_discharge_w: FloatArray
    energy_wh: FloatArray
    departure_s: FloatArray  # Unix time
    capacity_wh: FloatArray
    target_soc_frac: FloatArray
    arrival_soc_frac: FloatArray
    planned_w: FloatArray  # what the schedule has for it now
    curves: Curves  # the droop that its station runs by itself
    trips_itself: BoolArray  # its station runs trip curves

    @classmethod
    def nothing(cls, n: int) -> Told:
        """Of ``n`` EVSEs that nobody has heard of."""

        def no() -> BoolArray:
            return np.zeros(n, bool)

        def unknown() -> FloatArray:
            return np.full(n, np.nan)

        return cls(
            here=no(), charging=no(), leadable=no(),
            power_w=unknown(), voltage_v=np.full((3, n), np.nan).T, frequency_hz=unknown(),
            soc_frac=unknown(), received_s=unknown(), changed_s=unknown(),
            commanded_w=unknown(), commanded_before_w=unknown(), commanded_s=unknown(),
            max_charge_w=unknown(), max_discharge_w=unknown(), energy_wh=unknown(),
            departure_s=unknown(), capacity_wh=unknown(), target_soc_frac=unknown(),
            arrival_soc_frac=unknown(), planned_w=unknown(),
            curves=Curves.none(n), trips_itself=no(),
        )  # fmt: skip
