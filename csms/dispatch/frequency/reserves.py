"""What a fleet can hold in reserve, and how a call is split over it. Pure; arrays (N,), import > 0, W and Wh.

An activation of ``duration_h`` at power p moves p * duration out of or into a vehicle; it may neither pass the ends of
its battery nor leave less than the energy due at departure within reach. Commission Regulation (EU) 2017/1485, art. 156
(9): providers with limited energy reservoirs sustain full activation for 15 to 30 minutes, in either direction.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from csms.grid.network import FloatArray

LER_DURATION_H = 0.25
LER_RESTORING_FRAC = 0.25
"""Power kept free beyond the reserve to refill the battery, as a share of the reserve: rated to prequalified power
1.25 (ENTSO-E, continental Europe: additional properties of FCR, art. 3)."""
_LONG_H = 24.0
"""A vehicle whose energy is not known counts as able to go on for this long when shares are weighed."""


@dataclass(frozen=True, slots=True, eq=False)
class Headroom:
    """The vehicles as they stand. Energies are at the grid side; infinite where they are no limit."""

    base_w: FloatArray  # what it does without a call
    lo_w: FloatArray  # < 0 where it may feed back
    hi_w: FloatArray
    give_wh: FloatArray  # >= 0, down to its lowest state of charge
    take_wh: FloatArray  # >= 0, up to full
    due_wh: FloatArray  # >= 0, must be taken by departure
    left_h: FloatArray  # until departure

    def __post_init__(self) -> None:
        shape = self.base_w.shape
        for field in fields(self):
            values = getattr(self, field.name)
            if values.shape != shape or np.isnan(values).any():
                raise ValueError(f"Headroom.{field.name}: expected {shape} without NaN")
        if not ((self.lo_w <= self.base_w) & (self.base_w <= self.hi_w)).all():
            raise ValueError("Headroom: expected lo_w <= base_w <= hi_w")
        for name in ("give_wh", "take_wh", "due_wh", "left_h"):
            if (getattr(self, name) < 0.0).any():
                raise ValueError(f"Headroom.{name}: expected >= 0")

    @classmethod
    def of_power(cls, base_w: FloatArray, lo_w: FloatArray, hi_w: FloatArray) -> Headroom:
        """No limit of energy."""
        endless, none = np.full_like(base_w, np.inf), np.zeros_like(base_w)
        return cls(base_w, lo_w, hi_w, endless, endless, none, endless)

    def slack_wh(self) -> FloatArray:
        """Energy that may be withheld or given back until departure without missing what is due."""
        reach = np.where(np.isinf(self.left_h), np.inf, self.hi_w * np.minimum(self.left_h, 1e9))
        return np.maximum(np.minimum(reach - self.due_wh, self.give_wh), 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """Per vehicle, >= 0: how far its import can fall (``up_w``: regulation upward) and rise, sustained."""

    up_w: FloatArray
    down_w: FloatArray

    @property
    def symmetric_w(self) -> float:
        """The largest bid that can be called in either direction."""
        return float(min(self.up_w.sum(), self.down_w.sum()))


def offer(headroom: Headroom, duration_h: float, *, restoring_frac: float = 0.0) -> Offer:
    """What each vehicle can hold for a product of ``duration_h``, nothing if it leaves before that.

    ``restoring_frac`` of the reserve is left free beyond it (``LER_RESTORING_FRAC`` for FCR). Raises ``ValueError``.
    """
    if not (np.isfinite(duration_h) and duration_h > 0.0 and restoring_frac >= 0.0):
        raise ValueError(
            f"offer: duration_h {duration_h} > 0, restoring_frac {restoring_frac} >= 0"
        )
    low_w, high_w = _sustained(headroom, duration_h)
    free = 1.0 / (1.0 + restoring_frac)
    stays = headroom.left_h >= duration_h
    up_w = np.minimum(headroom.base_w - low_w, (headroom.base_w - headroom.lo_w) * free)
    down_w = np.minimum(high_w - headroom.base_w, (headroom.hi_w - headroom.base_w) * free)
    return Offer(np.where(stays, up_w, 0.0), np.where(stays, down_w, 0.0))


def _sustained(headroom: Headroom, duration_h: float) -> tuple[FloatArray, FloatArray]:
    """The lowest and highest power that can be kept up for so long; the base always can."""
    h = headroom
    after_h = np.maximum(h.left_h - duration_h, 0.0)
    reach_wh = np.where(np.isinf(after_h), np.inf, h.hi_w * np.minimum(after_h, 1e9))
    due_w = np.where(h.due_wh > 0.0, (h.due_wh - reach_wh) / duration_h, -np.inf)
    low_w = np.maximum(np.maximum(h.lo_w, -h.give_wh / duration_h), due_w)
    high_w = np.minimum(h.hi_w, h.take_wh / duration_h)
    return np.minimum(low_w, h.base_w), np.maximum(high_w, h.base_w)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """``change_w`` (N,) adds up to what was asked less ``shortfall_w``, which has the sign of what was asked."""

    change_w: FloatArray
    shortfall_w: float


def split(change_w: float, headroom: Headroom, hold_h: float) -> Split:
    """Split a change of the fleet's import, < 0 is upward regulation, to be held for ``hold_h``. Exact, O(N log N).

    Upward, charging is cut back before batteries feed back. Within each, those with more energy to spare carry more,
    so that they run short together. Raises ``ValueError`` for a change or a time that is not finite.
    """
    if not (np.isfinite(change_w) and np.isfinite(hold_h) and hold_h > 0.0):
        raise ValueError(f"split: change_w {change_w} finite, hold_h {hold_h} finite and > 0")
    low_w, high_w = _sustained(headroom, hold_h)
    if change_w >= 0.0:
        cap_w = high_w - headroom.base_w
        given_w = water_fill(change_w, cap_w, _weight(headroom.take_wh, cap_w))
        return Split(given_w, _left(change_w, given_w))
    asked_w = -change_w
    cap_w = headroom.base_w - low_w
    curtail_w = np.minimum(np.maximum(headroom.base_w, 0.0), cap_w)
    weight = _weight(headroom.slack_wh(), cap_w)
    given_w = water_fill(asked_w, curtail_w, weight)
    rest_w = asked_w - float(curtail_w.sum())
    if rest_w > 0.0:
        given_w = given_w + water_fill(rest_w, cap_w - curtail_w, weight)
    return Split(-given_w, -_left(asked_w, given_w))


def _weight(room_wh: FloatArray, cap_w: FloatArray) -> FloatArray:
    return np.maximum(np.minimum(room_wh, cap_w * _LONG_H), 1e-6)


def _left(asked_w: float, given_w: FloatArray) -> float:
    left_w = asked_w - float(given_w.sum())
    return left_w if left_w > 1e-9 * max(asked_w, 1.0) else 0.0


def water_fill(total: float, cap: FloatArray, weight: FloatArray) -> FloatArray:
    """``min(cap, level * weight)`` (N,) with the level at which they add up to ``total``; ``cap`` where all of them
    together are not enough. ``cap`` >= 0, ``weight`` > 0. Exact by sorting, O(N log N)."""
    if total <= 0.0 or not len(cap):
        return np.zeros_like(cap)
    if total >= float(cap.sum()):
        return cap.copy()
    full_at = cap / weight
    order = np.argsort(full_at, kind="stable")
    cap_sorted, weight_sorted = cap[order], weight[order]
    before = np.concatenate(([0.0], np.cumsum(cap_sorted)[:-1]))
    filling = np.cumsum(weight_sorted[::-1])[::-1]
    levels = (total - before) / filling
    enough = levels <= full_at[order]
    if not enough.any():  # but for rounding the last one is
        return cap.copy()
    level = max(float(levels[int(np.argmax(enough))]), 0.0)
    return np.minimum(cap, level * weight)
