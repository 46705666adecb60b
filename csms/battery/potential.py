"""Potential of a graphite anode against lithium, the driver of calendar ageing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

# Lithiation of the anode at 0% and 100% charge: Schimpe et al. 2018, doi:10.1149/2.1181714jes.
LITHIATION_EMPTY, LITHIATION_FULL = 0.0085, 0.78


def anode_potential_v(soc_frac: Float | float) -> Float:
    """Open-circuit potential of graphite in V at a state of charge (0..1).

    Safari and Delacourt 2011, doi:10.1149/1.3567007.
    """
    x = LITHIATION_EMPTY + np.asarray(soc_frac) * (LITHIATION_FULL - LITHIATION_EMPTY)
    return np.asarray(
        0.6379
        + 0.5416 * np.exp(-305.5309 * x)
        + 0.0440 * np.tanh(-(x - 0.1958) / 0.1088)
        - 0.1978 * np.tanh((x - 1.0571) / 0.0854)
        - 0.6875 * np.tanh((x + 0.0117) / 0.0529)
        - 0.0175 * np.tanh((x - 0.5692) / 0.0875)
    )
