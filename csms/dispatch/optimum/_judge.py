"""Numba kernel: the AC answer against the voltage limits. Per unit."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def judge(  # type: ignore[no-untyped-def]
    v, mask, source_u, gain, rest, known_drop, learned, doubt_frac, v_min, v_max, lifted, u, doubt
):
    """Squared voltages ``u`` (n, m) of the AC state ``v`` with what was learned of the model, and ``doubt`` (n,): how
    far that may be wrong, of the change of the drop since. -> the worst breach of a limit, pu.

    ``learned``: whether ``known_drop`` says where the model was measured. Phases are coupled: the largest change of any
    counts for all of a bus. Where a phase is absent, ``u`` is NaN.
    """
    n, m = u.shape
    worst = -np.inf
    for i in range(n):
        doubt[i] = 0.0
        for f in range(m):
            drop = source_u - v[i, f].real ** 2 - v[i, f].imag ** 2
            u[i, f] = source_u - gain[i, f] * drop + rest[i, f]
            if learned and mask[i, f]:
                doubt[i] = max(doubt[i], doubt_frac * abs(drop - known_drop[i, f]))
        if i == 0:
            continue
        for f in range(m):
            if mask[i, f]:  # roots only where they would be the worst so far
                low = max(u[i, f] - doubt[i], 0.0)
                least = v_min[i, f] - worst
                if least > 0.0 and low < least * least:
                    worst = v_min[i, f] - np.sqrt(low)
                high = u[i, f] + doubt[i] - lifted[i, f]
                most = v_max[i, f] + worst
                if high > 0.0 and (most < 0.0 or high > most * most):
                    worst = np.sqrt(high) - v_max[i, f]
    return worst
