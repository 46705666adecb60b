"""The EVSEs' meters as arrays. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csms.dispatch.sight.places import Places
from csms.dispatch.sight.snapshot import Footing, Snapshot
from csms.grid.network import FloatArray

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


def read_volt_meters(snapshot: Snapshot, places: Places, m: int) -> VoltMeters:
    """One value per EVSE where ``m`` is 1 (the mean of its phases), else one per wired phase.

    An EVSE on one phase may tell its voltage in any of three places.
    """
    seen = ~np.isnan(snapshot.v_pu)
    if m == 1:
        count = seen.sum(axis=1)
        which = np.flatnonzero(count)
        told = np.where(seen, snapshot.v_pu, 0.0).sum(axis=1)[which] / count[which]
        phase = np.zeros(len(which), np.int64)
    else:
        single = places.phases.sum(axis=1) == 1
        first = seen.argmax(axis=1)
        counts = np.where(single[:, None], seen & (np.arange(3) == first[:, None]), seen)
        which, column = np.nonzero(counts)
        told = snapshot.v_pu[which, column]
        phase = np.where(single[which], places.phases[which].argmax(axis=1), column)
    return VoltMeters(which, places.bus[which].astype(np.int64), phase, told, snapshot.age_s[which])


def read_powers(snapshot: Snapshot, places: Places) -> tuple[FloatArray, FloatArray]:
    """What each of N EVSEs draws and its standard deviation, W: by its fresh meter, else anything up to what it is
    assumed to draw."""
    unseen = (snapshot.footing == Footing.STALE) | (snapshot.footing == Footing.ALONE)
    half_w = 0.5 * snapshot.assumed_w
    class_w = places.max_power_w * (POWER_CLASS + POWER_DRIFT_PER_S * snapshot.age_s)
    sigma_w = np.where(snapshot.footing == Footing.ABSENT, 0.0, class_w)
    return (
        np.where(unseen, half_w, snapshot.measured_w),
        np.where(unseen, np.abs(half_w), sigma_w),
    )
