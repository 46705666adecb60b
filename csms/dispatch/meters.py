"""The EVSEs' meters as arrays. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csms.dispatch.snapshot import EvseNow, Footing
from csms.grid.network import BoolArray, FloatArray
from csms.ids import EvseKey

V_CLASS_PU = 0.004
"""Standard deviation of a voltmeter, the drop of its service cable included."""
POWER_CLASS = 0.01
"""Standard deviation of a power meter, of the EVSE's rating."""
POWER_DRIFT_PER_S = 0.02
"""What a second of age adds."""


@dataclass(frozen=True, slots=True, eq=False)
class VoltMeters:
    """K fresh voltages."""

    evse: NDArray[np.int64]  # (K,) which EVSE
    bus: NDArray[np.int64]
    phase: NDArray[np.int64]  # 0 where one phase stands for all
    v_pu: FloatArray
    age_s: FloatArray

    def __len__(self) -> int:
        return len(self.evse)


def read_volt_meters(
    index: Mapping[EvseKey, int], evses: Mapping[EvseKey, EvseNow], bus: NDArray[np.int32],
    phases: BoolArray, m: int,
) -> VoltMeters:  # fmt: skip
    """One value per EVSE where ``m`` is 1 (the mean of its phases), else one per wired phase; ``phases`` (N, 3)."""
    found: list[tuple[int, int, float, float]] = []
    for key, evse in evses.items():
        i = index.get(key)
        if i is None or evse.v_pu is None:
            continue
        known = [v for v in evse.v_pu if v is not None]
        if not known:
            continue
        if m == 1:
            found.append((i, 0, sum(known) / len(known), evse.age_s))
        else:
            wired = np.flatnonzero(phases[i]).tolist()
            found += [(i, f, v, evse.age_s) for f, v in zip(wired, known, strict=False)]
    table = np.array(found, float).reshape(-1, 4)
    which = table[:, 0].astype(np.int64)
    return VoltMeters(
        which, bus[which].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2], table[:, 3]
    )


def read_powers(
    index: Mapping[EvseKey, int], evses: Mapping[EvseKey, EvseNow]
) -> tuple[FloatArray, FloatArray]:
    """What each of N EVSEs draws and its standard deviation, W: by its fresh meter, else anything up to what it is
    assumed to draw."""
    power_w, sigma_w = np.zeros(len(index)), np.zeros(len(index))
    for key, i in index.items():
        evse = evses.get(key)
        if evse is None:
            continue
        if evse.footing in (Footing.STALE, Footing.ALONE):
            power_w[i], sigma_w[i] = 0.5 * evse.assumed_w, 0.5 * abs(evse.assumed_w)
        else:
            power_w[i] = evse.measured_w
            sigma_w[i] = evse.place.max_power_w * (POWER_CLASS + POWER_DRIFT_PER_S * evse.age_s)
    return power_w, sigma_w
