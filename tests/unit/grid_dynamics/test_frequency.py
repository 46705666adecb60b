"""Disturbances, presets and JSON of the frequency response."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from csms.grid.frequency import LoadStep, simulate_frequency
from csms.grid.frequency_cases import SFR_EXAMPLE, frequency_study
from csms.grid.jsonable import to_jsonable
from csms.grid.swing import Governor, PowerSystem

SYSTEM = PowerSystem(f_nom_hz=50.0, inertia_s=4.0, damping_pu=1.0)


def test_without_governor_the_response_is_one_exponential() -> None:
    result = simulate_frequency(SYSTEM, (), [LoadStep(0.0, 0.02)], t_end_s=10.0)
    expected = -0.02 * 50.0 * (1.0 - np.exp(-result.t_s / 8.0))
    assert np.abs(result.deviation_hz - expected).max() < 1e-9
    assert not result.settled
    assert result.omega_n_rad_s is None


def test_steps_add_up_and_a_return_restores_the_frequency() -> None:
    there_and_back = [LoadStep(1.0, 0.1), LoadStep(30.0, -0.1)]
    result = simulate_frequency(SYSTEM, SFR_EXAMPLE.governors, there_and_back, t_end_s=90.0)
    assert result.steady_hz == pytest.approx(0.0, abs=1e-6)
    assert result.peak_hz > 0.1
    assert (result.deviation_hz[result.t_s < 0.99] == 0.0).all()


def test_headroom_limits_the_governor() -> None:
    governor = Governor(droop_pu=0.05, up_pu=0.03)
    result = simulate_frequency(SYSTEM, [governor], [LoadStep(0.0, 0.1)], t_end_s=120.0)
    assert result.steady_hz == pytest.approx(-(0.1 - 0.03) / 1.0 * 50.0, rel=1e-5)
    assert result.mechanical_pu.max() == pytest.approx(0.03)


def test_a_crest_of_a_lasting_oscillation_is_not_settled() -> None:
    """The rate of change alone is zero at every crest."""
    undamped = PowerSystem(f_nom_hz=50.0, inertia_s=4.0, damping_pu=0.0)
    lagging = [Governor(droop_pu=0.05, hp_frac=0.0, reheat_s=6.0)]
    for t_end_s in np.linspace(20.0, 40.0, 41):
        result = simulate_frequency(undamped, lagging, [LoadStep(0.0, 0.1)], t_end_s=t_end_s)
        assert not result.settled


def test_fleet_droop_lifts_nadir_and_steady_state() -> None:
    alone, helped = frequency_study(), frequency_study(fleet_droop_gain_pu=10.0)
    assert alone.nadir_hz < helped.nadir_hz
    assert helped.steady_hz == pytest.approx(-0.1 / (1.0 + 19.0 + 10.0) * 60.0, rel=1e-4)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"'nope': expected one of \['continental', .*'sfr'\]"):
        frequency_study("nope")
    with pytest.raises(ValueError, match=r"PowerSystem.inertia_s"):
        PowerSystem(50.0, 0.0, 1.0)
    with pytest.raises(ValueError, match=r"Governor.hp_frac"):
        Governor(0.05, hp_frac=1.2)
    with pytest.raises(ValueError, match=r"LoadStep"):
        simulate_frequency(SYSTEM, (), [LoadStep(99.0, 0.1)], t_end_s=10.0)
    with pytest.raises(ValueError, match=r"LoadStep"):
        simulate_frequency(SYSTEM, (), [LoadStep(0.0, math.nan)], t_end_s=10.0)


def test_results_are_json_with_the_promised_keys() -> None:
    text = json.dumps(to_jsonable(frequency_study(t_end_s=1.0)), allow_nan=False)
    keys = json.loads(text)
    assert {"nadir_hz", "nadir_t_s", "steady_hz", "rocof_hz_s"} <= set(keys)
    assert len(keys["t_s"]) == len(keys["deviation_hz"]) == 201
    assert to_jsonable({"a": math.inf, "b": (np.float64(1.5), np.array([math.nan]))}) == {
        "a": None,
        "b": [1.5, [None]],
    }
    short = to_jsonable(frequency_study(t_end_s=1.0), max_samples=50)
    assert isinstance(short, dict)
    assert len(short["t_s"]) == len(short["deviation_hz"]) == 41
    assert short["t_s"][:2] == [0.0, pytest.approx(0.025)]
    with pytest.raises(TypeError, match="object"):
        to_jsonable(object())
