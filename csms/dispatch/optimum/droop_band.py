"""What the chargers' own droop may do to setpoints before the next ones arrive. Pure.

A charger with an installed droop draws its setpoint and what the droop adds (G7); nobody asks the dispatcher. Charging
that ends, or feeding back, on one phase moves the voltage of the others (mutual coupling, neutral), so setpoints must
hold from no droop to the full under-frequency response, and at the droop that acts now. The over-frequency response
lifts everybody towards the rating, whatever the setpoints: to make room for it would be to undo it, so it is left to
the measured voltages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from csms.dispatch.sight.curves import Curves
from csms.grid.network import BoolArray, FloatArray

LEVELS = (0.5, 1.0)
"""Shares of the full response that are verified: chargers reach their least power at different ones."""
BALANCED_LEVELS = (1.0,)
"""Where one phase stands for three, less load is more voltage: the ends are the extremes."""


@dataclass(frozen=True, slots=True, eq=False)
class DroopBand:
    """Changes of the power of N EVSEs by droop of their own, W, 0 for one without."""

    full_w: FloatArray  # (N,) <= 0, under-frequency
    present_w: FloatArray  # (N,) <= 0, at the frequency of now
    lo_w: FloatArray  # (N,) no response goes lower
    hi_w: FloatArray  # (N,) nor higher
    levels: tuple[float, ...] = LEVELS
    share: float = 1.0
    """Of the full response, for which setpoints are verified."""

    def up_to(self, share: float) -> DroopBand:
        return replace(self, share=share)

    def drawn_w(self, setpoint_w: FloatArray) -> list[FloatArray]:
        """Powers (N,) at each level to be verified beside the setpoints themselves."""
        changes = [level * self.share * self.full_w for level in self.levels if self.share > 0.0]
        if np.any(self.present_w < self.share * self.full_w):
            changes.append(self.present_w)
        low_w, high_w = np.minimum(setpoint_w, self.lo_w), np.maximum(setpoint_w, self.hi_w)
        return [np.clip(setpoint_w + change_w, low_w, high_w) for change_w in changes]

    def without_droop_w(self, power_w: FloatArray) -> FloatArray:
        """What EVSEs that draw ``power_w`` now would draw at nominal frequency, at most."""
        low_w, high_w = np.minimum(power_w, self.lo_w), np.maximum(power_w, self.hi_w)
        return np.clip(power_w - self.present_w, low_w, high_w)


def droop_band(
    curves: Curves,
    on: BoolArray,
    frequency_hz: float | None,
    nominal_hz: float,
    rated_w: FloatArray,
    lo_w: FloatArray,
    hi_w: FloatArray,
    *,
    balanced: bool = False,
) -> DroopBand | None:
    """For N EVSEs of which those that are ``on`` follow their curves; all (N,). ``None`` when nobody does.

    Full is where the steepest curve of all reaches its rating.
    """
    if not on.any():
        return None
    under_hz, under_pu = curves.under_freq_hz[on], curves.under_droop_pu[on]
    full_hz = float(under_hz.min() - nominal_hz * under_pu.min())
    full_w = np.where(on, curves.change_w(full_hz, nominal_hz, rated_w), 0.0)
    present_w = np.zeros(len(rated_w))
    if frequency_hz is not None:
        now_w = curves.change_w(frequency_hz, nominal_hz, rated_w)
        present_w = np.where(on, np.minimum(now_w, 0.0), 0.0)
    levels = BALANCED_LEVELS if balanced else LEVELS
    return DroopBand(full_w, present_w, np.where(on, lo_w, 0.0), np.where(on, hi_w, 0.0), levels)
