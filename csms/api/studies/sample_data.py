"""Made-up fleets and errors, so that studies run without anybody's data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from csms.market.robust import Float

DAYS = 365


def sample_plug_in(rng: np.random.Generator, n_vehicles: int) -> NDArray[np.int64]:
    """(365,) vehicles plugged in at one hour of each day: 35% on average, together more or less so (rho 0.02)."""
    share = rng.beta(0.35 * 49.0, 0.65 * 49.0, DAYS)
    return rng.binomial(n_vehicles, share).astype(np.int64)


def sample_errors(rng: np.random.Generator, n_hours: int = 6) -> Float:
    """(1000, 6) forecast errors with heavy tails (Student t, 5 degrees of freedom), correlated from hour to hour."""
    lag = np.abs(np.subtract.outer(np.arange(n_hours), np.arange(n_hours)))
    factor = np.linalg.cholesky(0.7**lag)
    scale = np.sqrt(5.0 / rng.chisquare(5.0, (1_000, 1)))
    return np.asarray((rng.standard_normal((1_000, n_hours)) @ factor.T) * scale)


SAMPLE_CARS = """arrive_h,depart_h,energy_kwh,target_kwh,capacity_kwh,charger_kw
0,7,30,48,60,11
0,8,40,56,77,11
0,6.5,22,40,50,7.4
8.5,17,35,50,60,11
9,16,50,62,77,22
17,24,30,40,60,11
18,24,25,38,50,11
18.5,24,40,50,77,11
"""
