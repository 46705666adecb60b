"""The droop that stations run by themselves (G7), as far as the dispatcher must know of it: counted, not led."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

import numpy as np

from csms.dispatch.droop_band import DroopBand, droop_band
from csms.dispatch.frequency_support import droop_power_w
from csms.dispatch.snapshot import EvseNow, Footing
from csms.domain.der import FreqDroop
from csms.domain.fleet import EvsePlace
from csms.ids import EvseKey

RESPONSE_TIMES = 3.0
"""After so many of them a response is over."""


class OwnDroop:
    """Of one feeder's stations. Keeps the frequencies of the last ``remember_s`` seconds: a response fades late, and a
    meter tells of it later."""

    def __init__(
        self,
        curve: Callable[[EvseKey], FreqDroop | None] = lambda _key: None,
        *,
        nominal_hz: float = 50.0,
        remember_s: float = 0.0,
    ) -> None:
        """``curve``: what the EVSE's station runs now, ``None`` without."""
        self.curve = curve
        self._nominal_hz = nominal_hz
        self._remember_s = remember_s
        self._seen: deque[tuple[float, float]] = deque()

    def see(self, frequency_hz: float | None, now_s: float) -> None:
        """Once a cycle."""
        while self._seen and self._seen[0][0] < now_s - self._remember_s:
            self._seen.popleft()
        if frequency_hz is not None:
            self._seen.append((now_s, frequency_hz))

    def overlay_w(self, key: EvseKey, place: EvsePlace) -> float:
        """<= 0: by how much less than its setpoint the EVSE may be seen to draw, on account of its droop."""
        if not self._seen:
            return 0.0
        curve = self.curve(key)
        if curve is None:
            return 0.0
        lowest_hz = min(hz for _, hz in self._seen)
        return min(droop_power_w(curve, lowest_hz, self._nominal_hz, place.rated_w), 0.0)

    def band(
        self, evses: Iterable[EvseNow | None], frequency_hz: float | None, *, balanced: bool
    ) -> DroopBand | None:
        """For N EVSEs; those without a transaction, or ``None``, do not respond."""
        curves: list[FreqDroop | None] = []
        limits: list[tuple[float, float, float]] = []
        for evse in evses:
            if evse is None or evse.footing is Footing.IDLE:
                curves.append(None)
                limits.append((0.0, 0.0, 0.0))
            else:
                curves.append(self.curve(evse.key))
                # a car that told nothing may be able to feed back
                floor_w = evse.want.floor_w or -evse.place.max_discharge_w
                limits.append((evse.place.rated_w, floor_w, evse.place.max_power_w))
        rated, lo, hi = np.array(limits).reshape(-1, 3).T
        return droop_band(curves, frequency_hz, self._nominal_hz, rated, lo, hi, balanced=balanced)
