"""The twin and the tests of adequacy on published ageing data."""

from __future__ import annotations

import numpy as np
import pytest
import rainflow

from csms.battery.calendar_fit import fit_calendar, read_naumann_csv
from csms.battery.degradation import advance, health, new_fleet
from csms.battery.packs import SONY_LFP_CALENDAR, SONY_LFP_EXPONENT
from csms.battery.studies import CalendarStudy, calendar_study, trajectory_study
from csms.battery.wear import segment_costs
from tests.golden.battery.data import ageing_text

pytestmark = pytest.mark.golden


@pytest.fixture(scope="module")
def study() -> CalendarStudy:
    return calendar_study(ageing_text("naumann_lfp_calendar.csv"))


def test_naumann_calendar_ageing_beats_the_published_model(study: CalendarStudy) -> None:
    assert len(study.data.days) == 595
    assert len(study.data.labels) == 17
    assert study.rmse_pp <= 0.65
    assert study.max_pp < 2.6
    assert study.rmse_pp < study.cross_validated_rmse_pp < 1.47  # unseen: still below Naumann's law


def test_pack_constants_are_the_least_squares_fit() -> None:
    fit = fit_calendar(read_naumann_csv(ageing_text("naumann_lfp_calendar.csv")))
    assert fit.coefficients == pytest.approx(SONY_LFP_CALENDAR, abs=2e-4)
    assert fit.exponent == pytest.approx(SONY_LFP_EXPONENT, abs=1e-5)


def test_state_update_follows_the_calendar_law_under_constant_storage(
    study: CalendarStudy,
) -> None:
    data = study.data
    for index in range(len(data.labels)):
        last = np.flatnonzero(data.condition == index)[-1]
        hours = round(data.days[last] * 24.0)
        state = advance(
            new_fleet("sony-lfp", 1),
            np.full((1, hours), data.soc_frac[last]),
            np.full(hours, data.temperature_c[last]),
            1.0,
        )
        assert 100 * health(state).calendar_loss_frac[0] == pytest.approx(
            study.predicted_pp[last], rel=2e-3
        )


def test_geisbauer_lack_of_fit_against_pure_error() -> None:
    found = trajectory_study(ageing_text("geisbauer_lfp_60c.csv")).test
    assert found.n_cells == 15
    assert pytest.approx(1339, abs=0.5) == found.sqrt_time.test.F
    assert pytest.approx(617, abs=0.5) == found.linear_time.test.F
    for law in (found.sqrt_time, found.linear_time):
        assert (law.test.df_num, law.test.df_den) == pytest.approx((6.0, 24.0))
        assert 0.105 < law.pure_error_sd < 0.135


def test_naumann_error_is_split_into_systematic_and_noise(study: CalendarStudy) -> None:
    split = study.error_split
    assert split.bias.equivalent
    assert split.bias.df == pytest.approx(16.0)
    assert split.systematic_sd_pp**2 + split.noise_sd_pp**2 == pytest.approx(
        split.rmse_pp**2, rel=0.15
    )


def test_wear_segments_of_xu() -> None:
    assert segment_costs(5) == pytest.approx([0.0105, 0.0324, 0.0548, 0.0776, 0.1005], abs=5e-5)


@pytest.mark.oracle
def test_cycle_counting_agrees_with_rainflow(rng: np.random.Generator) -> None:
    walk = np.cumsum(rng.normal(0.0, 0.05, 3000))
    soc = (walk - walk.min()) / (walk.max() - walk.min())
    state = new_fleet("nmc-75ah", 1)
    for part in np.array_split(soc, 7):  # the count carries over between calls
        state = advance(state, part[None, :], np.full(len(part), 25.0), 1.0)
    expected = sum(depth * count for depth, _, count, _, _ in rainflow.extract_cycles(soc))
    assert health(state).equivalent_full_cycles[0] == pytest.approx(expected, rel=1e-12)
