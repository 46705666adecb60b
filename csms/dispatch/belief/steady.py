"""What meters say about the feeder's model, without the noise of a moving fleet. Pure.

Powers and voltages are measured at different instants of a second. While chargers move, the difference between
measured and modelled voltage swings both ways, and a limit that follows each swing is broken by the next one. So the
difference that counts is the most cautious of the last few: the lowest where the voltage is low, else the highest.
"""

from __future__ import annotations

import numpy as np

from csms.grid.network import FloatArray

WINDOW = 8


class SteadyOffsets:
    """Keeps the differences of the last ``window`` cycles at each of n buses' m phases."""

    def __init__(self, n: int, m: int, window: int = WINDOW) -> None:
        self._seen = np.full((window, n, m), np.nan)
        self._next = 0

    def cautious(self, modelled_v_pu: FloatArray, measured_v_pu: FloatArray) -> FloatArray:
        """``measured_v_pu`` (n, m), NaN where nothing is measured now, replaced by the model's voltage plus the most
        cautious of the recent differences."""
        self._seen[self._next] = measured_v_pu - modelled_v_pu
        self._next = (self._next + 1) % len(self._seen)
        low, high = np.fmin.reduce(self._seen), np.fmax.reduce(self._seen)
        offset = np.where(modelled_v_pu < 1.0, low, high)
        return np.where(np.isnan(measured_v_pu), np.nan, modelled_v_pu + offset)
