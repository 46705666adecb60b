"""System frequency response to a loss of generation: nadir, its time, steady state, RoCoF.

Theory and sources in `csms.grid.swing`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from csms.grid.swing import (
    FloatArray,
    Governor,
    PowerSystem,
    governor_table,
    sample_times,
    step_count,
    swing_derivative,
    swing_step,
)

SETTLED_FRAC = 1e-3  # settled: range over the last fifth, relative to the largest deviation


@dataclass(frozen=True, slots=True)
class LoadStep:
    """At `t_s` the net load changes by `load_pu` (> 0: extra load or lost generation)."""

    t_s: float
    load_pu: float


@dataclass(frozen=True, slots=True)
class FrequencyResult:
    """Deviations from nominal. `steady_hz` is the last value: trust it where `settled`."""

    f_nom_hz: float
    nadir_hz: float  # lowest deviation
    nadir_t_s: float  # when it was reached
    peak_hz: float  # highest deviation
    steady_hz: float
    settled: bool
    rocof_hz_s: float  # df/dt of largest magnitude
    omega_n_rad_s: float | None  # of the second-order model; None when it does not apply
    zeta: float | None
    t_s: FloatArray  # (n + 1,)
    deviation_hz: FloatArray  # (n + 1,)
    mechanical_pu: FloatArray  # (n + 1,)


@dataclass(frozen=True, slots=True)
class FrequencyCase:
    """A system, its primary control and the disturbance."""

    system: PowerSystem
    governors: tuple[Governor, ...]
    steps: tuple[LoadStep, ...]


def second_order_modes(system: PowerSystem, governor: Governor) -> tuple[float, float]:
    """Natural frequency (rad/s) and damping ratio of the linear one-governor model.

    Holds for an immediate servo without deadband; above zeta = 1 the response is overdamped.
    """
    two_h, d, t_r = 2.0 * system.inertia_s, system.damping_pu, governor.reheat_s
    stiffness = d + governor.gain_pu / governor.droop_pu
    omega_n = math.sqrt(stiffness / (two_h * t_r))
    friction = two_h + (d + governor.gain_pu * governor.hp_frac / governor.droop_pu) * t_r
    return omega_n, friction / (2.0 * two_h * t_r * omega_n)


def simulate_frequency(
    system: PowerSystem,
    governors: Sequence[Governor],
    steps: Sequence[LoadStep],
    *,
    t_end_s: float = 60.0,
    dt_s: float = 0.005,
) -> FrequencyResult:
    """Integrate the swing equation from rest.

    A step takes effect at the sample nearest to its time. Raises ValueError for a step outside
    the simulated time or an unbounded number of samples.
    """
    n = step_count(t_end_s, dt_s)
    load = load_profile(steps, n, dt_s)
    dw, rate, p_mech = _integrate(
        governor_table(governors), 2.0 * system.inertia_s, system.damping_pu, load, dt_s
    )
    t = sample_times(n + 1, dt_s)
    deviation = dw * system.f_nom_hz
    nadir_t, nadir = _refined_minimum(t, deviation)
    omega_n, zeta = None, None
    if len(governors) == 1 and governors[0].servo_s == 0.0 and governors[0].deadband_pu == 0.0:
        omega_n, zeta = second_order_modes(system, governors[0])
    return FrequencyResult(
        f_nom_hz=system.f_nom_hz,
        nadir_hz=nadir,
        nadir_t_s=nadir_t,
        peak_hz=float(deviation.max()),
        steady_hz=float(deviation[-1]),
        settled=bool(np.ptp(dw[-len(dw) // 5 :]) <= SETTLED_FRAC * np.abs(dw).max()),
        rocof_hz_s=float(rate[np.argmax(np.abs(rate))]) * system.f_nom_hz,
        omega_n_rad_s=omega_n,
        zeta=zeta,
        t_s=t,
        deviation_hz=deviation,
        mechanical_pu=p_mech,
    )


def load_profile(steps: Sequence[LoadStep], n: int, dt_s: float) -> FloatArray:
    """(n + 1,) net load by sample, pu. Raises ValueError for a step outside the samples."""
    load = np.zeros(n + 1)
    for step in steps:
        if not (math.isfinite(step.load_pu) and 0.0 <= step.t_s <= n * dt_s):
            raise ValueError(f"{step}: expected a finite load_pu and 0 <= t_s <= {n * dt_s:g}")
        load[round(step.t_s / dt_s) :] += step.load_pu
    return load


def _refined_minimum(t: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Vertex of the parabola through the lowest sample and its neighbours."""
    k = int(np.argmin(y))
    if k in (0, len(y) - 1):
        return float(t[k]), float(y[k])
    left, mid, right = y[k - 1], y[k], y[k + 1]
    curvature = left - 2.0 * mid + right
    if curvature <= 0.0:
        return float(t[k]), float(mid)
    shift = 0.5 * (left - right) / curvature
    return float(t[k] + shift * (t[1] - t[0])), float(mid - 0.25 * (left - right) * shift)


@njit(cache=True, nogil=True)
def _integrate(
    table: FloatArray, two_h: float, damping: float, load: FloatArray, dt: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    n = load.shape[0]
    size = 1 + 2 * table.shape[0]
    state, work = np.zeros(size), np.zeros((5, size))
    dw, rate, p_mech = np.empty(n), np.empty(n), np.empty(n)
    for k in range(n):
        p_mech[k] = swing_derivative(state, table, two_h, damping, load[k], work[0])
        dw[k], rate[k] = state[0], work[0, 0]
        swing_step(state, table, two_h, damping, load[k], dt, work)
    return dw, rate, p_mech
