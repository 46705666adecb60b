"""State equations of the aggregate swing model, shared by every frequency study.

Per unit on the system base, dw = speed deviation, p_load > 0 for extra load or lost generation:

    2 H d(dw)/dt = sum_g Pm_g - D dw - p_load
    Pm_g = K (F v + (1 - F) x),   T_R dx/dt = v - x,   T_G dv/dt = u - v   (v = u when T_G = 0)
    u = clip(-deadband(dw) / R, -down, +up)

F = F_H, the high-pressure fraction, gives the reheat turbine of Anderson and Mirheydar, "A low-order
system frequency response model", IEEE Trans. Power Systems 5(3), 1990, DOI 10.1109/59.65898.
The equations are integrated (RK4): the published closed form fails when the response is
overdamped, which a fleet's droop makes it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Columns of the governor table.
_INV_DROOP, _GAIN, _HP, _INV_REHEAT, _INV_SERVO, _DEADBAND, _UP, _DOWN = range(8)


@dataclass(frozen=True, slots=True)
class PowerSystem:
    """An area reduced to one rotating mass."""

    f_nom_hz: float  # 50 or 60
    inertia_s: float  # H, on the system base, > 0
    damping_pu: float  # D, load's own relief, pu power per pu frequency, >= 0

    def __post_init__(self) -> None:
        require_positive("PowerSystem", f_nom_hz=self.f_nom_hz, inertia_s=self.inertia_s)
        require_non_negative("PowerSystem", damping_pu=self.damping_pu)


@dataclass(frozen=True, slots=True)
class Governor:
    """Primary control with reheat; `hp_frac = 1` is a turbine (or a fleet) without reheat."""

    droop_pu: float  # R, pu frequency per pu power, > 0
    gain_pu: float = 1.0  # K_m, share of the system base under this governor
    hp_frac: float = 1.0  # F_H, 0..1
    reheat_s: float = 1.0  # T_R, > 0
    servo_s: float = 0.0  # T_G, 0 = immediate
    deadband_pu: float = 0.0  # pu frequency, the response starts at its edge
    up_pu: float = math.inf  # headroom, on the governor's own base
    down_pu: float = math.inf

    def __post_init__(self) -> None:
        require_positive("Governor", droop_pu=self.droop_pu, reheat_s=self.reheat_s)
        require_non_negative(
            "Governor",
            gain_pu=self.gain_pu,
            servo_s=self.servo_s,
            deadband_pu=self.deadband_pu,
        )
        if not 0.0 <= self.hp_frac <= 1.0:
            raise ValueError(f"Governor.hp_frac: expected 0..1, got {self.hp_frac}")
        if not (self.up_pu >= 0.0 and self.down_pu >= 0.0):
            raise ValueError("Governor.up_pu, down_pu: expected >= 0")


def require_positive(where: str, **values: float) -> None:
    """Raise ValueError naming the first value that is not finite and > 0."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{where}.{name}: expected a finite number > 0, got {value}")


def require_non_negative(where: str, **values: float) -> None:
    """Raise ValueError naming the first value that is not finite and >= 0."""
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0.0):
            raise ValueError(f"{where}.{name}: expected a finite number >= 0, got {value}")


def governor_table(governors: Sequence[Governor]) -> FloatArray:
    """(n_gov, 8) rows 1/R, K, F, 1/T_R, 1/T_G (0 = immediate), deadband, up, down."""
    rows = [
        (
            1.0 / g.droop_pu,
            g.gain_pu,
            g.hp_frac,
            1.0 / g.reheat_s,
            1.0 / g.servo_s if g.servo_s > 0.0 else 0.0,
            g.deadband_pu,
            g.up_pu,
            g.down_pu,
        )
        for g in governors
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 8)


def step_count(t_end_s: float, dt_s: float) -> int:
    """Steps of `dt_s` in `t_end_s`; raises ValueError beyond 10 million (a bound on memory)."""
    require_positive("simulation", t_end_s=t_end_s, dt_s=dt_s)
    n = round(t_end_s / dt_s)
    if not 1 <= n <= 10_000_000:
        raise ValueError(
            f"simulation: {t_end_s} s at {dt_s} s is {n} steps, expected 1..10,000,000"
        )
    return n


def sample_times(n: int, dt_s: float) -> FloatArray:
    """(n,) times from 0, s."""
    return np.asarray(np.arange(n) * dt_s, np.float64)


@njit(cache=True, nogil=True, inline="always")
def soft_deadband(x: float, width: float) -> float:
    """Zero within +-width, then x less the edge (no jump at the edge)."""
    if x > width:
        return x - width
    if x < -width:
        return x + width
    return 0.0


@njit(cache=True, nogil=True)
def swing_derivative(
    state: FloatArray,  # (1 + 2 n_gov,): dw, then servo v and reheat x of each governor
    table: FloatArray,  # (n_gov, 8)
    two_h: float,
    damping: float,
    p_load: float,
    out: FloatArray,  # (1 + 2 n_gov,)
) -> float:
    """Fill `out` with d(state)/dt; returns the mechanical power, pu."""
    dw = state[0]
    p_mech = 0.0
    for g in range(table.shape[0]):
        u = -soft_deadband(dw, table[g, _DEADBAND]) * table[g, _INV_DROOP]
        u = min(max(u, -table[g, _DOWN]), table[g, _UP])
        v = state[1 + 2 * g]
        x = state[2 + 2 * g]
        if table[g, _INV_SERVO] > 0.0:
            out[1 + 2 * g] = (u - v) * table[g, _INV_SERVO]
        else:
            v = u
            out[1 + 2 * g] = 0.0
        out[2 + 2 * g] = (v - x) * table[g, _INV_REHEAT]
        p_mech += table[g, _GAIN] * (table[g, _HP] * v + (1.0 - table[g, _HP]) * x)
    out[0] = (p_mech - damping * dw - p_load) / two_h
    return p_mech


@njit(cache=True, nogil=True)
def swing_step(
    state: FloatArray,
    table: FloatArray,
    two_h: float,
    damping: float,
    p_load: float,
    dt: float,
    work: FloatArray,  # (5, 1 + 2 n_gov)
) -> None:
    """Advance `state` in place by one RK4 step with `p_load` held."""
    k1, k2, k3, k4, tmp = work[0], work[1], work[2], work[3], work[4]
    n = state.shape[0]
    swing_derivative(state, table, two_h, damping, p_load, k1)
    for i in range(n):
        tmp[i] = state[i] + 0.5 * dt * k1[i]
    swing_derivative(tmp, table, two_h, damping, p_load, k2)
    for i in range(n):
        tmp[i] = state[i] + 0.5 * dt * k2[i]
    swing_derivative(tmp, table, two_h, damping, p_load, k3)
    for i in range(n):
        tmp[i] = state[i] + dt * k3[i]
    swing_derivative(tmp, table, two_h, damping, p_load, k4)
    for i in range(n):
        state[i] += dt / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i])
