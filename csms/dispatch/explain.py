"""Which limit made each setpoint what it is. Pure."""

from __future__ import annotations

import numpy as np

from csms.dispatch.asked import Asked
from csms.dispatch.frequency.regulation import Regulated
from csms.dispatch.optimum.corrected import Dispatch
from csms.dispatch.orders import Hold, Orders
from csms.dispatch.sight.places import Places
from csms.dispatch.sight.snapshot import Footing, Snapshot
from csms.grid.network import Feeder, FloatArray

_IMMATERIAL_W = 1.0


def orders_of(
    feeder: Feeder,
    places: Places,
    snapshot: Snapshot,
    asked: Asked,
    dispatch: Dispatch,
    regulated: Regulated | None,
    setpoint_w: FloatArray,
    safe_w: FloatArray,
) -> Orders:
    """``setpoint_w`` (N,): what is sent of the ``dispatch``; those whose meters tell nothing true go to ``safe_w``."""
    led, stale = snapshot.led, snapshot.footing == Footing.STALE
    power_w = np.where(stale, safe_w, setpoint_w)
    wanted_w, desired_w = snapshot.want.power_w, asked.requests.desired_w
    served = power_w >= wanted_w - _IMMATERIAL_W
    by_plan = snapshot.want.scheduled & (power_w < places.max_power_w - _IMMATERIAL_W)
    by_frequency = desired_w < wanted_w - _IMMATERIAL_W
    by_call = np.zeros(len(places), bool)
    if regulated is not None:
        by_call = led & (regulated.target_w < desired_w - _IMMATERIAL_W)
    hold = np.select(
        [
            stale, by_call, served & by_plan, served, dispatch.binding_kind != Hold.NOTHING,
            by_frequency & asked.capped, by_frequency,
            power_w < dispatch.setpoint_w - _IMMATERIAL_W,
        ],
        [
            Hold.TELEMETRY, Hold.REGULATION, Hold.SCHEDULE, Hold.NOTHING, dispatch.binding_kind,
            Hold.RIDE_THROUGH, Hold.DROOP, Hold.RAMP,
        ],
        Hold.STEP,
    )  # fmt: skip
    return Orders(
        keys=places.keys,
        told=led | stale,
        power_w=power_w,
        wanted_w=wanted_w,
        hold=hold,
        hold_bus=dispatch.binding_bus,
        feeder=feeder.name,
        bus_names=feeder.bus_names,
    )
