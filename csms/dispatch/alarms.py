"""What the operator must know of a cycle. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from csms.dispatch.optimum.corrected import Dispatch
from csms.dispatch.sight.snapshot import Footing, Snapshot
from csms.domain.der import FreqDroop
from csms.grid.network import BoolArray, FloatArray
from csms.ids import EvseKey

OVERDRAW_FRAC, OVERDRAW_W, OVERDRAW_CYCLES = 0.10, 500.0, 5
MOST_NAMED = 20
"""EVSEs in one kind of alarm; of the others only the number is told."""


class Overdraw:
    """Counts for how long each of N EVSEs has drawn more than it was told."""

    def __init__(self, n: int) -> None:
        self._cycles = np.zeros(n, np.int64)

    def judge(self, snapshot: Snapshot, ordered_w: FloatArray, *, quiet: bool) -> BoolArray:
        """(N,) for whom it has lasted. ``ordered_w``: their last orders, NaN without. Unless it is ``quiet``, a meter
        is late behind a moving setpoint."""
        slack_w = np.maximum(OVERDRAW_W, OVERDRAW_FRAC * np.abs(ordered_w))
        over = snapshot.led & (snapshot.measured_w > ordered_w + slack_w) & quiet
        self._cycles = np.where(over, self._cycles + 1, 0)
        return self._cycles >= OVERDRAW_CYCLES


def is_quiet(snapshot: Snapshot, droop: FreqDroop | None) -> bool:
    """Whether neither the frequency nor a call moves setpoints now."""
    hz, call = snapshot.frequency_hz, snapshot.regulation
    in_band = hz is None or droop is None or droop.under_freq_hz <= hz <= droop.over_freq_hz
    return in_band and not (call is not None and call.change_w)


def feeder_alarms(feeder: str, dispatch: Dispatch) -> list[str]:
    """What the feeder cannot bear."""
    alarms: list[str] = []
    if not dispatch.feasible:
        alarms.append(
            f"no setpoints keep {feeder} inside its limits: "
            f"breach {dispatch.breach_pu:.4f} pu after curtailing all that may be curtailed"
        )
    if dispatch.droop_share < 1.0:
        alarms.append(f"{feeder} would bear {dispatch.droop_share:.0%} of its chargers' full droop")
    return alarms


def evse_alarms(keys: Sequence[EvseKey], snapshot: Snapshot, overdraws: BoolArray) -> list[str]:
    """Which EVSEs do not do as they are told, and whose meters tell nothing true."""
    return [
        *_named(keys, overdraws, "draws more than it is told to"),
        *_named(keys, snapshot.footing == Footing.STALE, "meter values are old, frozen or absurd", ":"),
    ]  # fmt: skip


def _named(keys: Sequence[EvseKey], who: BoolArray, what: str, colon: str = "") -> list[str]:
    which = np.flatnonzero(who).tolist()
    told = [f"{keys[i]}{colon} {what}" for i in which[:MOST_NAMED]]
    if len(which) > MOST_NAMED:
        told.append(f"{len(which) - MOST_NAMED} more: {what}")
    return told
