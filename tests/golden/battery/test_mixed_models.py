"""Golden analyses: values of R's lme4 and pbkrtest."""

from __future__ import annotations

import pytest

from csms.battery.studies import ExperimentStudy, experiment_study

pytestmark = pytest.mark.golden


def f_values(study: ExperimentStudy) -> dict[str, float]:
    return {name: test.F for name, test in study.terms.items()}


def test_box_corrosion() -> None:
    study = experiment_study("box-corrosion")
    assert f_values(study) == pytest.approx(
        {"temperature": 2.755, "coating": 11.480, "temperature:coating": 4.376}, abs=5e-4
    )
    assert study.terms["temperature"].p == pytest.approx(0.209, abs=5e-4)
    assert study.terms["coating"].p == pytest.approx(0.00198, abs=5e-6)
    assert study.terms["temperature:coating"].p == pytest.approx(0.0241, abs=5e-5)
    assert study.variances["whole_plot"] == pytest.approx(1172.17, abs=5e-3)
    assert study.variances["residual"] == pytest.approx(124.54, abs=5e-3)
    assert (study.terms["temperature"].df_num, study.terms["temperature"].df_den) == pytest.approx(
        (2.0, 3.0)
    )


def test_pulp() -> None:
    study = experiment_study("pulp")
    expected = {"preparation": 7.078, "temperature": 36.43, "preparation:temperature": 3.154}
    assert f_values(study) == pytest.approx(expected, abs=5e-3)
    assert study.terms["preparation"].p == pytest.approx(0.0485, abs=5e-5)


def test_unbalanced_pulp() -> None:
    terms = experiment_study("pulp-unbalanced").terms
    expected = {
        "preparation": (8.13957, 3.71800),
        "temperature": (29.19137, 15.68270),
        "preparation:temperature": (2.90981, 15.65291),
    }
    for name, (f, df_den) in expected.items():
        assert pytest.approx(f, rel=3e-6) == terms[name].F
        assert terms[name].df_den == pytest.approx(df_den, abs=1e-5)


def test_oats() -> None:
    study = experiment_study("oats")
    expected = {"variety": 1.4853, "nitrogen": 37.6857, "variety:nitrogen": 0.3028}
    # the balanced analysis of variance gives 37.68565 exactly; R stops 5e-5 short of it
    assert f_values(study) == pytest.approx(expected, abs=6e-5)
    assert list(study.variances.values()) == pytest.approx([214.48, 106.06, 177.08], abs=5e-3)


def test_sleepstudy() -> None:
    study = experiment_study("sleepstudy")
    assert study.estimates == pytest.approx({"intercept": 251.405, "day": 10.467}, abs=5e-4)
    assert study.reml_criterion == pytest.approx(1743.628, abs=5e-4)
    assert pytest.approx(45.853, abs=5e-4) == study.terms["day"].F
    assert study.terms["day"].df_den == pytest.approx(17.0, abs=1e-6)
