"""From what cars want to what is asked of the dispatcher. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csms.dispatch.optimum.corrected import Requests
from csms.dispatch.sight.places import Places
from csms.dispatch.sight.snapshot import Footing, Snapshot
from csms.grid.network import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Of N EVSEs."""

    requests: Requests
    floor_w: FloatArray  # the most that each would give, infinite where it is not led
    capped: BoolArray  # out or coming back softly, by the ride-through policy


def asked(
    snapshot: Snapshot, places: Places, *, central_droop_w: FloatArray | float, caps_w: FloatArray
) -> Asked:
    """``central_droop_w``: what the droop evaluated here asks of each; ``caps_w`` (N,): infinite where there is none.

    An EVSE that is not led does what it is assumed to do, also one sent to its safe power: it may not hear, so the
    feeder must bear what it may still draw.
    """
    led, want, assumed_w = snapshot.led, snapshot.want, snapshot.assumed_w
    capped = led & np.isfinite(caps_w)
    lo_w = np.where(capped, 0.0, np.minimum(want.power_w, 0.0))
    hi_w = np.minimum(np.maximum(want.power_w, 0.0), caps_w)
    wish_w = np.clip(want.power_w + central_droop_w, lo_w, hi_w)
    requests = Requests(
        lo_w=np.where(led, lo_w, assumed_w),
        hi_w=np.where(led, hi_w, assumed_w),
        desired_w=np.where(led, wish_w, assumed_w),
        step_w=np.where(led, places.step_w, 0.0),
        min_w=np.where(led, places.min_w, 0.0),
        weight=np.where(led, want.weight, 1.0),
        priority=np.where(snapshot.footing == Footing.ABSENT, 0, places.priority),
    )
    floor_w = np.where(capped, 0.0, want.floor_w)
    return Asked(requests, np.where(led, floor_w, np.inf), capped)
