"""What the chargers' own droop may do to setpoints before the next ones arrive. Pure.

A charger with an installed droop draws its setpoint and what the droop adds (G7); nobody asks the dispatcher. Charging
that ends, or feeding back, on one phase moves the voltage of the others (mutual coupling, neutral), so setpoints must
hold from no droop to the full under-frequency response, and at the droop that acts now. The over-frequency response
lifts everybody towards the rating, whatever the setpoints: to make room for it would be to undo it, so it is left to
the measured voltages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from csms.dispatch.frequency_support import droop_power_w
from csms.domain.der import FreqDroop
from csms.grid.network import FloatArray

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
    curves: Sequence[FreqDroop | None],
    frequency_hz: float | None,
    nominal_hz: float,
    rated_w: FloatArray,
    lo_w: FloatArray,
    hi_w: FloatArray,
    *,
    balanced: bool = False,
) -> DroopBand | None:
    """For EVSEs on ``curves`` (N), ``None`` for one without; all (N,). ``None`` when nobody has one.

    Full is where the steepest curve of all reaches its rating.
    """
    on = [i for i, curve in enumerate(curves) if curve is not None]
    known = [curve for curve in curves if curve is not None]
    if not known:
        return None
    full_hz = min(c.under_freq_hz for c in known) - nominal_hz * min(
        c.under_droop_pu for c in known
    )
    full_w, present_w = np.zeros(len(rated_w)), np.zeros(len(rated_w))
    full_w[on] = [
        droop_power_w(c, full_hz, nominal_hz, rated)
        for c, rated in zip(known, rated_w[on], strict=True)
    ]
    if frequency_hz is not None:
        present_w[on] = [
            min(droop_power_w(c, frequency_hz, nominal_hz, rated), 0.0)
            for c, rated in zip(known, rated_w[on], strict=True)
        ]
    levels = BALANCED_LEVELS if balanced else LEVELS
    return DroopBand(full_w, present_w, lo_w, hi_w, levels)
