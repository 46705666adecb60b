"""Compiled loop of `csms.grid.fleet_response`: every vehicle at every step, and the swing equation.

A vehicle that sees the frequency d steps late can be taken d + 1 steps ahead of it: segments of
equal delay advance in blocks that stay in the cache, which is what makes 100,000 vehicles cheap.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from csms.grid.swing import FloatArray, swing_step

IntArray = NDArray[np.int64]

CHUNK = 1024  # vehicles advanced together: their arrays stay in the L2 cache
SECONDS_PER_HOUR = 3600.0


@njit(cache=True, nogil=True)
def simulate_fleet(
    vehicles: FloatArray,  # (11, n_ev)
    power: FloatArray,
    energy: FloatArray,
    segments: IntArray,
    quantised: bool,
    block: int,
    history: FloatArray,
    pad: int,
    power_sum: FloatArray,
    dt: float,
    table: FloatArray,
    two_h: float,
    damping: float,
    load: FloatArray,
    closed: bool,
    base_w: float,
    f_nom: float,
) -> None:
    n = power_sum.shape[0] - 1
    size = 1 + 2 * table.shape[0]
    state, work = np.zeros(size), np.zeros((5, size))
    scratch = np.empty((3, CHUNK))
    done = np.zeros(segments.shape[0], np.int64)  # steps each segment has taken
    for k in range(n):
        for s in range(segments.shape[0]):
            if done[s] > k:
                continue
            lo, hi, delay = segments[s, 0], segments[s, 1], segments[s, 2]
            # With a delay of d steps, what is known now settles the next d + 1 steps.
            end = min(k + min(block, delay + 1 if closed else block), n)
            _advance(
                vehicles,
                lo,
                hi,
                power[lo:hi],
                energy[lo:hi],
                scratch,
                quantised,
                history[pad + k - delay : pad + end - delay],
                power_sum[k + 1 : end + 1],
                dt / SECONDS_PER_HOUR,
            )
            done[s] = end
        if closed:
            fleet_w = 0.5 * (power_sum[k] + power_sum[k + 1]) - power_sum[0]
            swing_step(state, table, two_h, damping, load[k] + fleet_w / base_w, dt, work)
            history[pad + k + 1] = state[0] * f_nom


# Loops from 0 over slices, one store each: what LLVM needs to vectorise. All inputs are finite.
@njit(cache=True, nogil=True, fastmath={"nnan", "nsz", "contract", "reassoc"})
def _advance(
    vehicles: FloatArray,  # (11, n_ev) of the whole fleet; power, energy: of lo..hi
    lo: int,
    hi: int,
    power: FloatArray,
    energy: FloatArray,
    scratch: FloatArray,
    quantised: bool,
    df: FloatArray,
    power_sum: FloatArray,
    dt_h: float,
) -> None:
    blend = vehicles[0][lo:hi]
    p_set = vehicles[1][lo:hi]
    p_min = vehicles[2][lo:hi]
    p_max = vehicles[3][lo:hi]
    gain = vehicles[4][lo:hi]
    low_edge = vehicles[5][lo:hi]
    high_edge = vehicles[6][lo:hi]
    e_min = vehicles[7][lo:hi]
    e_max = vehicles[8][lo:hi]
    quantum = vehicles[9][lo:hi]
    inv_quantum = vehicles[10][lo:hi]
    floor, ceiling, used = scratch[0][: hi - lo], scratch[1][: hi - lo], scratch[2][: hi - lo]
    n_ev = power.shape[0]
    for i in range(n_ev):
        floor[i] = p_min[i] if energy[i] > e_min[i] else max(p_min[i], 0.0)
    for i in range(n_ev):
        ceiling[i] = p_max[i] if energy[i] < e_max[i] else min(p_max[i], 0.0)
    for i in range(n_ev):
        used[i] = 0.5 * power[i]
    for k in range(df.shape[0]):
        f = df[k]
        total = 0.0
        if quantised:
            for i in range(n_ev):
                beyond = f - min(max(f, low_edge[i]), high_edge[i])
                target = min(max(p_set[i] + gain[i] * beyond, floor[i]), ceiling[i])
                target = quantum[i] * np.rint(target * inv_quantum[i])
                power[i] += blend[i] * (target - power[i])
                total += power[i]
        else:
            for i in range(n_ev):
                beyond = f - min(max(f, low_edge[i]), high_edge[i])
                target = min(max(p_set[i] + gain[i] * beyond, floor[i]), ceiling[i])
                power[i] += blend[i] * (target - power[i])
                total += power[i]
        power_sum[k] += total
        for i in range(n_ev):
            used[i] += power[i]
    for i in range(n_ev):
        energy[i] += (used[i] - 0.5 * power[i]) * dt_h
