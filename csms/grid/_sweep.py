"""Numba kernels of the backward-forward sweep. Per unit, no checks: :mod:`csms.grid.power_flow` is the door.

Real arithmetic throughout: numba's complex division is an order slower. Load current at v is
conj((p + jq) / v) = (p - jq) v / |v|^2. Kirchhoff's current law holds exactly after the backward pass, so the
residual is the largest voltage change of the last forward pass. Balanced batches: :mod:`csms.grid._distflow`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FAST = {"reassoc", "contract", "arcp", "nsz"}
COLLAPSED = 1.0e-6  # |v|^2 in pu below which there is no solution to be found
LOST = 1.0  # change of |v|^2, pu, beyond which a scenario is given up; NaN shows in the losses
BLOCK = 16  # scenarios swept together: two cache lines a bus


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def sweep_balanced(parent, r, x, p, q, tol, max_iter, vr, vi, ir, ii):  # type: ignore[no-untyped-def]
    """One balanced solve; ``vr``, ``vi`` hold the start and then the answer. -> iterations, residual."""
    n = parent.shape[0]
    residual = np.inf
    for i in range(n):
        m = 1.0 / (vr[i] * vr[i] + vi[i] * vi[i])
        ir[i] = (p[i] * vr[i] + q[i] * vi[i]) * m
        ii[i] = (p[i] * vi[i] - q[i] * vr[i]) * m
    for it in range(max_iter):
        for i in range(n - 1, 0, -1):
            k = parent[i]
            ir[k] += ir[i]
            ii[k] += ii[i]
        worst = 0.0
        lowest = 1.0
        for i in range(1, n):
            k = parent[i]
            a = vr[k] - r[i] * ir[i] + x[i] * ii[i]
            b = vi[k] - r[i] * ii[i] - x[i] * ir[i]
            da = a - vr[i]
            db = b - vi[i]
            worst = max(worst, da * da + db * db)
            vr[i] = a
            vi[i] = b
            m2 = a * a + b * b
            lowest = min(lowest, m2)
            m = 1.0 / m2
            if it + 1 < max_iter:
                ir[i] = (p[i] * a + q[i] * b) * m
                ii[i] = (p[i] * b - q[i] * a) * m
        residual = np.sqrt(worst)
        if residual <= tol or not lowest > COLLAPSED:
            break
        m = 1.0 / (vr[0] * vr[0] + vi[0] * vi[0])
        ir[0] = (p[0] * vr[0] + q[0] * vi[0]) * m
        ii[0] = (p[0] * vi[0] - q[0] * vr[0]) * m
    # branch currents for the voltages now known
    for i in range(n):
        m = 1.0 / (vr[i] * vr[i] + vi[i] * vi[i])
        ir[i] = (p[i] * vr[i] + q[i] * vi[i]) * m
        ii[i] = (p[i] * vi[i] - q[i] * vr[i]) * m
    for i in range(n - 1, 0, -1):
        k = parent[i]
        ir[k] += ir[i]
        ii[k] += ii[i]
    return it + 1, residual


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", inline="always")
def _load_currents(n, p, q, b, vr, vi, ir, ii):  # type: ignore[no-untyped-def]
    for i in range(n):
        for f in range(3):
            m = 1.0 / (vr[i, f] * vr[i, f] + vi[i, f] * vi[i, f])
            ir[i, f] = (p[i, f] * vr[i, f] + q[i, f] * vi[i, f]) * m - b[i, f] * vi[i, f]
            ii[i, f] = (p[i, f] * vi[i, f] - q[i, f] * vr[i, f]) * m + b[i, f] * vr[i, f]


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy", inline="always")
def _gather(n, parent, tap, ir, ii):  # type: ignore[no-untyped-def]
    for i in range(n - 1, 0, -1):
        k = parent[i]
        for f in range(3):
            ir[k, f] += tap[i, f] * ir[i, f]
            ii[k, f] += tap[i, f] * ii[i, f]


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def sweep_three_phase(parent, zr, zi, mask, tap, p, q, b, tol, max_iter, vr, vi, ir, ii):  # type: ignore[no-untyped-def]
    """One three-phase solve, (n, 3) and (n, 3, 3). -> iterations, residual. Absent phases keep their start."""
    n = parent.shape[0]
    residual = np.inf
    for it in range(max_iter):  # noqa: B007 - read after the loop
        _load_currents(n, p, q, b, vr, vi, ir, ii)
        _gather(n, parent, tap, ir, ii)
        worst = 0.0
        lowest = 1.0
        for i in range(1, n):
            k = parent[i]
            for f in range(3):
                if not mask[i, f]:
                    continue
                a = tap[i, f] * vr[k, f]
                c = tap[i, f] * vi[k, f]
                for g in range(3):
                    a -= zr[i, f, g] * ir[i, g] - zi[i, f, g] * ii[i, g]
                    c -= zr[i, f, g] * ii[i, g] + zi[i, f, g] * ir[i, g]
                da = a - vr[i, f]
                dc = c - vi[i, f]
                worst = max(worst, da * da + dc * dc)
                lowest = min(lowest, a * a + c * c)
                vr[i, f] = a
                vi[i, f] = c
        residual = np.sqrt(worst)
        if residual <= tol or not lowest > COLLAPSED:
            break
    _load_currents(n, p, q, b, vr, vi, ir, ii)
    _gather(n, parent, tap, ir, ii)
    return it + 1, residual


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def batch_three_phase(  # type: ignore[no-untyped-def]
    parent,
    zr,
    zi,
    mask,
    tap,
    p,
    q,
    scale,
    b,
    vr0,
    vi0,
    tol,
    max_iter,
    v_out,
    loss,
    iterations,
    residual,
):
    """Scenarios in blocks, innermost. ``p``, ``q``, ``v_out``: (S, n, 3); start ``vr0``, ``vi0``: (n, 3)."""
    n = parent.shape[0]
    total = p.shape[0]
    # the width is a variable: loops over a constant would be unrolled instead of vectorised
    wide = min(BLOCK, total)
    shape = (n, 3, wide)
    pb, qb = np.zeros(shape), np.zeros(shape)
    vr, vi, ir, ii = np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape)
    worst = np.empty(wide)
    ta, tc = np.empty(wide), np.empty(wide)
    for start in range(0, total, wide):
        width = min(wide, total - start)
        for s in range(wide):
            for i in range(n):
                for f in range(3):
                    pb[i, f, s] = scale * p[start + s, i, f] if s < width else 0.0
                    qb[i, f, s] = scale * q[start + s, i, f] if s < width else 0.0
                    vr[i, f, s] = vr0[i, f]
                    vi[i, f, s] = vi0[i, f]
        for it in range(max_iter + 1):
            for i in range(n):
                for f in range(3):
                    for s in range(wide):
                        a, c = vr[i, f, s], vi[i, f, s]
                        m = 1.0 / (a * a + c * c)
                        ir[i, f, s] = (pb[i, f, s] * a + qb[i, f, s] * c) * m - b[i, f] * c
                        ii[i, f, s] = (pb[i, f, s] * c - qb[i, f, s] * a) * m + b[i, f] * a
            for i in range(n - 1, 0, -1):
                k = parent[i]
                for f in range(3):
                    t = tap[i, f]
                    for s in range(wide):
                        ir[k, f, s] += t * ir[i, f, s]
                        ii[k, f, s] += t * ii[i, f, s]
            if it > 0:
                done = True
                for s in range(wide):
                    if tol * tol < worst[s] < LOST:
                        done = False
                if done or it == max_iter:
                    break
            worst[:] = 0.0
            for i in range(1, n):
                k = parent[i]
                for f in range(3):
                    if not mask[i, f]:
                        continue
                    t = tap[i, f]
                    for s in range(wide):
                        ta[s] = t * vr[k, f, s]
                        tc[s] = t * vi[k, f, s]
                    for g in range(3):
                        rr, xx = zr[i, f, g], zi[i, f, g]
                        for s in range(wide):
                            ta[s] -= rr * ir[i, g, s] - xx * ii[i, g, s]
                            tc[s] -= rr * ii[i, g, s] + xx * ir[i, g, s]
                    for s in range(wide):
                        da = ta[s] - vr[i, f, s]
                        dc = tc[s] - vi[i, f, s]
                        d2 = da * da + dc * dc
                        worst[s] = d2 if d2 > worst[s] else worst[s]  # noqa: FURB136
                        vr[i, f, s] = ta[s]
                        vi[i, f, s] = tc[s]
        for s in range(width):
            iterations[start + s] = it
            residual[start + s] = np.sqrt(worst[s])
        worst[:] = 0.0
        for i in range(1, n):
            for f in range(3):
                for g in range(3):
                    rr = zr[i, f, g]
                    xx = zi[i, f, g]
                    for s in range(wide):
                        worst[s] += ir[i, f, s] * (rr * ir[i, g, s] - xx * ii[i, g, s]) + ii[
                            i, f, s
                        ] * (rr * ii[i, g, s] + xx * ir[i, g, s])
        for s in range(width):
            loss[start + s] = worst[s]
            for i in range(n):
                for f in range(3):
                    v_out[start + s, i, f] = complex(vr[i, f, s], vi[i, f, s])
