"""The droop that stations run by themselves (G7), as far as the dispatcher must know of it: counted, not led."""

from __future__ import annotations

from collections import deque

import numpy as np

from csms.dispatch.optimum.droop_band import DroopBand, droop_band
from csms.dispatch.sight.curves import Curves
from csms.dispatch.sight.places import Places
from csms.dispatch.sight.snapshot import Footing, Snapshot
from csms.grid.network import FloatArray

RESPONSE_TIMES = 3.0
"""After so many of them a response is over."""


class SeenFrequency:
    """The frequencies of the last ``remember_s`` seconds: a response fades late, and a meter tells of it later."""

    def __init__(self, remember_s: float = 0.0, nominal_hz: float = 50.0) -> None:
        self._remember_s = remember_s
        self._nominal_hz = nominal_hz
        self._seen: deque[tuple[float, float]] = deque()

    def see(self, frequency_hz: float | None, now_s: float) -> None:
        """Once a cycle."""
        while self._seen and self._seen[0][0] < now_s - self._remember_s:
            self._seen.popleft()
        if frequency_hz is not None:
            self._seen.append((now_s, frequency_hz))

    def overlay_w(self, curves: Curves, rated_w: FloatArray) -> FloatArray:
        """(N,) <= 0: by how much less than its setpoint each EVSE may be seen to draw, on account of its droop."""
        if not self._seen:
            return np.zeros(len(rated_w))
        lowest_hz = min(hz for _, hz in self._seen)
        return np.minimum(curves.change_w(lowest_hz, self._nominal_hz, rated_w), 0.0)


def own_band(
    snapshot: Snapshot, places: Places, nominal_hz: float, *, balanced: bool
) -> DroopBand | None:
    """What the EVSEs' own droop may do to setpoints; those without a transaction do not respond. ``None`` when nobody
    has any."""
    on = snapshot.curves.on & (snapshot.footing > Footing.IDLE)
    # a car that told nothing may be able to feed back
    floor_w = np.where(snapshot.want.floor_w < 0.0, snapshot.want.floor_w, -places.max_discharge_w)
    return droop_band(
        snapshot.curves, on, snapshot.frequency_hz, nominal_hz, places.rated_w, floor_w,
        places.max_power_w, balanced=balanced,
    )  # fmt: skip
