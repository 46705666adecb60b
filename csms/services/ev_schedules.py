"""The schedule that an ISO 15118 car is offered, and whether the one it chose keeps to it (OCPP K15 to K17). Pure.

Limits are steps: ``(start_s, power)`` ascending from 0, each until the next one begins.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from math import ceil
from typing import NamedTuple

from csms.domain.events import EvScheduleTold
from csms.domain.plan import QUARTER_S
from csms.domain.profile import ChargingProfile, Kind, Purpose, RateUnit

HORIZON_S = 86_400.0
SLACK_S = 60.0
"""A schedule runs from when the car began to charge by it: so much later than it was made, K15.FR.08 allows."""
SAME_UNIT_FRAC, OTHER_UNIT_FRAC = 0.005, 0.10
"""Rounding; and the mains voltage that the station converted with, which may be 10% off nominal."""

Step = tuple[float, float]


class Excess(NamedTuple):
    """The first instant at which a car means to draw more than it may. W."""

    at_s: float
    asked_w: float
    allowed_w: float


def planned_steps(
    power_w: Sequence[float], start: datetime, now: datetime, ceiling_w: float
) -> list[Step]:
    """Limits out of a plan of quarter hours, from ``now`` on; what the car feeds back is no limit on charging, and
    after the plan's end there is only the ceiling."""
    begun_s = (now - start).total_seconds()
    steps: list[Step] = []
    for k, planned_w in enumerate((*power_w, ceiling_w)):
        at_s = max(0.0, float(ceil(k * QUARTER_S - begun_s)))  # on the wire: whole seconds
        limit_w = min(max(planned_w, 0.0), ceiling_w)
        if steps and steps[-1][0] == at_s:
            steps.pop()
        if not steps or steps[-1][1] != limit_w:
            steps.append((at_s, limit_w))
    return steps


def at_most(steps: Sequence[Step], n: int) -> list[Step]:
    """The same energy in ``n`` steps or fewer: neighbours that differ least, over the shortest time, become one."""
    kept = list(steps)
    while len(kept) > max(n, 1):
        ends = [start for start, _ in kept[1:]] + [max(HORIZON_S, kept[-1][0] + QUARTER_S)]
        spans = [end - start for (start, _), end in zip(kept, ends, strict=True)]
        i = min(
            range(len(kept) - 1),
            key=lambda k: abs(kept[k + 1][1] - kept[k][1]) * min(spans[k], spans[k + 1]),
        )
        energy = kept[i][1] * spans[i] + kept[i + 1][1] * spans[i + 1]
        kept[i : i + 2] = [(kept[i][0], energy / (spans[i] + spans[i + 1]))]
    return kept


def differ(a: Sequence[Step], b: Sequence[Step], by_w: float, from_s: float = 0.0) -> bool:
    """Whether two schedules are more than ``by_w`` apart at some instant from ``from_s`` on."""
    instants = {from_s, *(t for t, _ in (*a, *b) if t > from_s)}
    return any(abs(_value(a, t) - _value(b, t)) > by_w for t in instants)


def excess(
    told: EvScheduleTold,
    profiles: Iterable[ChargingProfile],
    *,
    started: datetime,
    w_per_a: float,
    led_w: float = 0.0,
) -> Excess | None:
    """Where the car's schedule goes beyond the TxProfiles of its transaction; ``None``: nowhere, or there are none.

    The highest stack level decides (K01.FR.39 ff.). ``led_w`` is the setpoint in force: what it allows, it may allow
    at any later time too.
    """
    known = [p for p in profiles if p.purpose is Purpose.TX and p.kind is not Kind.RECURRING]
    if not known or not told.periods:
        return None
    limits = [_absolute(p, started, told.start, w_per_a) for p in known]
    limits.sort(key=lambda limit: limit.stack_level, reverse=True)
    frac = SAME_UNIT_FRAC if {p.unit for p in known} == {told.unit} else OTHER_UNIT_FRAC
    scale = w_per_a if told.unit is RateUnit.A else 1.0
    edges = sorted({edge for limit in limits for edge in limit.edges})
    end_s = HORIZON_S if told.duration_s is None else told.duration_s
    ends = [start for start, _ in told.periods[1:]] + [end_s]
    for (begin_s, asked), until_s in zip(told.periods, ends, strict=True):
        between = edges[
            bisect_right(edges, begin_s - SLACK_S) : bisect_left(edges, until_s - SLACK_S)
        ]
        for at_s in (begin_s, *(edge + SLACK_S for edge in between)):
            allowed_w = _most(limits, edges, at_s)
            if allowed_w is None:
                continue
            allowed_w = max(allowed_w, led_w)
            if asked * scale > allowed_w * (1.0 + frac) + 1.0:
                return Excess(at_s, asked * scale, allowed_w)
    return None


class _Limit(NamedTuple):
    """A profile's steps in W, in seconds of the car's schedule."""

    stack_level: int
    steps: list[Step]
    begin_s: float
    end_s: float

    @property
    def edges(self) -> list[float]:
        return [t for t, _ in self.steps] + ([self.end_s] if self.end_s < HORIZON_S else [])


def _absolute(
    profile: ChargingProfile, started: datetime, zero: datetime, w_per_a: float
) -> _Limit:
    begin = started if profile.kind is Kind.RELATIVE else profile.start or started
    shift_s = (begin - zero).total_seconds()
    scale = w_per_a if profile.unit is RateUnit.A else 1.0
    told = [(p.start_s, p.setpoint if p.limit is None else p.limit) for p in profile.periods]
    steps = [(shift_s + at_s, scale * value) for at_s, value in told if value is not None]
    end_s = float("inf") if profile.duration_s is None else shift_s + profile.duration_s
    if profile.valid_to is not None:
        end_s = min(end_s, (profile.valid_to - zero).total_seconds())
    return _Limit(profile.stack_level, steps, shift_s, end_s)


def _most(limits: Sequence[_Limit], edges: Sequence[float], at_s: float) -> float | None:
    """The highest that was allowed within ``SLACK_S`` before or after; ``None`` if there was no limit then."""
    first_s, last_s = at_s - SLACK_S, at_s + SLACK_S
    near = edges[bisect_right(edges, first_s) : bisect_right(edges, last_s)]
    found = [_in_force(limits, t) for t in (first_s, at_s, *near)]
    known = [w for w in found if w is not None]
    return max(known) if known else None


def _in_force(limits: Sequence[_Limit], at_s: float) -> float | None:
    for limit in limits:
        if limit.steps and limit.begin_s <= at_s < limit.end_s:
            return _value(limit.steps, at_s)
    return None


def _value(steps: Sequence[Step], at_s: float) -> float:
    return steps[max(bisect_right(steps, at_s, key=lambda step: step[0]) - 1, 0)][1]
