"""Frequency of an aggregated system: swing equation, reheat governor, load damping.

The low-order model of Anderson and Mirheydar (1990), doi:10.1109/59.65898, as state equations, so
that it holds for any damping; optionally with a secondary control that restores the frequency.
Per unit on ``s_base_va``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm


@dataclass(frozen=True, slots=True)
class FrequencySystem:
    """``h_s`` inertia constant, ``droop`` R, ``k_m`` mechanical gain, ``f_h`` high-pressure
    fraction, ``t_r_s`` reheat time constant, ``d`` load damping; ``agc_per_s`` integral gain of
    the secondary control, pu power per pu frequency and second, 0 for none."""

    f_nominal_hz: float = 50.0
    s_base_va: float = 10e6
    h_s: float = 4.0
    droop: float = 0.05
    k_m: float = 0.95
    f_h: float = 0.3
    t_r_s: float = 8.0
    d: float = 1.0
    agc_per_s: float = 0.0

    def __post_init__(self) -> None:
        if min(self.f_nominal_hz, self.s_base_va, self.h_s, self.droop, self.t_r_s) <= 0.0:
            raise ValueError("frequency system: f_nominal_hz, s_base_va, h_s, droop, t_r_s > 0")


class FrequencyState:
    """State is (speed deviation, slow governor output, secondary control), pu.

    The system is linear, so a step under constant power is exact whatever its length.
    """

    def __init__(self, system: FrequencySystem) -> None:
        self.system = system
        self._x = np.zeros(4)  # (3 states + constant input), pu
        self._dt_s = 0.0
        self._advance = np.eye(4)

    @property
    def f_hz(self) -> float:
        return self.system.f_nominal_hz * (1.0 + float(self._x[0]))

    def step(self, dt_s: float, surplus_pu: float) -> float:
        """Advances ``dt_s`` seconds; ``surplus_pu`` is generation minus load beyond the balance
        the system started from. Returns the frequency, Hz."""
        if dt_s != self._dt_s:
            self._dt_s, self._advance = dt_s, expm(self._matrix() * dt_s)
        self._x[3] = surplus_pu
        self._x = self._advance @ self._x
        return self.f_hz

    def _matrix(self) -> NDArray[np.float64]:
        """d/dt of (speed, governor, secondary, surplus); the last is held."""
        s = self.system
        gain, m = s.k_m / s.droop, 2.0 * s.h_s
        return np.array(
            [
                [-(s.f_h * gain + s.d) / m, 1.0 / m, 1.0 / m, 1.0 / m],
                [-(1.0 - s.f_h) * gain / s.t_r_s, -1.0 / s.t_r_s, 0.0, 0.0],
                [-s.agc_per_s, 0.0, 0.0, 0.0],
                [0.0, 0.0, 0.0, 0.0],
            ]
        )
