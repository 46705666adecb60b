from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from csms.battery.errors import ExperimentError
from csms.battery.statistics.adequacy import equivalence, lack_of_fit, parametric_bootstrap
from csms.battery.statistics.datasets import BOX_CORROSION
from csms.battery.statistics.design_matrix import factorial
from csms.battery.statistics.diagnostics import diagnose
from csms.battery.statistics.kenward_roger import f_test
from csms.battery.statistics.mixed_model import RandomEffect, fit_reml
from csms.battery.statistics.split_plot import design, power
from csms.battery.studies import experiment_study


def test_without_grouping_the_test_is_the_classical_f_test(rng: np.random.Generator) -> None:
    x = np.column_stack([np.ones(20), rng.normal(size=(20, 2))])
    y = x @ np.array([1.0, 0.5, 0.0]) + rng.normal(size=20)
    found = f_test(fit_reml(y, x, []), np.eye(3)[1:])
    full = float(np.sum((y - x @ np.linalg.lstsq(x, y, rcond=None)[0]) ** 2))
    null = float(np.sum((y - y.mean()) ** 2))
    expected = (null - full) / 2 / (full / 17)
    assert (found.F, found.df_den) == pytest.approx((expected, 17.0))
    assert found.p == pytest.approx(stats.f.sf(expected, 2, 17))


def test_a_variance_that_is_not_there_ends_at_zero_and_is_named() -> None:
    y = np.array([0.0, 10.0, 1.0, 9.0, 0.5, 9.5, 0.2, 9.9])  # group means nearly equal
    fit = fit_reml(y, np.ones((8, 1)), [RandomEffect("chamber", [1, 1, 2, 2, 3, 3, 4, 4])])
    assert fit.variances["chamber"] == 0.0
    assert fit.at_boundary == ("chamber",)
    assert fit.variances["residual"] == pytest.approx(np.var(y, ddof=1))


@pytest.mark.parametrize("runs", [2, 3])
def test_degrees_of_freedom_at_the_poles_of_the_general_formula(runs: int) -> None:
    """2 and 4 denominator degrees of freedom: balanced, so the classical whole-plot test is exact."""
    rng = np.random.default_rng(runs)
    level, block = np.repeat(np.arange(3), runs * 2), np.tile(np.repeat(np.arange(runs), 2), 3)
    sub = np.tile([0, 1], 3 * runs)
    plot = level * runs + block
    y = 5.0 * rng.normal(size=3 * runs)[plot] + 3.0 * rng.normal(size=runs)[block]
    y = y + 0.3 * rng.normal(size=len(y))
    matrix = factorial({"w": level.tolist(), "s": sub.tolist()}, ["w", "s", "w:s"])
    effects = [RandomEffect("block", block.tolist()), RandomEffect("plot", plot.tolist())]
    found = f_test(fit_reml(y, matrix.x, effects), matrix.contrast("w"))
    mean = np.array(
        [[y[(level == w) & (block == b)].mean() for b in range(runs)] for w in range(3)]
    )
    between = runs * np.sum((mean.mean(axis=1) - mean.mean()) ** 2) / 2
    rest = mean - mean.mean(axis=0) - mean.mean(axis=1, keepdims=True) + mean.mean()
    classical = between / (np.sum(rest**2) / (2 * (runs - 1)))
    assert found.df_den == pytest.approx(2.0 * (runs - 1), rel=1e-6)
    assert pytest.approx(classical, rel=1e-6) == found.F


@pytest.mark.parametrize(
    ("y", "x", "message"),
    [
        (np.ones(3), np.ones((4, 1)), "do not match"),
        (np.array([1.0, np.nan, 2.0]), np.ones((3, 1)), "not finite"),
        (np.arange(3.0), np.ones((3, 2)), "rank deficient"),
        (np.ones(2), np.eye(2), "cannot carry"),
        (np.ones(4), np.ones((4, 1)), "without any residual"),
    ],
)
def test_bad_models_are_refused(y: np.ndarray, x: np.ndarray, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        fit_reml(y, x, [])


def test_effects_that_group_alike_are_refused() -> None:
    labels = [1, 1, 2, 2, 3, 3]
    y = np.array([1.0, 1.2, 3.0, 3.3, 2.0, 2.1])
    fit = fit_reml(y, np.ones((6, 1)), [RandomEffect("a", labels), RandomEffect("b", labels)])
    with pytest.raises(ExperimentError, match=r"group the data alike|degrees of freedom"):
        f_test(fit, np.eye(1))


def test_empty_cells_of_a_factorial_are_named() -> None:
    with pytest.raises(ExperimentError, match="some cells hold no observation"):
        factorial({"a": ["x", "x", "y"], "b": ["1", "2", "1"]}, ["a", "b", "a:b"])
    with pytest.raises(ExperimentError, match="one level only"):
        factorial({"a": ["x", "x"]}, ["a"])


def test_lack_of_fit_has_its_size_and_its_power(rng: np.random.Generator) -> None:
    """True straight line: rejects at its level; bent line: rejects nearly always."""
    day = np.tile([1.0, 2.0, 3.0, 4.0], 8)
    cell = np.repeat(np.arange(8), 4)
    model = np.column_stack([np.ones(32), day])

    def rejected(bend: float) -> float:
        p = []
        for _ in range(120):
            y = day + bend * day**2 + rng.normal(size=8)[cell] + 0.5 * rng.normal(size=32)
            found = lack_of_fit(y, day.tolist(), model, [RandomEffect("cell", cell.tolist())])
            p.append(found.test.p)
        return float(np.mean(np.array(p) < 0.05))

    assert rejected(0.0) < 0.12
    assert rejected(0.5) > 0.9


def test_lack_of_fit_needs_replicates() -> None:
    with pytest.raises(ExperimentError, match="no replicates"):
        lack_of_fit(np.arange(4.0), [1, 2, 3, 4], np.ones((4, 1)), [])
    with pytest.raises(ExperimentError, match="nothing to test"):
        lack_of_fit(np.arange(4.0), [1, 1, 2, 2], np.eye(2)[[0, 0, 1, 1]], [])


def test_equivalence_agrees_with_its_interval() -> None:
    inside = equivalence(0.2, 0.3, 10, 1.0)
    assert inside.equivalent
    assert -1.0 < inside.low_90 < inside.high_90 < 1.0
    outside = equivalence(0.7, 0.3, 10, 1.0)
    assert not outside.equivalent
    assert outside.high_90 > 1.0
    edge = equivalence(1.0 - 0.3 * float(stats.t.ppf(0.95, 10)), 0.3, 10, 1.0)
    assert edge.p == pytest.approx(0.05)
    with pytest.raises(ExperimentError, match="must be positive"):
        equivalence(0.0, 0.3, 10, 0.0)


def test_bootstrap_agrees_with_the_exact_test_of_a_balanced_design(
    rng: np.random.Generator,
) -> None:
    table = BOX_CORROSION
    matrix = factorial(table.factors, ["temperature", "coating", "temperature:coating"])
    effects = [RandomEffect(k, v) for k, v in table.strata.items()]
    fit = fit_reml(table.response, matrix.x, effects)
    found = parametric_bootstrap(fit, matrix.contrast("temperature"), effects, rng, replicates=300)
    assert found.failed == 0
    assert found.p == pytest.approx(0.209, abs=0.08)


def test_power_formula_agrees_with_simulation(rng: np.random.Generator) -> None:
    expected = power(2, 3, replicates=3, difference=2.0, sd_whole=0.5, sd_sub=1.0)
    hits = {"whole": 0, "sub": 0}
    n = 250
    for _ in range(n):
        plan = design(["a", "b"], ["x", "y", "z"], replicates=3, rng=rng)
        whole = [p.whole_level for p in plan.placements]
        sub = [p.sub_level for p in plan.placements]
        run = np.array([p.run for p in plan.placements])
        noise = 0.5 * rng.normal(size=plan.n_runs)[run - 1] + rng.normal(size=plan.n_cells)
        matrix = factorial({"w": whole, "s": sub}, ["w", "s", "w:s"])
        for name, column, low, high in (("whole", whole, "a", "b"), ("sub", sub, "x", "z")):
            at = np.array([{low: -1.0, high: 1.0}.get(v, 0.0) for v in column])
            term = "w" if name == "whole" else "s"
            fit = fit_reml(at + noise, matrix.x, [RandomEffect("run", run.tolist())])
            hits[name] += f_test(fit, matrix.contrast(term)).p < 0.05
    assert hits["whole"] / n == pytest.approx(expected.whole, abs=0.1)
    assert hits["sub"] / n == pytest.approx(expected.sub, abs=0.1)


def test_design_is_complete_and_randomised_by_the_generator_given() -> None:
    made = [
        design(["10C", "25C", "40C"], ["none", "V2G"], replicates=2, rng=np.random.default_rng(s))
        for s in (1, 1, 2)
    ]
    assert made[0] == made[1] != made[2]
    pairs = [(p.whole_level, p.sub_level) for p in made[0].placements]
    assert {pairs.count(pair) for pair in pairs} == {2}
    assert made[0].df == {"whole": (2, 3), "sub": (1, 3), "interaction": (2, 3)}
    with pytest.raises(ExperimentError, match="each must be at least 2"):
        design(["10C", "25C"], ["a", "b"], replicates=1, rng=np.random.default_rng(0))


def test_diagnostics_find_a_planted_outlier() -> None:
    rng = np.random.default_rng(5)
    y = rng.normal(size=40)
    y[17] += 9.0
    found = diagnose(fit_reml(y, np.ones((40, 1)), []))
    assert found.outliers == (17,)
    assert sum(found.variance_share.values()) == pytest.approx(1.0)


def test_unknown_experiment_lists_the_presets() -> None:
    with pytest.raises(ExperimentError, match="box-corrosion, pulp"):
        experiment_study("bread")
