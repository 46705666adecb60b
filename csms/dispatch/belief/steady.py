"""What meters say about the feeder's model, without the noise of a moving fleet. Pure.

Powers and voltages are measured at different instants of a second. While chargers move, the difference between
measured and modelled voltage swings both ways, and a limit that follows each swing is broken by the next one. So the
difference that counts is the most cautious of the last few: the lowest where the voltage is low, else the highest.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from csms.grid.network import FloatArray

WINDOW = 8


class SteadyOffsets:
    """Keeps the differences of the last ``window`` cycles."""

    def __init__(self, window: int = WINDOW) -> None:
        self._seen: deque[FloatArray] = deque(maxlen=window)

    def cautious(self, modelled_v_pu: FloatArray, measured_v_pu: FloatArray) -> FloatArray:
        """``measured_v_pu`` (n, m), NaN where nothing is measured now, replaced by the model's voltage plus the most
        cautious of the recent differences."""
        self._seen.append(measured_v_pu - modelled_v_pu)
        recent = np.stack(self._seen)
        low = np.where(np.isnan(recent), np.inf, recent).min(axis=0)
        high = np.where(np.isnan(recent), -np.inf, recent).max(axis=0)
        offset = np.where(modelled_v_pu < 1.0, low, high)
        return np.where(np.isnan(measured_v_pu), np.nan, modelled_v_pu + offset)
