"""The droop curves of N EVSEs as arrays. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csms.domain.der import FreqDroop
from csms.grid.network import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """(N,) each; infinite slopes where an EVSE has no curve, so that it never moves."""

    under_freq_hz: FloatArray
    under_droop_pu: FloatArray
    over_freq_hz: FloatArray
    over_droop_pu: FloatArray

    @classmethod
    def none(cls, n: int) -> Curves:
        return cls(np.zeros(n), np.full(n, np.inf), np.full(n, np.inf), np.full(n, np.inf))

    @classmethod
    def of(cls, curves: Sequence[FreqDroop | None]) -> Curves:
        found = cls.none(len(curves))
        for i, curve in enumerate(curves):
            found.put(i, curve)
        return found

    def put(self, i: int, curve: FreqDroop | None) -> None:
        """Give EVSE ``i`` this curve, or none."""
        if curve is None:
            row = (0.0, np.inf, np.inf, np.inf)
        else:
            row = (
                curve.under_freq_hz, curve.under_droop_pu, curve.over_freq_hz, curve.over_droop_pu
            )  # fmt: skip
        self.under_freq_hz[i], self.under_droop_pu[i] = row[:2]
        self.over_freq_hz[i], self.over_droop_pu[i] = row[2:]

    @property
    def on(self) -> BoolArray:
        """(N,) who has a curve."""
        return np.isfinite(self.under_droop_pu)

    def change_w(
        self, frequency_hz: float | FloatArray, nominal_hz: float, rated_w: FloatArray
    ) -> FloatArray:
        """(N,) change of power (import > 0) that each curve asks of a unit of ``rated_w`` (N,).

        IEEE 1547-2018 eq. 4, as :func:`csms.dispatch.frequency.frequency_support.droop_power_w`.
        """
        under = np.minimum(frequency_hz - self.under_freq_hz, 0.0) / self.under_droop_pu
        over = np.maximum(frequency_hz - self.over_freq_hz, 0.0) / self.over_droop_pu
        return np.clip((under + over) / nominal_hz, -1.0, 1.0) * rated_w
