"""Hosting capacities of IEEE 33 as published, and what must hold on any feeder."""

from __future__ import annotations

import numpy as np
import pytest

from csms.grid import feeder_file, hosting_capacity, power_flow


@pytest.mark.golden
@pytest.mark.parametrize(
    ("bus", "limit", "ac_kw", "linear_kw"),
    [
        ("17", 0.90, 160.710, 209.608),
        ("32", 0.90, 339.062, 426.753),
        ("24", 0.90, 2868.214, 3722.338),
        ("uniform", 0.90, 548.144, 715.881),
        ("uniform", 0.91, 130.823, 268.081),
    ],
)
def test_ieee33_table(bus: str, limit: float, ac_kw: float, linear_kw: float) -> None:
    feeder = feeder_file.builtin("ieee33")
    share = (
        hosting_capacity.uniform(feeder)
        if bus == "uniform"
        else hosting_capacity.at_bus(feeder, feeder.bus(bus))
    )
    found = hosting_capacity.hosting_capacity(feeder, share, v_min_pu=limit)
    assert found.ac_w / 1e3 == pytest.approx(ac_kw, abs=1e-3)
    assert found.lindistflow_w / 1e3 == pytest.approx(linear_kw, abs=1e-3)
    assert found.limited_by == "voltage"


def test_a_feeder_below_the_limit_takes_nothing() -> None:
    feeder = feeder_file.builtin("ieee33")
    found = hosting_capacity.hosting_capacity(
        feeder, hosting_capacity.uniform(feeder), v_min_pu=0.95
    )
    assert (found.ac_w, found.lindistflow_w) == (0.0, 0.0)


def test_loading_can_be_what_ends_it() -> None:
    feeder = feeder_file.builtin("european-lv")
    found = hosting_capacity.hosting_capacity(
        feeder, hosting_capacity.uniform(feeder), v_min_pu=0.8, thermal=True
    )
    assert found.limited_by == "loading"
    assert 50e3 < found.ac_w < found.lindistflow_w


@pytest.mark.parametrize("share", [np.full(33, 1 / 33), np.zeros(33), np.full(33, np.nan)])
def test_a_share_must_be_a_distribution(share: np.ndarray) -> None:
    with pytest.raises(ValueError, match="share must be a distribution"):
        hosting_capacity.hosting_capacity(feeder_file.builtin("ieee33"), share, v_min_pu=0.9)


def test_random_placements_bracket_their_limit() -> None:
    feeder = feeder_file.builtin("european-lv")
    study = hosting_capacity.stochastic(
        feeder,
        3680.0,
        np.random.default_rng(7),
        v_min_pu=0.96,
        placements=30,
        max_evs=120,
        points=5,
    )
    assert study.capacity.min() < study.capacity.max()
    assert np.all(np.diff(study.breach_share) >= 0)
    assert np.all(study.min_v_pu[:, 0] <= study.min_v_pu[:, 2])
    again = hosting_capacity.stochastic(
        feeder,
        3680.0,
        np.random.default_rng(7),
        v_min_pu=0.96,
        placements=30,
        max_evs=120,
        points=5,
    )
    assert np.array_equal(study.capacity, again.capacity)
    assert study.percentile(5) <= study.percentile(95)


def test_one_placement_is_confirmed_by_single_solves() -> None:
    feeder = feeder_file.builtin("ieee33")
    study = hosting_capacity.stochastic(
        feeder, 22e3, np.random.default_rng(3), v_min_pu=0.90, placements=1, max_evs=60, points=3
    )
    bus = np.random.default_rng(3).integers(1, 33, (1, 60))[0]
    count = int(study.capacity[0])
    p, q = feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)
    lowest = [
        power_flow.solve(feeder, p + 22e3 * np.bincount(bus[:k], minlength=33), q).min_v_pu
        for k in (count, count + 1)
    ]
    assert lowest[0] >= 0.90 > lowest[1]
