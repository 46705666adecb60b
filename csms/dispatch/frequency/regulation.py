"""Frequency regulation on top of dispatch: reserve is held, calls are split, the feeder's limits stay. Pure.

The baseline is the optimum of the cycle less the downward reserve, shared out: what the feeder bears is known for the
optimum, so a call downward (more import) up to the reserve is borne as well. A call is split by headroom and energy
(``reserves``), solved by the dispatcher like any other wish, and what a limit or a whole step withholds at one EVSE is
asked of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from csms.dispatch.frequency.reserves import (
    LER_DURATION_H,
    Headroom,
    Offer,
    offer,
    split,
    water_fill,
)
from csms.dispatch.frequency.response import ResponseMeter
from csms.dispatch.optimum.corrected import Dispatch, Requests
from csms.dispatch.sight.energy_room import EnergyRoom
from csms.dispatch.sight.snapshot import RegulationCall
from csms.domain.feeder_view import RegulationView
from csms.grid.network import FloatArray

ROUNDS = 3
"""Times that what was withheld is asked of others."""
HOLD_H = 60.0 / 3600.0
"""A call is split so that it could be held for a minute; the next cycle sees the energies anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Regulated:
    """``target_w`` is what was asked of each EVSE in the end."""

    dispatch: Dispatch
    base_w: FloatArray  # (N,)
    target_w: FloatArray  # (N,)
    offer: Offer


def regulate(
    call: RegulationCall,
    requests: Requests,
    floor_w: FloatArray,
    rooms: EnergyRoom,
    taking_part: np.ndarray,
    optimum: Dispatch,
    step: Callable[[Requests], Dispatch],
) -> Regulated:
    """``floor_w`` (N,) <= 0 is as low as each may feed back, ``taking_part`` (N,) bool those that follow setpoints now,
    ``optimum`` the cycle's dispatch without a call, ``step`` the dispatcher."""
    best_w = optimum.setpoint_w
    free_w = np.where(taking_part, np.maximum(best_w - np.maximum(requests.lo_w, 0.0), 0.0), 0.0)
    held_w = water_fill(call.down_w, free_w, np.maximum(free_w, 1e-6))
    base_w = best_w - held_w
    room = _headroom(base_w, floor_w, requests.hi_w, rooms, taking_part)
    held = replace(room, hi_w=np.maximum(best_w, base_w))
    first = split(call.change_w, held, HOLD_H)  # from the reserve, which the feeder bears
    target_w = base_w + first.change_w
    if first.shortfall_w:
        beyond = replace(room, base_w=target_w, lo_w=np.minimum(room.lo_w, target_w))
        target_w = target_w + split(first.shortfall_w, beyond, HOLD_H).change_w
    for _ in range(ROUNDS):
        target_w = in_steps(target_w, requests.step_w, room.lo_w, room.hi_w)
        dispatch = step(
            replace(requests, lo_w=np.minimum(requests.lo_w, target_w), desired_w=target_w)
        )
        got_w = dispatch.setpoint_w
        missing_w = call.change_w - float((got_w - base_w)[taking_part].sum())
        if abs(missing_w) <= _tolerance_w(requests.step_w, taking_part):
            break
        short = np.abs(got_w - target_w) > 1.0
        low_w, high_w = np.minimum(room.lo_w, got_w), np.maximum(room.hi_w, got_w)
        left = replace(
            room,
            base_w=got_w,
            lo_w=np.where(short & (missing_w < 0.0), got_w, low_w),
            hi_w=np.where(short & (missing_w > 0.0), got_w, high_w),
        )
        more = split(missing_w, left, HOLD_H)
        if not more.change_w.any():
            break
        target_w = got_w + more.change_w
    return Regulated(dispatch, base_w, target_w, offer(held, LER_DURATION_H))


def in_steps(
    target_w: FloatArray, step_w: FloatArray, lo_w: FloatArray, hi_w: FloatArray
) -> FloatArray:
    """Whole steps (N,) whose sum is the targets' within half a step: the largest remainders are rounded up."""
    stepped = step_w > 0.0
    step = np.where(stepped, step_w, 1.0)
    low = np.maximum(np.floor(target_w / step + 1e-9) * step, lo_w)
    whole_w = np.where(stepped, np.minimum(low, target_w), target_w)
    remainder = np.where(stepped & (whole_w + step <= hi_w), (target_w - whole_w) / step, 0.0)
    order = np.argsort(-remainder, kind="stable")
    order = order[remainder[order] > 1e-6]
    risen = np.cumsum(step[order]) - 0.5 * step[order]
    up = order[risen <= float((target_w - whole_w).sum())]
    whole_w[up] += step[up]
    return whole_w


def _headroom(
    base_w: FloatArray,
    floor_w: FloatArray,
    hi_w: FloatArray,
    rooms: EnergyRoom,
    taking_part: np.ndarray,
) -> Headroom:
    low_w = np.where(taking_part, np.minimum(floor_w, base_w), base_w)
    high_w = np.where(taking_part, np.maximum(hi_w, base_w), base_w)
    return Headroom(
        base_w=base_w,
        lo_w=low_w,
        hi_w=high_w,
        give_wh=rooms.give_wh,
        take_wh=rooms.take_wh,
        due_wh=rooms.due_wh,
        left_h=rooms.left_h,
    )


def _tolerance_w(step_w: FloatArray, taking_part: np.ndarray) -> float:
    return max(0.5 * float(step_w[taking_part].max(initial=0.0)), 1.0)


def regulation_view(
    call: RegulationCall,
    regulated: Regulated,
    setpoint_w: FloatArray,
    now_w: FloatArray,
    taking_part: np.ndarray,
    meter: ResponseMeter,
    period_s: float,
) -> RegulationView:
    """Asked beside delivered; ``setpoint_w`` (N,) as sent, ``now_w`` (N,) as measured. ``meter`` keeps the past."""
    base_w = float(regulated.base_w[taking_part].sum())
    ordered_w = float(setpoint_w[taking_part].sum()) - base_w
    delivered_w = float(now_w[taking_part].sum()) - base_w
    score = meter.add(call.change_w, delivered_w)
    return RegulationView(
        asked_w=call.change_w,
        base_w=base_w,
        ordered_w=ordered_w,
        delivered_w=delivered_w,
        shortfall_w=call.change_w - ordered_w,
        held_up_w=call.up_w,
        held_down_w=call.down_w,
        can_up_w=float(regulated.offer.up_w.sum()),
        can_down_w=float(regulated.offer.down_w.sum()),
        delay_s=None if score is None else score.delay_cycles * period_s,
        precision_frac=None if score is None else score.precision_frac,
    )


def reserve_alarms(view: RegulationView) -> tuple[str, ...]:
    """What the operator must know of the reserve that was asked to be held."""
    short = (
        ("upward", view.can_up_w < view.held_up_w - 1.0),
        ("downward", view.can_down_w < view.held_down_w - 1.0),
    )
    return tuple(
        f"reserve: the fleet cannot sustain what is held {direction}"
        for direction, is_short in short
        if is_short
    )
