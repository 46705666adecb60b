"""Numba kernel of the dispatcher: a dual active-set Newton method on the tree. Per unit, no checks.

    minimise    sum_i w_i / 2 (x_i - d_i)^2,   lo_i <= x_i <= hi_i
    subject to  C x <= b

where a row of C says how one voltage or one branch flow answers to power at each node and phase; only rows
that are violated on the way are ever formed. For multipliers lam the optimal x is known in closed form,
x_i = clip(d_i - (C' lam)_i / w_i, lo_i, hi_i), so the dual is a piecewise quadratic in as many variables as
rows bind. It is climbed by Newton steps with lam in [0, cap]; a row at its cap cannot be met (exact penalty).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from csms.dispatch.optimum._box_qp import maximise
from csms.grid._sweep import FAST
from csms.grid.lindistflow import forward

V_LOW, V_HIGH, FLOW_IN, FLOW_OUT = 1, 2, 3, 4
OPTIMAL, MAX_ROUNDS, TOO_MANY_ROWS, AT_CAP = 0, 1, 2, 3
_MAX_NEWTON = 60
_MAX_LINE_SEARCH = 40


@njit(cache=True, nogil=True, fastmath=FAST)
def form_row(parent, r, gain, kind, node, phase, row):  # type: ignore[no-untyped-def]
    """``row`` (n, m): answer of one limited quantity to load at each node and phase, sign as in C."""
    n, m = row.shape
    row[:] = 0.0
    if kind >= FLOW_IN:
        sign = 1.0 if kind == FLOW_IN else -1.0
        for f in range(m):
            if phase == f or phase == m:  # noqa: PLR1714, SIM109 - numba
                row[node, f] = sign
        for i in range(node + 1, n):
            k = parent[i]
            for f in range(m):
                row[i, f] = row[k, f]
        return
    sign = 1.0 if kind == V_LOW else -1.0
    on_path = np.zeros(n, np.float64)
    at = node
    weight = 2.0 * sign
    while at > 0:
        on_path[at] = weight
        weight *= gain[at, phase]
        at = parent[at]
    for i in range(1, n):
        k = parent[i]
        w = on_path[i]
        if w != 0.0:
            for f in range(m):
                row[i, f] = row[k, f] + w * r[i, phase, f]
        else:
            for f in range(m):
                row[i, f] = row[k, f]


@njit(cache=True, nogil=True, fastmath=FAST)
def _primal(rows, lam, count, node, share, lo, hi, d, winv, y, x, load, free):  # type: ignore[no-untyped-def]
    """x for the multipliers; the load it makes (n, m); and the curvature ``free`` (n, m, m)."""
    n, m = y.shape
    y[:] = 0.0
    for k in range(count):
        weight = lam[k]
        if weight != 0.0:
            for i in range(n):
                for f in range(m):
                    y[i, f] += weight * rows[k, i, f]
    load[:] = 0.0
    free[:] = 0.0
    for e in range(x.shape[0]):
        i = node[e]
        price = 0.0
        for f in range(m):
            price += share[e, f] * y[i, f]
        value = d[e] - price * winv[e]
        inside = True
        if value < lo[e]:
            value = lo[e]
            inside = False
        elif value > hi[e]:
            value = hi[e]
            inside = False
        x[e] = value
        if m == 1:
            load[i, 0] += share[e, 0] * value
            if inside and hi[e] > lo[e]:
                free[i, 0, 0] += share[e, 0] * share[e, 0] * winv[e]
        else:
            for f in range(m):
                sf = share[e, f]
                load[i, f] += sf * value
                if inside and hi[e] > lo[e]:
                    for g in range(m):
                        free[i, f, g] += sf * share[e, g] * winv[e]


@njit(cache=True, nogil=True, fastmath=FAST)
def _excess(rows, count, load, bound, excess):  # type: ignore[no-untyped-def]
    """C x - b of the formed rows."""
    n, m = load.shape
    for k in range(count):
        total = -bound[k]
        for i in range(n):
            for f in range(m):
                total += rows[k, i, f] * load[i, f]
        excess[k] = total


@njit(cache=True, nogil=True, fastmath=FAST)
def _curvature(rows, count, free, hess):  # type: ignore[no-untyped-def]
    n, m = free.shape[0], free.shape[1]
    for a in range(count):
        for b in range(a + 1):
            total = 0.0
            for i in range(n):
                for f in range(m):
                    for g in range(m):
                        total += rows[a, i, f] * free[i, f, g] * rows[b, i, g]
            hess[a, b] = total
            hess[b, a] = total


@njit(cache=True, nogil=True)
def _newton(rows, count, bound, lam, cap, tol, node, share, lo, hi, d, winv, y, x, load, free):  # type: ignore[no-untyped-def]
    """Climbs the dual over the formed rows. -> Newton steps taken, largest remaining KKT error.

    Each step maximises the local quadratic exactly within 0 <= lam <= cap, which makes it an ascent direction, and
    is shortened where the slope turned well past its zero.
    """
    excess, move, tried = np.empty(count), np.empty(count), np.empty(count)
    low, high = np.empty(count), np.empty(count)
    hess = np.empty((count, count))
    _primal(rows, lam, count, node, share, lo, hi, d, winv, y, x, load, free)
    _excess(rows, count, load, bound, excess)
    for step in range(_MAX_NEWTON):
        error = 0.0
        for k in range(count):
            g = excess[k]
            if not ((lam[k] <= 0.0 and g <= 0.0) or (lam[k] >= cap[k] and g >= 0.0)):
                error = max(error, abs(g))
        if error <= tol:
            return step, error
        _curvature(rows, count, free, hess)
        for k in range(count):
            low[k] = -lam[k]
            high[k] = cap[k] - lam[k]
        maximise(hess, excess, low, high, move)
        slope0 = 0.0
        for k in range(count):
            slope0 += move[k] * excess[k]
        left, right, slope_left, slope_right = 0.0, 1.0, slope0, 0.0
        alpha = 1.0
        for _ in range(_MAX_LINE_SEARCH):
            for k in range(count):
                tried[k] = min(max(lam[k] + alpha * move[k], 0.0), cap[k])
            _primal(rows, tried, count, node, share, lo, hi, d, winv, y, x, load, free)
            _excess(rows, count, load, bound, excess)
            slope = 0.0
            for k in range(count):
                slope += move[k] * excess[k]
            if slope >= -0.25 * slope0 and (slope <= 0.75 * slope0 or alpha >= 1.0):
                break
            if slope < 0.0:
                right, slope_right = alpha, slope
            else:
                left, slope_left = alpha, slope
            middle = left + (right - left) * slope_left / (slope_left - slope_right)
            margin = 0.05 * (right - left)
            alpha = min(max(middle, left + margin), right - margin)
        lam[:count] = tried
    return _MAX_NEWTON, error


@njit(cache=True, nogil=True)
def solve(  # type: ignore[no-untyped-def]
    parent, r, gain, mask, node, share, lo, hi, d, winv,
    u_free, u_lo, u_hi, limited, flow_free, flow_in, flow_out, row_cap, stop_at_cap,
    kinds, nodes, phases, lam, count, max_rounds, tol_u, tol_flow, x, u, flow,
):  # fmt: skip
    """-> status, count, rounds, Newton steps, KKT error. ``kinds`` .. ``lam`` hold the warm start and the answer.

    ``limited``: branches with a flow limit; ``flow_free``, ``flow_in``, ``flow_out``: (n, m + 1), the last
    column the sum over the phases. ``u_free``, ``flow_free``: voltage and flow with no EV power. With ``stop_at_cap``
    it returns as soon as a row proves impossible to meet.
    """
    n, m = u_free.shape
    capacity = kinds.shape[0]
    rows = np.empty((capacity, n, m))
    bound, cap = np.empty(capacity), np.empty(capacity)
    y, load, free = np.empty((n, m)), np.empty((n, m)), np.empty((n, m, m))
    zero_x, scratch_q = np.zeros((n, m, m)), np.zeros((n, m))
    steps = 0
    error = 0.0
    widest = 0.0
    for e in range(x.shape[0]):
        widest = max(widest, (hi[e] - lo[e]) / winv[e])
    formed = 0
    for turn in range(max_rounds):
        while formed < count:
            k = formed
            kind, at, phase = kinds[k], nodes[k], phases[k]
            form_row(parent, r, gain, kind, at, phase, rows[k])
            if kind == V_LOW:
                bound[k] = u_free[at, phase] - u_lo[at, phase]
            elif kind == V_HIGH:
                bound[k] = u_hi[at, phase] - u_free[at, phase]
            elif kind == FLOW_IN:
                bound[k] = flow_in[at, phase] - flow_free[at, phase]
            else:
                bound[k] = flow_out[at, phase] + flow_free[at, phase]
            strongest = 0.0
            for i in range(n):
                for f in range(m):
                    strongest = max(strongest, abs(rows[k, i, f]))
            cap[k] = row_cap * max(widest, 1e-9) / max(strongest, 1e-12)
            lam[k] = min(lam[k], cap[k])
            formed += 1
        taken, error = _newton(
            rows,
            count,
            bound,
            lam,
            cap,
            0.1 * min(tol_u, tol_flow),
            node,
            share,
            lo,
            hi,
            d,
            winv,
            y,
            x,
            load,
            free,
        )
        steps += taken
        for k in range(count):
            if lam[k] >= cap[k] and stop_at_cap:
                return AT_CAP, count, turn + 1, steps, error
        # rows that no longer bind make room
        kept = 0
        for k in range(count):
            if lam[k] > 0.0:
                if kept != k:
                    rows[kept] = rows[k]
                    kinds[kept], nodes[kept], phases[kept] = kinds[k], nodes[k], phases[k]
                    bound[kept], cap[kept], lam[kept] = bound[k], cap[k], lam[k]
                kept += 1
        count = kept
        formed = kept
        # what does the whole tree say to this x?
        flow[:] = load
        scratch_q[:] = 0.0
        forward(parent, r, zero_x, gain, 0.0, flow, scratch_q, u)
        added = 0
        for f in range(m):
            for kind in (V_LOW, V_HIGH):
                worst, at = tol_u, -1
                for i in range(1, n):
                    if mask[i, f]:
                        value = u_free[i, f] + u[i, f]
                        miss = u_lo[i, f] - value if kind == V_LOW else value - u_hi[i, f]
                        if miss > worst and not _known(kinds, nodes, phases, count, kind, i, f):
                            worst, at = miss, i
                if at >= 0:
                    if count + added >= capacity:
                        return TOO_MANY_ROWS, count, turn + 1, steps, error
                    k = count + added
                    kinds[k], nodes[k], phases[k], lam[k] = kind, at, f, 0.0
                    added += 1
        for f in range(m + 1):
            for kind in (FLOW_IN, FLOW_OUT):
                worst, at = tol_flow, -1
                for i in limited:
                    value = flow_free[i, f]
                    if f < m:
                        value += flow[i, f]
                    else:
                        for g in range(m):
                            value += flow[i, g]
                    miss = value - flow_in[i, f] if kind == FLOW_IN else -value - flow_out[i, f]
                    if miss > worst and not _known(kinds, nodes, phases, count, kind, i, f):
                        worst, at = miss, i
                if at >= 0:
                    if count + added >= capacity:
                        return TOO_MANY_ROWS, count, turn + 1, steps, error
                    k = count + added
                    kinds[k], nodes[k], phases[k], lam[k] = kind, at, f, 0.0
                    added += 1
        if added == 0:
            return OPTIMAL, count, turn + 1, steps, error
        count += added
    return MAX_ROUNDS, count, max_rounds, steps, error


@njit(cache=True, nogil=True)
def _known(kinds, nodes, phases, count, kind, node, phase):  # type: ignore[no-untyped-def]
    for k in range(count):  # noqa: SIM110 - numba
        if kinds[k] == kind and nodes[k] == node and phases[k] == phase:
            return True
    return False


@njit(cache=True, nogil=True)
def blame(parent, r, gain, kinds, nodes, phases, lam, node, share, x, d, gap, binding, price):  # type: ignore[no-untyped-def]
    """Per EVSE: the price of its power, and the row that pushes it most where it is off its wish by > gap."""
    n, m = r.shape[0], share.shape[1]
    row = np.empty((n, m))
    best = np.zeros(x.shape[0])
    for k in range(kinds.shape[0]):
        form_row(parent, r, gain, kinds[k], nodes[k], phases[k], row)
        for e in range(x.shape[0]):
            push = 0.0
            for f in range(m):
                push += share[e, f] * row[node[e], f]
            push *= lam[k]
            price[e] += push
            towards = push if x[e] < d[e] else -push
            if abs(x[e] - d[e]) > gap and towards > best[e]:
                best[e] = towards
                binding[e] = k
