"""Numba kernels of the twin. No checks: :mod:`csms.battery.degradation` is the door.

Virtual time: y = k x^p under changing k means u = y^(1/p) grows by k^(1/p) dx, an addition. So a step
costs a table look-up, and no power is taken before somebody asks for the loss.
Rainflow counting is the three-point rule of ASTM E1049-85, one sample at a time.
"""

from __future__ import annotations

import numpy as np
from numba import njit

STACK = 64  # open turning points kept; beyond it the oldest counts as a half cycle
# columns of the per-vehicle state
CALENDAR, CYCLING, KNEE, EFC, HOURS, DEPTH, LAST, LAST_H, N_STATE = 0, 1, 2, 3, 4, 5, 6, 7, 8


@njit(cache=True, nogil=True, fastmath=True)
def advance(soc, temp_c, dt_h, state, stack, stack_h, cal, cal_axes, cyc, cyc_axes, knee):  # type: ignore[no-untyped-def]
    """Move every vehicle through its samples.

    soc (n_veh, n_t); temp_c (n_veh or 1, n_t); state (n_veh, N_STATE); stack, stack_h (n_veh, STACK):
    open turning points and when they were. cal: (n_temp, n_soc) virtual days per day; axes hold
    (first, 1 / spacing) for each dimension. cyc: (n_temp, n_dod, n_rate) virtual EFC per EFC.
    """
    n_veh, n_t = soc.shape
    days = dt_h / 24.0
    n_temp, n_soc = cal.shape
    t_first, t_scale, s_first, s_scale = cal_axes
    for v in range(n_veh):
        row_t = v if temp_c.shape[0] > 1 else 0
        u = 0.0
        for k in range(n_t):
            ti = (temp_c[row_t, k] - t_first) * t_scale
            si = (soc[v, k] - s_first) * s_scale
            i = min(np.int32(ti), np.int32(n_temp - 2))  # inside the axes: the door has checked
            j = min(np.int32(si), np.int32(n_soc - 2))
            a, b = ti - i, si - j
            low = cal[i, j] + b * (cal[i, j + 1] - cal[i, j])
            high = cal[i + 1, j] + b * (cal[i + 1, j + 1] - cal[i + 1, j])
            u += low + a * (high - low)
        state[v, CALENDAR] += u * days
        _count(soc[v], temp_c[row_t], dt_h, state[v], stack[v], stack_h[v], cyc, cyc_axes, knee)


@njit(cache=True, nogil=True, error_model="numpy")
def _count(soc, temp_c, dt_h, state, points, times, cyc, axes, knee):  # type: ignore[no-untyped-def]
    depth = int(state[DEPTH])
    last, last_h, now = state[LAST], state[LAST_H], state[HOURS]
    if depth == 0:
        points[0], times[0] = soc[0], now
        last, last_h, depth = soc[0], now, 1
    direction = last - points[depth - 1]
    for k in range(soc.shape[0]):
        value = soc[k]
        delta = value - last
        if delta * direction < 0.0:  # `last` was a turning point
            if depth == STACK:
                _damage(points, times, 0, 0.5, temp_c[k], state, cyc, axes, knee)
                depth = _drop_first(points, times, depth)
            points[depth], times[depth] = last, last_h
            depth = _close(points, times, depth + 1, temp_c[k], state, cyc, axes, knee)
        moved = delta != 0.0  # selects, not branches: a plateau is not predictable
        direction = delta if moved else direction
        last_h = now if moved else last_h
        last = value
        now += dt_h
    state[DEPTH] = depth
    state[LAST], state[LAST_H], state[HOURS] = last, last_h, now


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _close(points, times, depth, temp_c, state, cyc, axes, knee):  # type: ignore[no-untyped-def]
    while depth >= 3:
        newest = abs(points[depth - 1] - points[depth - 2])
        before = abs(points[depth - 2] - points[depth - 3])
        if newest < before:
            break
        if depth == 3:
            _damage(points, times, 0, 0.5, temp_c, state, cyc, axes, knee)
            points[0], times[0] = points[1], times[1]
            points[1], times[1] = points[2], times[2]
            depth = 2
        else:
            _damage(points, times, depth - 3, 1.0, temp_c, state, cyc, axes, knee)
            points[depth - 3], times[depth - 3] = points[depth - 1], times[depth - 1]
            depth -= 2
    return depth


@njit(cache=True, nogil=True, error_model="numpy")
def _drop_first(points, times, depth):  # type: ignore[no-untyped-def]
    for m in range(1, depth):
        points[m - 1], times[m - 1] = points[m], times[m]
    return depth - 1


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _damage(points, times, at, count, temp_c, state, cyc, axes, knee):  # type: ignore[no-untyped-def]
    """Add the cycle between points `at` and `at` + 1 to the state."""
    dod = abs(points[at + 1] - points[at])
    hours = max(times[at + 1] - times[at], 1e-6)
    efc = count * dod
    state[CYCLING] += efc * _trilinear(cyc, axes, temp_c, dod, dod / hours)
    state[EFC] += efc
    if knee[0] > 0.0:
        mean = 0.5 * (points[at + 1] + points[at])
        limit = knee[0] + knee[1] * (temp_c + 273.15 - knee[2]) * dod * mean / knee[3]
        state[KNEE] += efc / max(limit, 0.1 * knee[0])


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def _trilinear(table, axes, temp_c, dod, rate):  # type: ignore[no-untyped-def]
    x = (temp_c - axes[0]) * axes[1]
    y = (dod - axes[2]) * axes[3]
    z = (rate - axes[4]) * axes[5]
    i = min(max(int(x), 0), table.shape[0] - 2)
    j = min(max(int(y), 0), table.shape[1] - 2)
    k = min(max(int(z), 0), table.shape[2] - 2)
    a = min(max(x - i, 0.0), 1.0)
    b = min(max(y - j, 0.0), 1.0)
    c = min(max(z - k, 0.0), 1.0)
    total = 0.0
    for m, w in ((i, 1.0 - a), (i + 1, a)):
        near = table[m, j, k] + c * (table[m, j, k + 1] - table[m, j, k])
        far = table[m, j + 1, k] + c * (table[m, j + 1, k + 1] - table[m, j + 1, k])
        total += w * (near + b * (far - near))
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def settle(temp_c, state, stack, stack_h, cyc, cyc_axes, knee):  # type: ignore[no-untyped-def]
    """Add what is still open as half cycles, on copies: the loss as of now. temp_c (n_veh,)."""
    for v in range(state.shape[0]):
        depth = int(state[v, DEPTH])
        points, times = np.empty(STACK + 1), np.empty(STACK + 1)
        points[:depth], times[:depth] = stack[v, :depth], stack_h[v, :depth]
        points[depth], times[depth] = state[v, LAST], state[v, LAST_H]
        if depth >= 1 and state[v, LAST] != points[depth - 1]:
            depth += 1
        depth = _close(points, times, depth, temp_c[v], state[v], cyc, cyc_axes, knee)
        for m in range(depth - 1):
            _damage(points, times, m, 0.5, temp_c[v], state[v], cyc, cyc_axes, knee)
