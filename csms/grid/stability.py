"""Small-signal stability of a system with a delayed fleet droop: damping, and the delay limit.

Linear model, per unit: the fleet adds power  K e^{-s tau} / (1 + s T) dw  to the swing equation,

    2 H s + D + G(s) + K e^{-s tau} / (1 + s T) = 0
    G(s) = sum_g K_g/R_g (1 + F T_R s) / ((1 + T_R s)(1 + T_G s))

`delay_limit` finds the least delay that puts a root on the imaginary axis (the phase margin over
the crossover frequency). `dominant_mode` finds the rightmost roots by Chebyshev collocation of the
solution operator's generator: Breda, Maset and Vermiglio, SIAM J. Sci. Comput. 27(2), 2005,
DOI 10.1137/030601600. The two are independent and check each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from csms.grid.frequency_cases import preset_case
from csms.grid.swing import (
    FloatArray,
    Governor,
    PowerSystem,
    require_non_negative,
    require_positive,
)

ComplexArray = NDArray[np.complex128]

COLLOCATION = 20  # nodes on the delay; roots of interest converge to 1e-9 well before
CHAIN_DECAY = 2.0  # a root that falls below e^-2 within one delay belongs to the delay's chain
OMEGA_MIN_RAD_S, OMEGA_MAX_RAD_S, OMEGA_POINTS = 1e-3, 1e3, 4000


@dataclass(frozen=True, slots=True)
class DelayLimit:
    """Where delay makes the fleet oscillate. `delay_s` is None: stable for every delay."""

    delay_s: float | None
    oscillation_hz: float | None  # frequency of the sustained oscillation at the limit


@dataclass(frozen=True, slots=True)
class DominantMode:
    """The rightmost oscillatory root that outlives the delay; without one, ratio 1, `mode_hz` 0.

    A delay brings an endless chain of roots of its own, gone within a delay: not the swing mode.
    """

    damping_ratio: float  # negative: the oscillation grows
    mode_hz: float
    growth_per_s: float  # real part of the rightmost root of all; < 0 is stable


@dataclass(frozen=True, slots=True)
class DampingStudy:
    """Damping ratio over fleet gain (rows) and delay (columns), with each gain's delay limit."""

    gain_pu: FloatArray  # (n_gain,)
    delay_s: FloatArray  # (n_delay,)
    damping_ratio: FloatArray  # (n_gain, n_delay)
    growth_per_s: FloatArray  # (n_gain, n_delay)
    limits: tuple[DelayLimit, ...]  # (n_gain,)
    fleet_share_pu: float = 1.0  # rated power of the fleet on the system base

    @property
    def droop_pu(self) -> FloatArray:
        """(n_gain,) droop of the vehicles that gives each gain."""
        return self.fleet_share_pu / self.gain_pu


def delay_limit(
    system: PowerSystem, governors: Sequence[Governor], gain_pu: float, lag_s: float
) -> DelayLimit:
    """Least fleet delay that sustains an oscillation, for `gain_pu` (pu power per pu frequency).

    At a crossover |K/(1 + jwT)| = |2Hjw + D + G(jw)| the delay turns the fleet by the angle that
    is left. Assumes stability without delay. Raises ValueError for a gain or lag out of range.
    """
    require_positive("delay_limit", gain_pu=gain_pu)
    require_non_negative("delay_limit", lag_s=lag_s)

    def excess(log_omega: FloatArray) -> FloatArray:
        s = 1j * np.exp(log_omega)
        own = np.abs(gain_pu / (1.0 + s * lag_s)) - np.abs(_plant(system, governors, s))
        return np.asarray(own, np.float64)

    grid = np.linspace(math.log(OMEGA_MIN_RAD_S), math.log(OMEGA_MAX_RAD_S), OMEGA_POINTS)
    values = excess(grid)
    best: tuple[float, float] | None = None
    for k in np.flatnonzero(np.sign(values[:-1]) != np.sign(values[1:])):
        omega = math.exp(brentq(excess, grid[k], grid[k + 1], xtol=1e-14))
        s = np.array(1j * omega)
        turn = -np.angle(-_plant(system, governors, s) * (1.0 + s * lag_s) / gain_pu)
        delay = float(turn % (2.0 * math.pi)) / omega
        if best is None or delay < best[0]:
            best = (delay, omega / (2.0 * math.pi))
    return DelayLimit(*(best or (None, None)))


def dominant_mode(
    system: PowerSystem,
    governors: Sequence[Governor],
    gain_pu: float,
    lag_s: float,
    delay_s: float,
) -> DominantMode:
    """Rightmost roots of the linear model with the fleet's delay."""
    require_non_negative("dominant_mode", gain_pu=gain_pu, lag_s=lag_s, delay_s=delay_s)
    roots = _characteristic_roots(*_state_matrices(system, governors, gain_pu, lag_s), delay_s)
    swinging = roots[(roots.imag > 1e-6) & (-roots.real * delay_s < CHAIN_DECAY)]
    growth = float(roots.real.max())
    if not swinging.size:
        return DominantMode(damping_ratio=1.0, mode_hz=0.0, growth_per_s=growth)
    root = swinging[np.argmax(swinging.real)]
    return DominantMode(
        damping_ratio=float(-root.real / abs(root)),
        mode_hz=float(root.imag / (2.0 * math.pi)),
        growth_per_s=growth,
    )


def damping_study(
    preset: str = "sfr",
    *,
    gains_pu: Sequence[float] = (5.0, 10.0, 20.0, 40.0, 80.0),
    delays_s: Sequence[float] = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0),
    lag_s: float = 0.1,
    fleet_share_pu: float = 1.0,
) -> DampingStudy:
    """The damping that a fleet gives against its droop gain and its delay.

    A fleet of rated power `fleet_share_pu` (P/S) with droop r has gain (P/S)/r. Raises ValueError
    for an unknown preset.
    """
    case = preset_case(preset)
    if any(g.deadband_pu > 0.0 or math.isfinite(min(g.up_pu, g.down_pu)) for g in case.governors):
        raise ValueError(
            f"damping is of a linear system: preset {preset!r} has reserves with deadbands and limits"
        )
    modes = [
        [dominant_mode(case.system, case.governors, g, lag_s, d) for d in delays_s]
        for g in gains_pu
    ]
    return DampingStudy(
        gain_pu=np.array(gains_pu, np.float64),
        delay_s=np.array(delays_s, np.float64),
        damping_ratio=np.array([[m.damping_ratio for m in row] for row in modes]),
        growth_per_s=np.array([[m.growth_per_s for m in row] for row in modes]),
        limits=tuple(delay_limit(case.system, case.governors, g, lag_s) for g in gains_pu),
        fleet_share_pu=fleet_share_pu,
    )


def _plant(system: PowerSystem, governors: Sequence[Governor], s: ComplexArray) -> ComplexArray:
    total = 2.0 * system.inertia_s * s + system.damping_pu
    for g in governors:
        reheat = (1.0 + g.hp_frac * g.reheat_s * s) / (1.0 + g.reheat_s * s)
        total += g.gain_pu / g.droop_pu * reheat / (1.0 + g.servo_s * s)
    return total


def _state_matrices(
    system: PowerSystem, governors: Sequence[Governor], gain_pu: float, lag_s: float
) -> tuple[FloatArray, FloatArray]:
    """A0, A1 of x' = A0 x + A1 x(t - tau); states dw, (v, x) per governor, fleet power."""
    size = 2 + 2 * len(governors)
    now, delayed = np.zeros((size, size)), np.zeros((size, size))
    two_h = 2.0 * system.inertia_s
    now[0, 0] = -system.damping_pu / two_h
    for g, governor in enumerate(governors):
        v, x = 1 + 2 * g, 2 + 2 * g
        k, hp = governor.gain_pu / two_h, governor.hp_frac
        now[0, x] = k * (1.0 - hp)
        now[x, x] = -1.0 / governor.reheat_s
        if governor.servo_s > 0.0:
            now[v, 0] = -1.0 / (governor.droop_pu * governor.servo_s)
            now[v, v] = -1.0 / governor.servo_s
            now[0, v] += k * hp
            now[x, v] = 1.0 / governor.reheat_s
        else:
            now[0, 0] -= k * hp / governor.droop_pu
            now[x, 0] = -1.0 / (governor.droop_pu * governor.reheat_s)
            now[v, v] = -1.0  # unused state, kept stable
    fleet = size - 1
    if lag_s > 0.0:
        now[0, fleet] = -1.0 / two_h
        now[fleet, fleet] = -1.0 / lag_s
        delayed[fleet, 0] = gain_pu / lag_s
    else:
        now[fleet, fleet] = -1.0
        delayed[0, 0] = -gain_pu / two_h
    return now, delayed


def _characteristic_roots(now: FloatArray, delayed: FloatArray, delay_s: float) -> ComplexArray:
    if delay_s == 0.0:
        return np.asarray(np.linalg.eigvals(now + delayed), np.complex128)
    size = now.shape[0]
    k = np.arange(COLLOCATION + 1)
    nodes = np.cos(np.pi * k / COLLOCATION)  # 1 is the present, -1 is one delay ago
    weight = np.where((k == 0) | (k == COLLOCATION), 2.0, 1.0) * (-1.0) ** k
    gap = nodes[:, None] - nodes[None, :] + np.eye(COLLOCATION + 1)
    diff = np.outer(weight, 1.0 / weight) / gap
    diff -= np.diag(diff.sum(axis=1))
    generator = np.kron(diff * 2.0 / delay_s, np.eye(size))
    generator[:size] = 0.0
    generator[:size, :size] = now
    generator[:size, -size:] = delayed
    return np.asarray(np.linalg.eigvals(generator), np.complex128)
