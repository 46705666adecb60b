"""Frequency of an aggregated system: swing equation, reheat governor, load damping.

The low-order model of Anderson and Mirheydar (1990), doi:10.1109/59.65898, as state equations, so
that it holds for any damping; optionally with a secondary control that restores the frequency.
Per unit on ``s_base_va``.
"""

from __future__ import annotations

from dataclasses import dataclass


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


@dataclass(slots=True)
class FrequencyState:
    """Deviation of speed, slow governor state and secondary control, all pu."""

    system: FrequencySystem
    dw: float = 0.0
    governor: float = 0.0
    agc: float = 0.0

    @property
    def f_hz(self) -> float:
        return self.system.f_nominal_hz * (1.0 + self.dw)

    def step(self, dt_s: float, surplus_pu: float) -> float:
        """One Runge-Kutta step of order 4; ``surplus_pu`` is generation minus load beyond the
        balance the system started from. Returns the frequency, Hz."""
        y = (self.dw, self.governor, self.agc)
        k1 = self._slope(y, surplus_pu)
        k2 = self._slope(_add(y, k1, dt_s / 2.0), surplus_pu)
        k3 = self._slope(_add(y, k2, dt_s / 2.0), surplus_pu)
        k4 = self._slope(_add(y, k3, dt_s), surplus_pu)
        self.dw, self.governor, self.agc = (
            y[i] + dt_s / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]) for i in range(3)
        )
        return self.f_hz

    def _slope(
        self, y: tuple[float, float, float], surplus_pu: float
    ) -> tuple[float, float, float]:
        s, (dw, slow, agc) = self.system, y
        gain = s.k_m / s.droop
        mechanical = slow - s.f_h * gain * dw + agc
        return (
            (mechanical + surplus_pu - s.d * dw) / (2.0 * s.h_s),
            (-(1.0 - s.f_h) * gain * dw - slow) / s.t_r_s,
            -s.agc_per_s * dw,
        )


def _add(
    y: tuple[float, float, float], k: tuple[float, float, float], h: float
) -> tuple[float, float, float]:
    return (y[0] + h * k[0], y[1] + h * k[1], y[2] + h * k[2])
