"""A small dense concave maximisation in a box: the Newton step of the dispatcher's dual."""

from __future__ import annotations

import numpy as np
from numba import njit

_RIDGE = 1.0e-13
_AT_LOW, _AT_HIGH, _FREE = 0, 1, 2


@njit(cache=True, nogil=True)
def _solve_free(hess, rhs, free, size, chol, out):  # type: ignore[no-untyped-def]
    """``out[:size]`` = (H_FF)^-1 rhs by Cholesky, a ridge keeping dependent rows apart."""
    top = 0.0
    for a in range(size):
        top = max(top, hess[free[a], free[a]])
    ridge = _RIDGE * top + 1e-200
    for a in range(size):
        for b in range(a + 1):
            total = hess[free[a], free[b]]
            if a == b:
                total += ridge
            for c in range(b):
                total -= chol[a, c] * chol[b, c]
            if a == b:
                chol[a, a] = np.sqrt(max(total, ridge))
            else:
                chol[a, b] = total / chol[b, b]
    for a in range(size):
        total = rhs[a]
        for c in range(a):
            total -= chol[a, c] * out[c]
        out[a] = total / chol[a, a]
    for a in range(size - 1, -1, -1):
        total = out[a]
        for c in range(a + 1, size):
            total -= chol[c, a] * out[c]
        out[a] = total / chol[a, a]


@njit(cache=True, nogil=True)
def maximise(hess, slope, low, high, move):  # type: ignore[no-untyped-def]
    """``move`` = argmax slope'z - z'Hz/2 over low <= z <= high (low <= 0 <= high): primal active set from z = 0."""
    n = slope.shape[0]
    where = np.empty(n, np.int64)
    free, rhs, target = np.empty(n, np.int64), np.empty(n), np.empty(n)
    chol = np.empty((n, n))
    biggest = 0.0
    for k in range(n):
        move[k] = 0.0
        biggest = max(biggest, abs(slope[k]))
        where[k] = _FREE
        if low[k] >= 0.0 and slope[k] <= 0.0:
            where[k] = _AT_LOW
        elif high[k] <= 0.0 and slope[k] >= 0.0:
            where[k] = _AT_HIGH
    for _ in range(20 * n + 20):
        size = 0
        for k in range(n):
            if where[k] == _FREE:
                free[size] = k
                size += 1
        for a in range(size):
            k = free[a]
            total = slope[k]
            for j in range(n):
                if where[j] != _FREE:
                    total -= hess[k, j] * move[j]
            rhs[a] = total
        _solve_free(hess, rhs, free, size, chol, target)
        alpha, hit = 1.0, -1
        for a in range(size):
            k = free[a]
            delta = target[a] - move[k]
            if target[a] < low[k] and delta < 0.0 and (low[k] - move[k]) / delta < alpha:
                alpha, hit = (low[k] - move[k]) / delta, k
            elif target[a] > high[k] and delta > 0.0 and (high[k] - move[k]) / delta < alpha:
                alpha, hit = (high[k] - move[k]) / delta, k
        for a in range(size):
            k = free[a]
            move[k] += alpha * (target[a] - move[k])
        if hit >= 0:
            if target_below(free, target, size, hit, low):
                where[hit], move[hit] = _AT_LOW, low[hit]
            else:
                where[hit], move[hit] = _AT_HIGH, high[hit]
            continue
        worst, enter = 1e-12 * biggest, -1
        for k in range(n):
            if where[k] == _FREE:
                continue
            left = slope[k]
            for j in range(n):
                left -= hess[k, j] * move[j]
            gain = left if where[k] == _AT_LOW else -left
            if gain > worst and low[k] < high[k]:
                worst, enter = gain, k
        if enter < 0:
            return
        where[enter] = _FREE


@njit(cache=True, nogil=True)
def target_below(free, target, size, k, low):  # type: ignore[no-untyped-def]
    for a in range(size):
        if free[a] == k:
            return target[a] < low[k]
    return False
