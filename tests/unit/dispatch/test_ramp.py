"""The cap on a feeder's rise per minute: kept, and not kept by letting nobody charge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.dispatch.ramp import Ramp

STEP_W, MIN_W = 690.0, 4_140.0


def rounded(power_w: np.ndarray) -> np.ndarray:
    whole = np.floor(power_w / STEP_W + 1e-9) * STEP_W
    return np.where((whole > 0.0) & (whole < MIN_W), 0.0, whole)


def make(count: int, cap_w: float, period_s: float = 1.0) -> Ramp:
    return Ramp(cap_w, period_s, np.full(count, STEP_W), np.full(count, MIN_W), rounded)


def test_a_hundred_cars_start_under_the_default_cap() -> None:
    """A share of 1 MW a minute is less than a step for each of them, and none was ever told to charge."""
    count, wish_w = 100, 11_040.0
    ramp, power_w = make(count, 1e6), np.zeros(100)
    for _ in range(80):
        power_w = ramp.limit(np.full(count, wish_w), power_w, np.ones(count, bool))
        assert np.all((power_w == 0.0) | (power_w >= MIN_W))
    assert power_w == pytest.approx(wish_w)


def test_a_small_cap_is_saved_up_until_a_car_can_start() -> None:
    ramp, power_w = make(5, 60e3), np.zeros(5)
    started = []
    for _ in range(60):
        power_w = ramp.limit(np.full(5, 11_040.0), power_w, np.ones(5, bool))
        started.append(int((power_w > 0.0).sum()))
    assert started[-1] == 5
    assert power_w.sum() > 0.8 * 5 * 11_040.0


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), count=st.integers(1, 40), cap_w=st.floats(1e3, 1e7),
    period_s=st.sampled_from([0.5, 1.0, 5.0]),
)  # fmt: skip
def test_no_minute_rises_by_more(seed: int, count: int, cap_w: float, period_s: float) -> None:
    rng = np.random.default_rng(seed)
    ramp, still_w = make(count, cap_w, period_s), np.zeros(count)
    rises = []
    for _ in range(int(180 / period_s)):
        wish_w = rounded(rng.uniform(-22e3, 22e3, count))
        led = rng.random(count) < 0.9
        given_w = ramp.limit(wish_w, still_w, led)
        falls = wish_w <= still_w
        assert np.array_equal(given_w[falls], wish_w[falls])
        assert np.all(given_w <= np.maximum(wish_w, still_w))
        rises.append(float(np.maximum(given_w - still_w, 0.0)[led].sum()))
        still_w = given_w
    minute = round(60 / period_s)
    worst = max(sum(rises[i : i + minute]) for i in range(len(rises)))
    assert worst <= cap_w * (1.0 + 1e-9) + 1e-6
