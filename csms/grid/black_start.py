"""The order in which a fleet re-energises the blocks of a dead microgrid.

Greedy by priority: at each instant the first block, highest priority and then largest, is closed
if the fleet can take it. A block draws `pickup_factor` times its power when closed (cold load and
inrush), decaying with `pickup_s`. Three limits hold at every instant: the sum drawn is within the
fleet's overload, the sum of steady powers within its ramped power, and one closure within the
largest step that the island's voltage and frequency bear. A block is closed only if the energy left
carries everything closed to the end of the outage, so nothing has to be shed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csms.grid.resilience import SECONDS_PER_HOUR, FleetPool
from csms.grid.swing import (
    FloatArray,
    require_non_negative,
    require_positive,
    sample_times,
    step_count,
)


@dataclass(frozen=True, slots=True)
class LoadBlock:
    """What one switch re-energises. A lower `priority` number goes first."""

    name: str
    power_w: float
    priority: int
    pickup_factor: float = 2.0
    pickup_s: float = 60.0

    def __post_init__(self) -> None:
        require_positive(f"LoadBlock {self.name}", power_w=self.power_w, pickup_s=self.pickup_s)
        if not self.pickup_factor >= 1.0:
            raise ValueError(f"LoadBlock {self.name}: pickup_factor expected >= 1")

    def drawn_w(self, since_closure_s: FloatArray) -> FloatArray:
        """Power at a time since closure; 0 before it."""
        surge = (self.pickup_factor - 1.0) * np.exp(
            -np.maximum(since_closure_s, 0.0) / self.pickup_s
        )
        return np.where(since_closure_s >= 0.0, self.power_w * (1.0 + surge), 0.0)


@dataclass(frozen=True, slots=True)
class Closure:
    """A block closed at a time after the outage."""

    name: str
    t_s: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A block that stays dark, and the limit that keeps it so."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class BlackStartResult:
    """The order, what stays dark, and the power drawn."""

    order: tuple[Closure, ...]
    left_out: tuple[LeftOut, ...]
    recovery_time_s: float | None  # when the last block was closed; None if any stays dark
    ens_kwh: float
    t_s: FloatArray  # (n,)
    drawn_w: FloatArray  # (n,)
    limit_w: FloatArray  # (n,) the fleet's overload limit as it ramps


def black_start(
    blocks: Sequence[LoadBlock],
    fleet: FleetPool,
    *,
    outage_h: float,
    step_limit_w: float,
    overload_frac: float = 0.2,
    dt_s: float = 1.0,
) -> BlackStartResult:
    """Close `blocks` from the outage on; raises ValueError for repeated names or bad limits.

    `step_limit_w`: the largest inrush of one closure. `overload_frac`: short overload of the
    inverters above their ramped power. One closure per `dt_s` at most.
    """
    require_positive("black_start", outage_h=outage_h, step_limit_w=step_limit_w)
    require_non_negative("black_start", overload_frac=overload_frac)
    if len({b.name for b in blocks}) != len(blocks):
        raise ValueError("black_start: block names must differ")
    n = step_count(outage_h * SECONDS_PER_HOUR, dt_s)
    t = sample_times(n, dt_s)
    power = fleet.ramp_power_w(t)
    drawn, steady_w, reserved_wh = np.zeros(n), 0.0, 0.0
    order: list[Closure] = []
    left_out: list[LeftOut] = []
    k = 0
    for block in sorted(blocks, key=lambda b: (b.priority, -b.power_w)):
        inrush_w = block.power_w * block.pickup_factor
        if inrush_w > step_limit_w:
            reason = f"inrush {inrush_w:.0f} W above the step limit {step_limit_w:.0f} W"
            left_out.append(LeftOut(block.name, reason))
            continue
        allowed = (power >= steady_w + block.power_w) & (
            (1.0 + overload_frac) * power >= drawn + inrush_w
        )
        allowed[:k] = False
        if not allowed.any():
            left_out.append(LeftOut(block.name, f"the fleet's power, {fleet.power_w:.0f} W"))
            continue
        at = int(np.argmax(allowed))
        added = block.drawn_w(t - t[at])
        need_wh = float(added.sum()) * dt_s / SECONDS_PER_HOUR
        if reserved_wh + need_wh > fleet.energy_wh:
            left_out.append(LeftOut(block.name, f"the fleet's energy, {fleet.energy_wh:.0f} Wh"))
            continue
        drawn += added
        steady_w += block.power_w
        reserved_wh += need_wh
        order.append(Closure(block.name, float(t[at])))
        k = at + 1
    by_name = {b.name: b for b in blocks}
    dark_wh = sum(by_name[c.name].power_w * c.t_s / SECONDS_PER_HOUR for c in order)
    dark_wh += sum(by_name[x.name].power_w * outage_h for x in left_out)
    last_s = order[-1].t_s if order else 0.0
    return BlackStartResult(
        order=tuple(order),
        left_out=tuple(left_out),
        recovery_time_s=None if left_out else last_s,
        ens_kwh=dark_wh / 1e3,
        t_s=t,
        drawn_w=drawn,
        limit_w=(1.0 + overload_frac) * power,
    )
