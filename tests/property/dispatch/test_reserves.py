"""A bid and a call split over any fleet: exact, within every vehicle's power and energy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from csms.dispatch.frequency.reserves import (
    LER_DURATION_H,
    LER_RESTORING_FRAC,
    Headroom,
    offer,
    split,
    water_fill,
)

W = st.floats(0.0, 150_000.0)


@st.composite
def fleets(draw: st.DrawFn) -> Headroom:
    n = draw(st.integers(1, 12))

    def column(values: st.SearchStrategy[float]) -> np.ndarray:
        return np.array(draw(st.lists(values, min_size=n, max_size=n)))

    lo, span, at = -column(W), column(W), column(st.floats(0.0, 1.0))
    wh = st.one_of(st.floats(0.0, 90_000.0), st.just(np.inf))
    return Headroom(
        base_w=np.clip(lo + at * (span - lo), lo, np.maximum(span, lo)),
        lo_w=lo,
        hi_w=np.maximum(span, lo),
        give_wh=column(wh),
        take_wh=column(wh),
        due_wh=column(st.floats(0.0, 60_000.0)),
        left_h=column(st.one_of(st.floats(0.0, 12.0), st.just(np.inf))),
    )


@given(fleets(), st.floats(-2e6, 2e6), st.sampled_from([1 / 60, 0.25, 1.0]))
def test_a_call_is_met_or_its_shortfall_told_and_nobody_leaves_its_limits(
    fleet: Headroom, change_w: float, hold_h: float
) -> None:
    result = split(change_w, fleet, hold_h)
    given_w = float(result.change_w.sum())
    assert given_w + result.shortfall_w == pytest.approx(change_w, abs=1e-3)
    assert result.shortfall_w * change_w >= 0.0
    power_w = fleet.base_w + result.change_w
    assert (power_w >= fleet.lo_w - 1e-6).all()
    assert (power_w <= fleet.hi_w + 1e-6).all()
    assert (result.change_w * change_w >= 0.0).all()
    moved = np.abs(result.change_w) > 1e-6
    assert (-power_w * hold_h <= fleet.give_wh + 1e-3)[moved & (change_w < 0)].all()
    assert (power_w * hold_h <= fleet.take_wh + 1e-3)[moved & (change_w > 0)].all()
    later_wh = np.where(
        np.isinf(fleet.left_h), np.inf, fleet.hi_w * np.clip(fleet.left_h - hold_h, 0.0, 1e9)
    )
    on_time = power_w * hold_h + later_wh >= fleet.due_wh - 1e-3
    assert on_time[moved & (change_w < 0) & (fleet.due_wh > 0)].all()


@given(fleets(), st.floats(0.0, 1.0))
def test_an_offer_can_be_called_in_full_for_the_whole_product(fleet: Headroom, part: float) -> None:
    """The limited energy reservoir: whatever part of the bid is called, it holds for 15 minutes."""
    held = offer(fleet, LER_DURATION_H)
    for total_w, sign in ((held.up_w.sum(), -1.0), (held.down_w.sum(), 1.0)):
        called = split(sign * part * float(total_w), fleet, LER_DURATION_H)
        assert called.shortfall_w == 0.0
    assert held.symmetric_w <= min(held.up_w.sum(), held.down_w.sum())
    leaving = fleet.left_h < LER_DURATION_H
    assert not held.up_w[leaving].any()
    assert not held.down_w[leaving].any()


@given(fleets())
def test_power_to_restore_the_battery_stays_free_beyond_the_reserve(fleet: Headroom) -> None:
    held = offer(fleet, LER_DURATION_H, restoring_frac=LER_RESTORING_FRAC)
    assert (fleet.base_w - 1.25 * held.up_w >= fleet.lo_w - 1e-6).all()
    assert (fleet.base_w + 1.25 * held.down_w <= fleet.hi_w + 1e-6).all()


@given(fleets(), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_asking_more_moves_nobody_the_other_way(fleet: Headroom, a_w: float, b_w: float) -> None:
    less, more = sorted((a_w, b_w))
    assert (split(less, fleet, 0.25).change_w <= split(more, fleet, 0.25).change_w + 1e-3).all()


@given(fleets(), st.floats(0.0, 1e6))
def test_no_battery_feeds_back_while_another_car_could_charge_less(
    fleet: Headroom, asked_w: float
) -> None:
    power_w = fleet.base_w + split(-asked_w, fleet, 0.25).change_w
    fed_back = (power_w < -1e-6) & (power_w < fleet.base_w - 1e-6)
    if fed_back.any():
        still = split(-1e9, fleet, 0.25).change_w + fleet.base_w
        assert (power_w <= np.maximum(still, 0.0) + 1e-3).all()


@given(
    st.lists(st.tuples(W, st.floats(0.01, 100.0)), min_size=1, max_size=40), st.floats(0.01, 0.99)
)
def test_the_level_is_that_of_a_root_finder(
    vehicles: list[tuple[float, float]], part: float
) -> None:
    cap, weight = (np.array(column) for column in zip(*vehicles, strict=True))
    total = part * float(cap.sum())
    if total <= 0.0:
        return
    top = float((cap / weight).max())
    level = brentq(lambda at: np.minimum(cap, at * weight).sum() - total, 0.0, top, xtol=1e-12)
    np.testing.assert_allclose(
        water_fill(total, cap, weight), np.minimum(cap, level * weight), rtol=1e-6, atol=1e-4
    )


def test_cars_with_more_energy_to_spare_carry_more_so_that_they_run_short_together() -> None:
    endless = np.full(3, np.inf)
    fleet = Headroom(
        base_w=np.zeros(3),
        lo_w=np.array([-10e3, -10e3, -2e3]),
        hi_w=np.full(3, 10e3),
        give_wh=np.array([20e3, 10e3, 90e3]),
        take_wh=endless,
        due_wh=np.zeros(3),
        left_h=endless,
    )
    assert split(-8e3, fleet, 0.25).change_w == pytest.approx([-4e3, -2e3, -2e3])


def test_a_fleet_that_cannot_be_is_refused() -> None:
    one = np.ones(1)
    with pytest.raises(ValueError, match="lo_w <= base_w"):
        Headroom.of_power(2 * one, -one, one)
    with pytest.raises(ValueError, match="give_wh: expected >= 0"):
        Headroom(0 * one, -one, one, -one, one, one, one)
    with pytest.raises(ValueError, match="without NaN"):
        Headroom.of_power(np.array([np.nan]), -one, one)
    with pytest.raises(ValueError, match="change_w nan"):
        split(float("nan"), Headroom.of_power(0 * one, -one, one), 0.25)
