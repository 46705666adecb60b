"""Numba kernels of the twin; :mod:`csms.battery.degradation` is the door.

Virtual time: y = k x^p under changing k means u = y^(1/p) grows by k^(1/p) dx, an addition. So a step
costs a table look-up, and no power is taken before somebody asks for the loss.
Rainflow counting is the three-point rule of ASTM E1049-85, one sample at a time.
"""

from __future__ import annotations

import numpy as np
from numba import njit

STACK = 64  # open turning points kept; beyond it the oldest counts as a half cycle
WORK = 8 * STACK
# columns of the per-vehicle state
CALENDAR, CYCLING, KNEE, EFC, HOURS, DEPTH, LAST, LAST_H, N_STATE = 0, 1, 2, 3, 4, 5, 6, 7, 8


@njit(cache=True, nogil=True, fastmath=True)
def advance(soc, temp_c, dt_h, state, stack, stack_h, cal, cal_axes, cyc, cyc_axes, knee):  # type: ignore[no-untyped-def]
    """Move every vehicle through its samples; how many, fewer where a sample is not on the axes.

    (The check stands here because a row is in the cache when it is read again.)
    soc (n_veh, n_t); temp_c (n_veh or 1, n_t); state (n_veh, N_STATE); stack, stack_h (n_veh, STACK):
    open turning points and when they were. cal: (n_temp, n_soc) virtual days per day; axes hold
    (first, 1 / spacing) for each dimension. cyc: (n_temp, n_dod, n_rate) virtual EFC per EFC.
    """
    n_veh, n_t = soc.shape
    found, reached = np.empty(n_t + 1, np.int32), np.empty(n_t + 1, np.int32)
    points, times = np.empty(WORK), np.empty(WORK)
    for v in range(n_veh):
        row_t = v if temp_c.shape[0] > 1 else 0
        if _outside(soc[v], 0.0, 1.0):
            return v
        if row_t == v and _outside(
            temp_c[v], cal_axes[0], cal_axes[0] + (cal.shape[0] - 1) / cal_axes[1]
        ):
            return v
        u = _calendar(soc[v], temp_c[row_t], cal, cal_axes)
        state[v, CALENDAR] += u * dt_h / 24.0
        n = _turns(soc[v], state[v], stack[v], stack_h[v], found, reached)
        _count(
            soc[v], temp_c[row_t], dt_h, n, found, reached,
            state[v], stack[v], stack_h[v], points, times, cyc, cyc_axes, knee,
        )  # fmt: skip
    return n_veh


@njit(cache=True, nogil=True)
def _outside(values, low, high):  # type: ignore[no-untyped-def]
    """Whether any value is below, above or no number."""
    bad = 0
    for k in range(values.shape[0]):
        bad += not (low <= values[k] <= high)
    return bad > 0


@njit(cache=True, nogil=True, fastmath=True)
def _calendar(soc, temp_c, cal, cal_axes):  # type: ignore[no-untyped-def]
    """The sum of the table over the samples, bilinear."""
    n_temp, n_soc = cal.shape
    t_first, t_scale, s_first, s_scale = cal_axes
    u = 0.0
    for k in range(soc.shape[0]):
        ti = (temp_c[k] - t_first) * t_scale
        si = (soc[k] - s_first) * s_scale
        i = min(np.int32(ti), np.int32(n_temp - 2))  # inside the axes: checked before
        j = min(np.int32(si), np.int32(n_soc - 2))
        a, b = ti - i, si - j
        low = cal[i, j] + b * (cal[i, j + 1] - cal[i, j])
        high = cal[i + 1, j] + b * (cal[i + 1, j + 1] - cal[i + 1, j])
        u += low + a * (high - low)
    return u


@njit(cache=True, nogil=True)
def _turns(soc, state, points, times, found, reached):  # type: ignore[no-untyped-def]
    """How many turning points; `found`: the sample that gave each away, `reached`: the one that reached it.

    -1 is the last sample of an earlier call. Selects and a counter instead of branches: where a
    battery turns is not predictable, and most samples are no turning point.
    """
    if state[DEPTH] == 0.0:
        points[0], times[0] = soc[0], state[HOURS]
        state[LAST], state[LAST_H], state[DEPTH] = soc[0], state[HOURS], 1.0
    last = state[LAST]
    direction = last - points[int(state[DEPTH]) - 1]
    n, at = 0, -1
    for k in range(soc.shape[0]):
        delta = soc[k] - last
        found[n], reached[n] = k, at
        n += delta * direction < 0.0
        moved = delta != 0.0
        direction = delta if moved else direction
        at = k if moved else at
        last = soc[k]
    reached[n] = at
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def _count(  # type: ignore[no-untyped-def]
    soc, temp_c, dt_h, n, found, reached, state, stack, stack_h, points, times, cyc, axes, knee
):
    """Rainflow over the turning points; what is open stays on the stack.

    `points` and `times` are work space: the open points lie in [low, high), and dropping the first of
    them moves `low`, not the rest.
    """
    high, begin_h = int(state[DEPTH]), state[HOURS]
    last, last_h = state[LAST], state[LAST_H]
    base, slope, t_ref, soc_ref = knee
    cycling = total = knees = 0.0
    low = 0
    points[:high], times[:high] = stack[:high], stack_h[:high]
    for m in range(n):
        temp = temp_c[found[m]]
        if high - low == STACK:
            _add(points, times, low, 0.5, temp, state, cyc, axes, knee)
            low += 1
        if high == WORK:
            for k in range(high - low):
                points[k], times[k] = points[low + k], times[low + k]
            low, high = 0, high - low
        at = reached[m]
        points[high] = soc[at] if at >= 0 else last
        times[high] = begin_h + at * dt_h if at >= 0 else last_h
        high += 1
        while high - low >= 3:
            dod = abs(points[high - 2] - points[high - 3])
            if abs(points[high - 1] - points[high - 2]) < dod:
                break
            # the cycle from high - 3 to high - 2 has closed: as in _add, without its call
            rest = high - low == 3
            efc = 0.5 * dod if rest else dod
            hours = max(times[high - 2] - times[high - 3], 1e-6)
            cycling += efc * _trilinear(cyc, axes, temp, dod, dod / hours)
            total += efc
            if base > 0.0:
                mean = 0.5 * (points[high - 2] + points[high - 3])
                limit = base + slope * (temp + 273.15 - t_ref) * dod * mean / soc_ref
                knees += efc / max(limit, 0.1 * base)
            if rest:
                low += 1
            else:
                points[high - 3], times[high - 3] = points[high - 1], times[high - 1]
                high -= 2
    state[CYCLING] += cycling
    state[EFC] += total
    state[KNEE] += knees
    depth = high - low
    stack[:depth], stack_h[:depth] = points[low:high], times[low:high]
    if reached[n] >= 0:
        state[LAST_H] = begin_h + reached[n] * dt_h
    state[LAST] = soc[-1]
    state[DEPTH], state[HOURS] = depth, begin_h + soc.shape[0] * dt_h


@njit(cache=True, nogil=True, error_model="numpy")
def _add(points, times, at, count, temp_c, state, cyc, axes, knee):  # type: ignore[no-untyped-def]
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
        row, low = state[v], 0
        while depth - low >= 3:
            newest = abs(points[depth - 1] - points[depth - 2])
            if newest < abs(points[depth - 2] - points[depth - 3]):
                break
            if depth - low == 3:
                _add(points, times, low, 0.5, temp_c[v], row, cyc, cyc_axes, knee)
                low += 1
            else:
                _add(points, times, depth - 3, 1.0, temp_c[v], row, cyc, cyc_axes, knee)
                points[depth - 3], times[depth - 3] = points[depth - 1], times[depth - 1]
                depth -= 2
        for m in range(low, depth - 1):
            _add(points, times, m, 0.5, temp_c[v], row, cyc, cyc_axes, knee)
