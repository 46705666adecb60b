"""Latency and reliability of a command: the closed form, the Monte-Carlo check, the trials that a claim takes."""

from __future__ import annotations

import numpy as np
import pytest

from csms.market.errors import MarketError
from csms.market.latency import PRESETS, Stage, compose, latency_study, trials_without_failure


def study(preset: str, **options: float):  # type: ignore[no-untyped-def]
    return latency_study(preset, np.random.default_rng(3), **options)  # type: ignore[arg-type]


def test_three_exponential_stages_agree_with_the_closed_form() -> None:
    mean_s = np.array([0.050, 0.020, 0.030])
    late = sum(np.exp(-0.3 / a) * np.prod([a / (a - b) for b in mean_s if b != a]) for a in mean_s)
    found = study("three-exponentials")
    assert found.p_late == pytest.approx(0.010124, abs=5e-7)
    assert found.p_late == pytest.approx(late, abs=5e-8)
    assert found.mean_s == pytest.approx(0.1, abs=1e-6)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_convolution_and_draws_agree(preset: str) -> None:
    found = study(preset, deadline_s=0.2)
    assert abs(found.p_late - found.monte_carlo_p_late) < 5.0 * found.monte_carlo_standard_error
    assert found.p50_s < found.p99_s < found.p999_s


def test_a_lost_command_is_late_for_every_market() -> None:
    found = study("lte")
    assert found.p_lost == pytest.approx(1.0 - (1.0 - 2e-3) * (1.0 - 1e-4))
    assert all(odds.p_met <= 1.0 - found.p_lost + 1e-9 for odds in found.markets)


def test_trials_for_a_reliability_claim() -> None:
    assert trials_without_failure(0.999, 0.95) == 2_995
    assert trials_without_failure(0.9999, 0.95) == 29_956


def test_bad_input_is_told() -> None:
    with pytest.raises(MarketError, match="there are three-exponentials"):
        study("pigeon")
    with pytest.raises(MarketError, match="too fine"):
        compose((Stage("slow", "exponential", 1_000.0, "x"),), 1e-4)
    with pytest.raises(MarketError, match="at least one stage"):
        compose((), 1e-4)
