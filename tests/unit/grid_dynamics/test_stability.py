"""Delay limit by phase margin against roots of the delay equation, and textbook limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from csms.grid.frequency import second_order_modes
from csms.grid.frequency_cases import SFR_EXAMPLE
from csms.grid.stability import damping_study, delay_limit, dominant_mode
from csms.grid.swing import PowerSystem

SYSTEM, GOVERNORS = SFR_EXAMPLE.system, SFR_EXAMPLE.governors


@pytest.mark.parametrize("gain_pu", [10.0, 20.0, 40.0, 80.0])
def test_root_crosses_the_axis_at_the_delay_limit(gain_pu: float) -> None:
    limit = delay_limit(SYSTEM, GOVERNORS, gain_pu, 0.1)
    assert limit.delay_s is not None
    at = dominant_mode(SYSTEM, GOVERNORS, gain_pu, 0.1, limit.delay_s)
    assert at.growth_per_s == pytest.approx(0.0, abs=1e-9)
    assert at.mode_hz == pytest.approx(limit.oscillation_hz, rel=1e-9)
    assert dominant_mode(SYSTEM, GOVERNORS, gain_pu, 0.1, 0.95 * limit.delay_s).growth_per_s < 0.0
    assert dominant_mode(SYSTEM, GOVERNORS, gain_pu, 0.1, 1.05 * limit.delay_s).growth_per_s > 0.0


def test_integrator_with_delayed_feedback_has_the_textbook_limit() -> None:
    # x' = -k x(t - tau) is stable for k tau < pi/2; D = 0 and no governor, 2H = 8.
    limit = delay_limit(PowerSystem(50.0, 4.0, 0.0), (), 16.0, 0.0)
    assert limit.delay_s == pytest.approx(math.pi / 2.0 / (16.0 / 8.0), rel=1e-9)
    assert limit.oscillation_hz == pytest.approx(2.0 / (2.0 * math.pi), rel=1e-9)


def test_a_small_gain_is_stable_for_every_delay() -> None:
    assert delay_limit(SYSTEM, GOVERNORS, 5.0, 0.1).delay_s is None
    assert dominant_mode(SYSTEM, GOVERNORS, 5.0, 0.1, 10.0).growth_per_s < 0.0


def test_without_fleet_the_mode_is_that_of_the_second_order_model() -> None:
    _, zeta = second_order_modes(SYSTEM, GOVERNORS[0])
    assert dominant_mode(SYSTEM, GOVERNORS, 0.0, 0.0, 0.0).damping_ratio == pytest.approx(zeta)


def test_study_damping_falls_with_delay_and_changes_sign_at_the_limit() -> None:
    study = damping_study(gains_pu=(20.0, 40.0), delays_s=(0.0, 0.2, 0.4, 0.8))
    assert (np.diff(study.damping_ratio, axis=1) < 0.0).all()
    for ratio, limit in zip(study.damping_ratio, study.limits, strict=True):
        assert limit.delay_s is not None
        assert ((ratio > 0.0) == (study.delay_s < limit.delay_s)).all()
