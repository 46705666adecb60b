"""Trips, returns and droop of the charging fleet, by hand where a hand suffices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from csms.grid.cascade import (
    CASCADE_CASE,
    RideThrough,
    cascade_study,
    droop,
    no_response,
    simulate_cascade,
    simultaneous,
    staggered,
)
from csms.grid.frequency import FrequencyCase, LoadStep, simulate_frequency
from csms.grid.jsonable import to_jsonable
from csms.grid.swing import PowerSystem

FREE_FALL = FrequencyCase(PowerSystem(50.0, 5.0, 0.0), (), (LoadStep(0.0, 0.1),))  # 0.5 Hz/s


def test_no_response_is_the_plain_frequency_response() -> None:
    case = CASCADE_CASE
    plain = simulate_frequency(case.system, case.governors, case.steps, t_end_s=20.0, dt_s=0.01)
    fleet = simulate_cascade(case, no_response(5), t_end_s=20.0)
    assert fleet.f_hz - 50.0 == pytest.approx(plain.deviation_hz, abs=1e-12)


def test_trip_comes_at_threshold_and_delay() -> None:
    policy = simultaneous(3, trip_hz=49.5, trip_delay_s=0.2)
    result = simulate_cascade(FREE_FALL, policy, ev_share_pu=0.1, t_end_s=3.0)
    tripped_at_s = result.t_s[np.argmax(result.shed_pu > 0.0)]
    assert tripped_at_s == pytest.approx(1.0 + 0.2, abs=0.021)  # 0.5 Hz at 0.5 Hz/s
    assert result.f_hz[-1] == pytest.approx(50.0 - 0.5 * tripped_at_s, abs=1e-9)  # balanced


def test_return_needs_an_unbroken_wait() -> None:
    policy = RideThrough(np.full(1, 49.9), np.zeros(1), np.full(1, 5.0), return_hz=49.95)
    case = FrequencyCase(
        PowerSystem(50.0, 5.0, 0.0),
        (),
        # Falls through 49.9, rises above 49.95, dips for a moment after 3 s of waiting, rises.
        (LoadStep(0.0, 0.1), LoadStep(0.5, -0.2), LoadStep(1.5, 0.1), LoadStep(4.0, 0.3),
         LoadStep(4.5, -0.3), LoadStep(5.0, -0.3), LoadStep(5.5, 0.3)),
    )  # fmt: skip
    result = simulate_cascade(case, policy, ev_share_pu=1e-9, t_end_s=15.0)
    below = (result.f_hz < 49.95) & (result.t_s > 2.0)
    assert below.any()
    last_below_s = result.t_s[np.flatnonzero(below)[-1]]
    back_s = result.t_s[np.flatnonzero(result.shed_pu > 0.0)[-1]]
    assert back_s - last_below_s == pytest.approx(5.0, abs=0.03)


def test_staggered_return_has_no_step() -> None:
    policies = cascade_study(np.random.default_rng(5)).policies
    jump = {name: np.abs(np.diff(r.shed_pu)).max() for name, r in policies.items()}
    assert jump["simultaneous"] == pytest.approx(0.25)
    assert jump["staggered"] < 0.02


def test_same_seed_same_policy() -> None:
    one, two = (staggered(50, np.random.default_rng(9)) for _ in range(2))
    assert (one.trip_delay_s == two.trip_delay_s).all()


def test_droop_sheds_in_proportion() -> None:
    case = replace(CASCADE_CASE, steps=(LoadStep(0.0, 0.02),))
    result = simulate_cascade(case, droop(4), t_end_s=120.0)
    deviation_hz = 50.0 - result.f_hz[-1]
    assert result.shed_pu[-1] == pytest.approx(0.25 * (deviation_hz - 0.015) / 1.0, rel=1e-3)


def test_bad_policies_are_named() -> None:
    with pytest.raises(ValueError, match=r"return_delay_s: expected \(2,\)"):
        RideThrough(np.zeros(2), np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="ev_share_pu"):
        simulate_cascade(CASCADE_CASE, no_response(1), ev_share_pu=-0.1)


def test_json_keys() -> None:
    study = to_jsonable(cascade_study(np.random.default_rng(0), n_ev=20, t_end_s=2.0))
    assert isinstance(study, dict)
    assert set(study["policies"]) == {"none", "simultaneous", "staggered", "droop"}
    assert {"nadir_hz", "peak_hz", "trips_per_ev"} <= set(study["policies"]["droop"])
