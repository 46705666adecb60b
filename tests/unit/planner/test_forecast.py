"""The forecast of other load, and whether the error that it states is the error that it makes."""

from __future__ import annotations

import numpy as np
import pytest

from csms.dispatch.planner.forecast import FADE_H, constant, forecast

DAY = 1e4 * (2.0 + np.sin(2 * np.pi * np.arange(96) / 96))


def test_days_that_repeat_are_forecast_without_error() -> None:
    found = forecast(np.vstack([DAY] * 5 + [np.full(96, np.nan)]), 40, 96)
    assert found is not None
    assert found.power_w == pytest.approx(np.roll(DAY, -40))
    assert found.rmse_w == pytest.approx(np.zeros(96))
    assert found.days == 5


def test_todays_deviation_fades() -> None:
    today = np.full(96, np.nan)
    today[:40] = DAY[:40] + 1_000.0
    found = forecast(np.vstack([DAY] * 5 + [today]), 40, 48)
    assert found is not None
    above = found.power_w - np.roll(DAY, -40)[:48]
    assert above[7] == pytest.approx(1_000.0 * np.exp(-2.0 / FADE_H))


def test_the_error_stated_is_the_error_made_on_days_it_never_saw() -> None:
    rng = np.random.default_rng(11)

    def day() -> np.ndarray:
        noise = np.empty(96)
        level = rng.normal(0, 500.0)
        for k in range(96):
            level = 0.9 * level + rng.normal(0, 500.0 * np.sqrt(1 - 0.81))
            noise[k] = level
        return DAY + noise

    history = np.vstack([day() for _ in range(28)])
    errors = []
    for _ in range(100):
        new = np.concatenate([day(), day()])
        today = np.full(96, np.nan)
        today[:48] = new[:48]
        found = forecast(np.vstack([history, today]), 48, 48)
        assert found is not None
        errors.append(new[48:96] - found.power_w)
    assert found is not None
    made = np.sqrt(np.mean(np.square(errors), axis=0))
    assert found.rmse_w == pytest.approx(made, rel=0.25)
    assert found.rmse_w[0] < 0.6 * found.rmse_w[-1]  # the near is known better


def test_a_gap_in_the_history_is_no_nan() -> None:
    holes = np.vstack([DAY] * 4 + [np.full(96, np.nan)])
    holes[:, 10:20] = np.nan
    found = forecast(holes, 0, 96)
    assert found is not None
    assert np.isfinite(found.power_w).all()
    assert np.isfinite(found.rmse_w).all()


@pytest.mark.parametrize("days", [0, 1])
def test_without_two_past_days_there_is_no_forecast_but_a_constant(days: int) -> None:
    history = np.vstack([DAY] * days + [np.full(96, np.nan)])
    assert forecast(history, 10, 4) is None
    assert constant(5.0, 4).power_w.tolist() == [5.0] * 4
