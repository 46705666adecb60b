"""Numba kernel: what the voltmeters of a bus say together. Per unit."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def most_cautious(  # type: ignore[no-untyped-def]
    bus, phase, told, trusted, suspected, modelled, offset, sigma, caution, witnesses, floor, out
):
    """``out`` (n, m): what K voltmeters say together, NaN where nothing; the other two (n, m) are scratch.

    Where the voltage is low, the lowest counts, else the highest. One that is not ``trusted`` counts at most as what is
    expected there, less ``caution`` standard deviations if it is ``suspected``; a suspected one that two trusted ones
    outvote does not count.
    """
    out[:] = np.nan
    floor[:] = np.nan
    witnesses[:] = 0
    for k in range(bus.shape[0]):
        if trusted[k]:
            witnesses[bus[k], phase[k]] += 1
    for k in range(bus.shape[0]):
        i, f = bus[k], phase[k]
        if suspected[k] and witnesses[i, f] >= 2:
            continue
        slack = caution * sigma[i, f] if suspected[k] else 0.0
        expected = modelled[i, f] + offset[i, f]
        if modelled[i, f] < 1.0:
            v = told[k] if trusted[k] else min(told[k], expected - slack)
            if not floor[i, f] <= v:
                floor[i, f] = v
        else:
            v = told[k] if trusted[k] else max(told[k], expected + slack)
            if not out[i, f] >= v:
                out[i, f] = v
    for i in range(out.shape[0]):
        for f in range(out.shape[1]):
            if not np.isnan(floor[i, f]):
                out[i, f] = floor[i, f]
