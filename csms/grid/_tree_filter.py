"""Numba kernel of the state estimation: a Gaussian filter on the tree, exact and linear in the number of buses.

Unknown are the loads, and the source's voltage. What a subtree knows of the power P that flows into it is, given the
squared voltage u where it hangs, P = a + b u + e with e ~ N(0, s), and what it knows of u itself is an information
(j, h). Both go upward: siblings add, a meter updates, a branch u_i = g u_k - E P carries them to its upper end.
Downward, a child's share of its parent's residual power is that of its variance (Rauch, Tung and Striebel, AIAA J.
3(8), 1965, doi:10.2514/3.3166, on a tree). No checks here: :mod:`csms.grid.state_estimation` is the door.
"""

from __future__ import annotations

import numpy as np
from numba import njit

ONE_PHASE, THREE_PHASES = (0,), (0, 0, 0)
"""What the kernels take for ``dims``: the length of a tuple is known when they are compiled, so that loops unroll."""
_RIDGE = 1.0e-12  # of the trace, so that a load that is known exactly has an inverse


@njit(nogil=True, error_model="numpy", cache=True)
def _invert(a, size):  # type: ignore[no-untyped-def]
    """In place, symmetric positive definite or near 1: no pivoting."""
    for c in range(size):
        pivot = 1.0 / a[c, c]
        a[c, c] = 1.0
        for k in range(size):
            a[c, k] *= pivot
        for i in range(size):
            if i != c:
                factor = a[i, c]
                a[i, c] = 0.0
                for k in range(size):
                    a[i, k] -= factor * a[c, k]


@njit(nogil=True, error_model="numpy", cache=True)
def _upward(dims, parent, r, x, gain, flow_h, flow_j, a, b, s, j, h, a_up, b_up, s_up):  # type: ignore[no-untyped-def]
    m, w = len(dims), 2 * len(dims)
    n = len(parent)
    av, bv, sv, s1 = np.empty(w), np.empty((w, m)), np.empty((w, w)), np.empty((w, w))
    e, inv, ea, jv, hv = (
        np.empty((m, w)),
        np.empty((m, m)),
        np.empty(m),
        np.empty((m, m)),
        np.empty(m),
    )
    bw, f = np.empty((w, m)), np.empty((w, w))
    xs, big, t, tj, told = (
        np.empty((w, m)),
        np.empty((m, m)),
        np.empty((m, m)),
        np.empty((m, m)),
        np.empty(m),
    )
    tjb, gain_of, row, brow = np.empty((m, m)), np.empty(w), np.empty(w), np.empty(m)
    for i in range(n - 1, 0, -1):
        k = parent[i]
        for c in range(w):
            av[c] = a[i, c]
            for d in range(m):
                bv[c, d] = b[i, c, d]
            for d in range(w):
                sv[c, d] = s[i, c, d]
        for c in range(m):
            hv[c] = h[i, c]
            for d in range(m):
                jv[c, d] = j[i, c, d]
                e[c, d], e[c, m + d] = 2.0 * r[i, c, d], 2.0 * x[i, c, d]
        for o in range(w):  # meters of the branch's power, one by one
            if flow_j[i, o] <= 0.0:
                continue
            spread = sv[o, o] + 1.0 / flow_j[i, o]
            surprise = flow_h[i, o] / flow_j[i, o] - av[o]
            for c in range(w):
                gain_of[c], row[c] = sv[c, o] / spread, sv[o, c]
            for d in range(m):
                brow[d] = bv[o, d]
            for c in range(m):
                hv[c] += brow[c] * surprise / spread
                for d in range(m):
                    jv[c, d] += brow[c] * brow[d] / spread
            for c in range(w):
                av[c] += gain_of[c] * surprise
                for d in range(m):
                    bv[c, d] -= gain_of[c] * brow[d]
                for d in range(w):
                    sv[c, d] -= gain_of[c] * row[d]
        # P given the parent's voltage: (1 + b E) P = a + b g u_k + e
        for c in range(m):
            ea[c] = 0.0
            for q in range(w):
                ea[c] += e[c, q] * av[q]
            for d in range(m):
                inv[c, d] = 1.0 if c == d else 0.0
                for q in range(w):
                    inv[c, d] += e[c, q] * bv[q, d]
        _invert(inv, m)
        for c in range(w):
            for d in range(m):
                bw[c, d] = 0.0
                for q in range(m):
                    bw[c, d] += bv[c, q] * inv[q, d]
        for c in range(w):
            for d in range(m):
                av[c] -= bw[c, d] * ea[d]
            for d in range(w):
                f[c, d] = 1.0 if c == d else 0.0
                for q in range(m):
                    f[c, d] -= bw[c, q] * e[q, d]
        for c in range(w):
            for d in range(w):
                s1[c, d] = 0.0
                for q in range(w):
                    s1[c, d] += f[c, q] * sv[q, d]
        for c in range(w):
            for d in range(w):
                sv[c, d] = 0.0
                for q in range(w):
                    sv[c, d] += s1[c, q] * f[d, q]
            for d in range(m):
                bw[c, d] *= gain[i, d]
        # what is known of u_i = g u_k - E P
        for c in range(w):
            for d in range(m):
                xs[c, d] = 0.0
                for q in range(w):
                    xs[c, d] += sv[c, q] * e[d, q]
        for c in range(m):
            ea[c] = 0.0
            for q in range(w):
                ea[c] += e[c, q] * av[q]
            for d in range(m):
                big[c, d] = gain[i, c] if c == d else 0.0
                t[c, d] = 0.0
                for q in range(w):
                    big[c, d] -= e[c, q] * bw[q, d]
                    t[c, d] += e[c, q] * xs[q, d]
        for c in range(m):
            told[c] = hv[c]
            for d in range(m):
                told[c] += jv[c, d] * ea[d]
                inv[c, d] = 1.0 if c == d else 0.0
                for q in range(m):
                    inv[c, d] += jv[c, q] * t[q, d]
        _invert(inv, m)
        for c in range(m):
            ea[c] = 0.0
            for d in range(m):
                ea[c] += inv[c, d] * told[d]
                tj[c, d] = 0.0
                for q in range(m):
                    tj[c, d] += inv[c, q] * jv[q, d]
        for c in range(m):
            for d in range(m):
                tjb[c, d] = 0.0
                for q in range(m):
                    tjb[c, d] += tj[c, q] * big[q, d]
        for c in range(w):
            for d in range(m):
                av[c] -= xs[c, d] * ea[d]
                bv[c, d] = bw[c, d]
                for q in range(m):
                    bv[c, d] += xs[c, q] * tjb[q, d]
            for d in range(w):
                for p in range(m):
                    for q in range(m):
                        sv[c, d] -= xs[c, p] * tj[p, q] * xs[d, q]
        for c in range(w):
            a_up[i, c] = av[c]
            a[k, c] += av[c]
            for d in range(m):
                b_up[i, c, d] = bv[c, d]
                b[k, c, d] += bv[c, d]
            for d in range(w):
                s_up[i, c, d] = sv[c, d]
                s[k, c, d] += sv[c, d]
        for c in range(m):
            for d in range(m):
                h[k, c] += big[d, c] * ea[d]
                for q in range(m):
                    j[k, c, d] += big[q, c] * tjb[q, d]


@njit(nogil=True, error_model="numpy", cache=True)
def _share(dims, part, total, back, out):  # type: ignore[no-untyped-def]
    """part total^-1, for covariances; ``back`` is scratch."""
    w = 2 * len(dims)
    trace = 0.0
    for c in range(w):
        trace += total[c, c]
    if trace <= 0.0:  # nothing below is uncertain
        out[:] = 0.0
        return
    for c in range(w):
        for d in range(w):
            back[c, d] = total[c, d]
        back[c, c] += _RIDGE * trace
    _invert(back, w)
    for c in range(w):
        for d in range(w):
            out[c, d] = 0.0
            for q in range(w):
                out[c, d] += part[c, q] * back[q, d]


@njit(nogil=True, error_model="numpy", cache=True)
def run(  # type: ignore[no-untyped-def]
    dims, parent, r, x, gain, load, load_var, u_h, u_j, flow_h, flow_j, source_mean, source_var
):
    """Changes of the source's squared voltage and of the loads (n, 2 m), and variances of loads, squared voltages
    (n, m) and branch powers (n, 2 m), after all meters.

    Per unit; powers are P then Q. ``load``, ``load_var``: forecast; ``u_j``, ``flow_j``: 1 / variance of what is
    metered, ``u_h``, ``flow_h``: value / variance; ``source_mean``, ``source_var`` of the source's squared voltage.
    """
    m, w = len(dims), 2 * len(dims)
    n, size = len(parent), m + w
    a, b, s = load.copy(), np.zeros((n, w, m)), np.zeros((n, w, w))
    j, h = np.zeros((n, m, m)), u_h.copy()
    for i in range(n):
        for c in range(w):
            s[i, c, c] = load_var[i, c]
        for c in range(m):
            j[i, c, c] = u_j[i, c]
    a_up, b_up, s_up = np.zeros((n, w)), np.zeros((n, w, m)), np.zeros((n, w, w))
    _upward(dims, parent, r, x, gain, flow_h, flow_j, a, b, s, j, h, a_up, b_up, s_up)
    known, told = 0.0, 0.0
    for c in range(m):
        told += h[0, c]
        for d in range(m):
            known += j[0, c, d]
    left = source_var / (1.0 + source_var * known)
    source = left * told
    if source_var > 0.0:
        source = left * (told + source_mean / source_var)

    mean = np.zeros((n, size))  # u, then P and Q
    cov = np.zeros((n, size, size))
    new_load, new_var = np.empty((n, w)), np.empty((n, w))
    for c in range(m):
        mean[0, c] = source
        for d in range(m):
            cov[0, c, d] = left
    lean = np.zeros(w)
    for c in range(w):
        for d in range(m):
            lean[c] += b[0, c, d]
        mean[0, m + c] = a[0, c] + lean[c] * source
        for d in range(m):
            cov[0, m + c, d] = cov[0, d, m + c] = lean[c] * left
    for c in range(w):
        for d in range(w):
            cov[0, m + c, m + d] = s[0, c, d] + lean[c] * lean[d] * left

    part, gamma, back = np.zeros((w, w)), np.empty((w, w)), np.empty((w, w))
    t, ts, map_k = np.zeros((w, size)), np.empty((w, size)), np.zeros((size, size))
    half, rest = np.empty((size, size)), np.empty(w)
    for i in range(n):
        k = parent[i]
        if i > 0:
            _share(dims, s_up[i], s[k], back, gamma)
            for c in range(w):
                rest[c] = mean[k, m + c] - a[k, c]
                for d in range(m):
                    rest[c] -= b[k, c, d] * mean[k, d]
            for c in range(w):
                # P_i = a_up + b_up u_k + gamma (P_k - a_k - b_k u_k) + w
                mean[i, m + c] = a_up[i, c]
                for d in range(m):
                    mean[i, m + c] += b_up[i, c, d] * mean[k, d]
                    t[c, d] = b_up[i, c, d]
                    for q in range(w):
                        t[c, d] -= gamma[c, q] * b[k, q, d]
                for q in range(w):
                    mean[i, m + c] += gamma[c, q] * rest[q]
                    t[c, m + q] = gamma[c, q]
            # (u_i, P_i) as a map of (u_k, P_k), and the part w that is the subtree's own
            for c in range(m):
                mean[i, c] = gain[i, c] * mean[k, c]
                for d in range(size):
                    map_k[c, d] = gain[i, c] if c == d else 0.0
                for q in range(w):
                    drop = 2.0 * (r[i, c, q] if q < m else x[i, c, q - m])
                    mean[i, c] -= drop * mean[i, m + q]
                    for d in range(size):
                        map_k[c, d] -= drop * t[q, d]
            for c in range(w):
                for d in range(size):
                    map_k[m + c, d] = t[c, d]
            for c in range(size):
                for d in range(size):
                    half[c, d] = 0.0
                    for q in range(size):
                        half[c, d] += map_k[c, q] * cov[k, q, d]
            for c in range(size):
                for d in range(size):
                    for q in range(size):
                        cov[i, c, d] += half[c, q] * map_k[d, q]
            for c in range(w):
                for d in range(w):
                    part[c, d] = s_up[i, c, d]
                    for q in range(w):
                        part[c, d] -= gamma[c, q] * s_up[i, q, d]
            for c in range(w):
                for d in range(w):
                    cov[i, m + c, m + d] += part[c, d]
            for c in range(m):  # u_i = ... - E w
                for d in range(w):
                    ts[c, d] = 0.0
                    for q in range(w):
                        ts[c, d] += 2.0 * (r[i, c, q] if q < m else x[i, c, q - m]) * part[q, d]
                for d in range(w):
                    cov[i, c, m + d] -= ts[c, d]
                    cov[i, m + d, c] -= ts[c, d]
                for d in range(m):
                    for q in range(w):
                        cov[i, c, d] += ts[c, q] * 2.0 * (r[i, d, q] if q < m else x[i, d, q - m])
        # the bus's own load, another child
        for c in range(w):
            for d in range(w):
                part[c, d] = load_var[i, c] if c == d else 0.0
            rest[c] = mean[i, m + c] - a[i, c]
            for d in range(m):
                rest[c] -= b[i, c, d] * mean[i, d]
        _share(dims, part, s[i], back, gamma)
        for c in range(w):
            new_load[i, c] = load[i, c]
            for q in range(w):
                new_load[i, c] += gamma[c, q] * rest[q]
                t[c, m + q] = gamma[c, q]
            for d in range(m):
                t[c, d] = 0.0
                for q in range(w):
                    t[c, d] -= gamma[c, q] * b[i, q, d]
            new_var[i, c] = load_var[i, c] * (1.0 - gamma[c, c])
            for d in range(size):
                for q in range(size):
                    new_var[i, c] += t[c, d] * cov[i, d, q] * t[c, q]
    u_var, flow_var = np.empty((n, m)), np.empty((n, w))
    for i in range(n):
        for c in range(m):
            u_var[i, c] = cov[i, c, c]
        for c in range(w):
            flow_var[i, c] = cov[i, m + c, m + c]
    return source, new_load, new_var, u_var, flow_var
