"""Numba kernel of the balanced batch: the branch-flow equations in squared voltages, scenarios innermost.

With S = P + jQ the power that arrives at bus i, z = r + jx its branch from bus k, and l = |S|^2 / u_i, Baran and Wu's

    u_i = u_k - 2 (r P + x Q) - |z|^2 l,   P_k takes P + r l,   Q_k takes Q + x l

hold exactly on a tree. Sweeping them contracts by the square of what sweeping currents does, needs no complex
arithmetic, and every inner loop runs over a block of scenarios that lie side by side. Angles come out at the end:
v_i = v_k (u_i + conj(z conj(S))) / u_k. Per unit, no checks: :mod:`csms.grid.power_flow` is the door.

Reference: Baran and Wu, IEEE Trans. Power Delivery 4(1), 1989, doi:10.1109/61.19265.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from csms.grid._sweep import BLOCK, COLLAPSED, FAST, LOST

CAUTION = 10.0  # contraction taken this much worse than seen when the error left is estimated
TILE = 256  # buses copied at a time between (S, n) and (n, BLOCK)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def batch_balanced(  # type: ignore[no-untyped-def]
    parent, r, x, p, q, scale, v0, u_start, tol, max_iter, v_out, loss, iterations, residual
):
    """``p``, ``q`` (times ``scale``: per unit) and ``v_out``: (S, n); ``u_start`` (n,) is where every scenario starts.

    ``residual``: the change of u that one more sweep would bring, from the last two. No solution: ``loss`` NaN.
    """
    n, total = parent.shape[0], p.shape[0]
    z2 = r * r + x * x
    # the width is a variable: loops over a constant would be unrolled instead of vectorised
    width = min(BLOCK, total)
    p_load, q_load = np.zeros((n, width)), np.zeros((n, width))
    p_flow, q_flow = np.zeros((n, width)), np.zeros((n, width))
    u, drop = np.zeros((n, width)), np.zeros((n, width))
    worst, before = np.zeros(width), np.zeros(width)
    scratch, spare = np.zeros(width), np.zeros(width)
    for first in range(0, total, width):
        count = min(width, total - first)
        _load(p, first, count, scale, p_load)
        _load(q, first, count, scale, q_load)
        for i in range(n):
            u[i, :] = u_start[i]
        worst[:] = 0.0
        for it in range(max_iter):
            p_flow[:] = p_load
            q_flow[:] = q_load
            _backward(parent, r, x, z2, p_flow, q_flow, u, drop, scratch, spare)
            before[:] = worst
            _forward(parent, drop, u, worst, scratch)
            done = True
            for s in range(count):
                if before[s] >= LOST:  # given up: what follows is noise
                    worst[s] = before[s]
                scratch[s] = worst[s]
                if it > 0:
                    scratch[s] *= min(1.0, CAUTION * worst[s] / before[s])
                if scratch[s] > tol and worst[s] < LOST:
                    done = False
            if done:
                break
        iterations[first : first + count] = it + 1
        residual[first : first + count] = scratch[:count]
        _voltages(parent, r, x, p_flow, q_flow, u, v0, p_load, q_load, worst, before)
        for s in range(count):
            loss[first + s] = worst[s] if before[s] > COLLAPSED else np.nan
        _store(p_load, q_load, first, count, v_out)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _backward(parent, r, x, z2, p_flow, q_flow, u, drop, p_sent, q_sent):  # type: ignore[no-untyped-def]
    """From loads to the power that arrives at each bus, and what each branch takes from u."""
    n, width = u.shape
    for i in range(n - 1, 0, -1):
        k = parent[i]
        ri, xi, zi = r[i], x[i], z2[i]
        for s in range(width):
            a = p_flow[i, s]
            b = q_flow[i, s]
            current2 = (a * a + b * b) / u[i, s]
            drop[i, s] = 2.0 * (ri * a + xi * b) + zi * current2
            p_sent[s] = a + ri * current2
            q_sent[s] = b + xi * current2
        for s in range(width):
            p_flow[k, s] += p_sent[s]
            q_flow[k, s] += q_sent[s]


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _forward(parent, drop, u, worst, above):  # type: ignore[no-untyped-def]
    n, width = u.shape
    worst[:] = 0.0
    for i in range(1, n):
        k = parent[i]
        for s in range(width):
            above[s] = u[k, s]
        for s in range(width):
            new = above[s] - drop[i, s]
            change = abs(new - u[i, s])
            worst[s] = change if change > worst[s] else worst[s]  # noqa: FURB136 - a select, so that it vectorises
            u[i, s] = new


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _voltages(parent, r, x, p_flow, q_flow, u, v0, vr, vi, loss, lowest):  # type: ignore[no-untyped-def]
    """Complex voltages, the losses and the lowest u. One loop per few arrays: the compiler vectorises no other."""
    n, width = u.shape
    c, d = np.empty(width), np.empty(width)
    vr[0, :] = v0
    vi[0, :] = 0.0
    loss[:] = 0.0
    lowest[:] = v0 * v0
    for i in range(1, n):
        k = parent[i]
        ri, xi = r[i], x[i]
        for s in range(width):
            here = u[i, s]
            loss[s] += ri * (p_flow[i, s] * p_flow[i, s] + q_flow[i, s] * q_flow[i, s]) / here
            lowest[s] = here if here < lowest[s] else lowest[s]  # noqa: FURB136 - as above
        for s in range(width):
            c[s] = (u[i, s] + ri * p_flow[i, s] + xi * q_flow[i, s]) / u[k, s]
        for s in range(width):
            d[s] = (xi * p_flow[i, s] - ri * q_flow[i, s]) / u[k, s]
        for s in range(width):
            vr[i, s] = vr[k, s] * c[s] + vi[k, s] * d[s]
        for s in range(width):
            vi[i, s] = vi[k, s] * c[s] - vr[k, s] * d[s]


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _load(power, first, count, scale, block):  # type: ignore[no-untyped-def]
    n = block.shape[0]
    for begin in range(0, n, TILE):
        end = min(begin + TILE, n)
        for s in range(count):
            for i in range(begin, end):
                block[i, s] = scale * power[first + s, i]
    block[:, count:] = 0.0


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def _store(vr, vi, first, count, v_out):  # type: ignore[no-untyped-def]
    n = vr.shape[0]
    for begin in range(0, n, TILE):
        end = min(begin + TILE, n)
        for s in range(count):
            for i in range(begin, end):
                v_out[first + s, i] = complex(vr[i, s], vi[i, s])
