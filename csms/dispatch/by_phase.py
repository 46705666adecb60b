"""Arrays of bus voltages as plain data. Pure."""

from __future__ import annotations

from math import isnan

import numpy as np

from csms.grid.network import FloatArray

ThreePhases = tuple[float | None, float | None, float | None]


def by_phase(value: FloatArray) -> list[ThreePhases]:
    """(n, 1) or (n, 3) as (A, B, C) of each bus; ``None`` where there is no number."""
    rows = np.round(np.broadcast_to(value, (len(value), 3)), 6)
    if not np.isnan(rows).any():
        return [(a, b, c) for a, b, c in rows.tolist()]
    return [tuple(None if isnan(x) else x for x in row) for row in rows.tolist()]  # type: ignore[misc]
