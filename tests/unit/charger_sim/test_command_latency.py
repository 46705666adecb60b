"""The model's stages as the simulator draws them, and the stamps of a command on its way."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from scipy import stats

from charger_sim.command_latency.stages import (
    CSMS,
    EV,
    LOOP,
    NETWORK,
    OCPP,
    PLC,
    SECC,
    Delay,
    largest_gap,
    modelled_totals,
    read_model,
)
from charger_sim.command_latency.trace import Trace
from csms.grid.jsonable import to_jsonable
from csms.market.latency import latency_study


@pytest.mark.parametrize("preset", ["lte", "fibre"])
def test_the_study_is_read_as_it_is_told(preset: str) -> None:
    """Percentiles of what is drawn here are those that the study has by convolution."""
    study = latency_study(preset, np.random.default_rng(1), draws=1_000)
    told = to_jsonable(study)
    assert isinstance(told, dict)
    totals = modelled_totals(read_model(told), np.random.default_rng(2), 400_000)
    for quantile, expected_s in ((0.5, study.p50_s), (0.99, study.p99_s)):
        assert np.quantile(totals, quantile) == pytest.approx(expected_s, rel=0.01)


@pytest.mark.parametrize(
    "delay",
    [
        Delay("exponential", 0.02),
        Delay("lognormal", 0.03, 0.35),
        Delay("uniform", 0.131),
        Delay("fixed", 0.019, 0.0, 0.001),
    ],
)
def test_one_draw_and_many_have_the_same_distribution(delay: Delay) -> None:
    rng = Random(3)
    one_by_one = np.array([delay.draw(rng) for _ in range(20_000)])
    at_once = delay.draws(np.random.default_rng(4), 20_000)
    assert one_by_one.mean() == pytest.approx(at_once.mean(), rel=0.02)
    assert np.quantile(one_by_one, 0.9) == pytest.approx(np.quantile(at_once, 0.9), rel=0.03)


def test_the_gap_is_scipys_two_sample_statistic() -> None:
    rng = np.random.default_rng(5)
    ours, theirs = rng.exponential(1.0, 300), np.sort(rng.exponential(1.3, 2_000))
    expected = stats.ks_2samp(ours, theirs).statistic
    assert largest_gap(list(ours), theirs) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    "study",
    [
        {},
        {"stages": [{"name": "Moon", "shape": "fixed", "scale_s": 1, "sigma": 0, "shift_s": 0}]},
        {"stages": [{"name": "EV", "shape": "fixed", "scale_s": 1, "sigma": 0, "shift_s": 0}]},
        {"stages": [{"name": "EV", "shape": "pareto", "scale_s": 1, "sigma": 0, "shift_s": 0}]},
    ],
)
def test_another_model_is_refused_by_name(study: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="latency model"):
        read_model(study)


def test_a_leg_ends_only_after_the_one_before_it() -> None:
    now = [0.0]
    trace = Trace(lambda: now[0])
    trace.mark(PLC)
    assert trace.ends_s == {}
    trace.begin(7_000.0)
    for at_s, leg in ((1.0, LOOP), (2.0, CSMS), (3.0, NETWORK), (4.0, OCPP), (5.0, LOOP)):
        now[0] = at_s
        trace.mark(leg)
    now[0] = 6.0
    trace.power(7_000.0)  # as before: the limit is still in the charger
    trace.mark(SECC)
    trace.mark(PLC)
    trace.power(6_000.0)
    assert not trace.followed.is_set()
    now[0] = 7.0
    trace.power(7_000.4)
    assert trace.followed.is_set()
    assert trace.ends_s == {
        CSMS: 2.0, NETWORK: 3.0, OCPP: 4.0, LOOP: 5.0, SECC: 6.0, PLC: 6.0, EV: 7.0,
    }  # fmt: skip
