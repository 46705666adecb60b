"""The twin of one vehicle, fed from what the charger metered.

A charger sees the state of charge while the car is plugged in. In between, the charge is taken to fall
in a straight line; the history is sampled every quarter of an hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from csms.battery.degradation import FleetState, advance, new_fleet
from csms.battery.errors import HistoryError
from csms.battery.packs import PACKS

Float = NDArray[np.float64]
STEP_S = 900.0
MAX_SAMPLES = 4_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """One metered point. `t_s`: seconds from any fixed origin. `exported_wh`: fed back since the last."""

    t_s: float
    soc_frac: float
    temperature_c: float
    exported_wh: float = 0.0


@dataclass(frozen=True, slots=True)
class VehicleTwin:
    """Twins of one vehicle under several packs, since its cell is seldom known for sure."""

    twins: dict[str, FleetState]
    last: Reading  # where the twin stands, on the quarter-hour grid
    pending: tuple[Reading, ...]  # readings since, less than one step ahead
    first_t_s: float
    exported_wh: float


def start_twin(readings: Sequence[Reading], packs: Sequence[str] | None = None) -> VehicleTwin:
    """A new battery moved through its first readings. Raises HistoryError, UnknownPackError."""
    if not readings:
        raise HistoryError(
            "empty history: no metered reading of this vehicle; its battery counts as new"
        )
    names = tuple(packs or PACKS)
    if not names:
        raise HistoryError("name at least one pack")
    origin = readings[0]
    _check(origin, None)
    twin = VehicleTwin({name: new_fleet(name, 1) for name in names}, origin, (), origin.t_s, 0.0)
    return update_twin(twin, readings[1:])


def update_twin(twin: VehicleTwin, readings: Sequence[Reading]) -> VehicleTwin:
    """The twin after further readings, which must follow the last one in time.

    Raises HistoryError naming the reading.
    """
    if not readings:
        return twin
    points = [twin.last, *twin.pending, *readings]
    for before, reading in pairwise(points):
        _check(reading, before)
    exported = twin.exported_wh + sum(r.exported_wh for r in readings)
    t = np.array([r.t_s for r in points])
    n = int((t[-1] - t[0]) // STEP_S)
    if n > MAX_SAMPLES:
        raise HistoryError(f"{n} samples of {STEP_S:g} s, at most {MAX_SAMPLES}: feed it in parts")
    if n < 1:
        return replace(twin, pending=tuple(points[1:]), exported_wh=exported)
    at = t[0] + STEP_S * np.arange(1, n + 1)
    soc = np.interp(at, t, [r.soc_frac for r in points])[None, :]
    temp = np.interp(at, t, [r.temperature_c for r in points])
    return VehicleTwin(
        {name: advance(s, soc, temp, STEP_S / 3600.0) for name, s in twin.twins.items()},
        Reading(float(at[-1]), float(soc[0, -1]), float(temp[-1])),
        tuple(r for r in points if r.t_s > at[-1]),
        twin.first_t_s,
        exported,
    )


def _check(reading: Reading, before: Reading | None) -> None:
    if not all(np.isfinite([reading.t_s, reading.soc_frac, reading.temperature_c])):
        raise HistoryError(f"reading at {reading.t_s} s holds a value that is not finite")
    if not 0.0 <= reading.soc_frac <= 1.0:
        raise HistoryError(
            f"reading at {reading.t_s:g} s: charge {reading.soc_frac:g} outside 0..1"
        )
    if before is not None and reading.t_s < before.t_s:
        raise HistoryError(f"reading at {reading.t_s:g} s comes after one at {before.t_s:g} s")
