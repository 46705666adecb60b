"""Hosting capacities of IEEE 33 as published, and what must hold on any feeder."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from csms.grid import feeder_file, hosting_capacity, power_flow, stochastic_hosting
from csms.grid.inverter_control import LEAST_CHARGE_FRAC, preset
from csms.grid.network import balanced_feeder


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


def test_a_reactance_that_the_linear_model_does_not_see_is_no_limit_to_it() -> None:
    """Load of power factor 1 behind a pure reactance moves the AC voltage, by j X I, and not the linear one."""
    feeder = balanced_feeder(
        "x", np.array([-1, 0]), np.array([0j, 1j]), np.zeros(2), np.zeros(2), base_ll_v=400.0
    )
    found = hosting_capacity.hosting_capacity(feeder, np.array([0.0, 1.0]), v_min_pu=0.9)
    v, e = 0.9, 1.0  # e^2 = v^2 + (X P / v)^2
    assert found.ac_w == pytest.approx(v * np.sqrt(e**2 - v**2) * 400.0**2, rel=1e-6)
    assert found.lindistflow_w == np.inf


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
    study = stochastic_hosting.stochastic(
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
    again = stochastic_hosting.stochastic(
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
    study = stochastic_hosting.stochastic(
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


@pytest.mark.parametrize(("bus", "ac_kw"), [("17", 160.710), ("32", 339.062), ("24", 2868.214)])
def test_at_one_bus_volt_watt_serves_what_the_feeder_bears_and_no_more(
    bus: str, ac_kw: float
) -> None:
    feeder = feeder_file.builtin("ieee33")
    share = hosting_capacity.at_bus(feeder, feeder.bus(bus))
    for name in ("volt-watt", "droop"):
        control = preset(name)
        found = hosting_capacity.hosting_capacity(feeder, share, v_min_pu=0.90, control=control)
        assert found.controlled is not None
        assert found.controlled.served_w / 1e3 == pytest.approx(ac_kw, abs=2e-3)
        assert found.ac_w / 1e3 == pytest.approx(ac_kw, abs=1e-3)
        if bus == "17":  # the charger's own voltage is the limit: its curve is at the floor
            share_served = found.controlled.served_w / found.controlled.connected_w
            assert share_served == pytest.approx(LEAST_CHARGE_FRAC, rel=1e-5)


@pytest.mark.parametrize("curve", ["ieee1547-a", "ieee1547-b", "en50549"])
@pytest.mark.parametrize("bus", ["17", "uniform"])
def test_volt_var_raises_the_capacity_and_its_end_is_confirmed(bus: str, curve: str) -> None:
    feeder = feeder_file.builtin("ieee33")
    share = (
        hosting_capacity.uniform(feeder)
        if bus == "uniform"
        else hosting_capacity.at_bus(feeder, feeder.bus(bus))
    )
    found = hosting_capacity.hosting_capacity(
        feeder, share, v_min_pu=0.90, control=preset("volt-var", curve)
    )
    with_control = found.controlled
    assert with_control is not None
    assert with_control.connected_w > 1.15 * found.ac_w
    assert with_control.served_w == pytest.approx(with_control.connected_w)
    assert with_control.q_var < 0.0
    assert with_control.residual <= 1e-7
    # the vars at the end, put in as plain loads where one bus has all of them, meet the limit
    if bus == "17":
        p = feeder.p_w.sum(axis=1) + share * with_control.served_w
        q = feeder.q_var.sum(axis=1) + share * with_control.q_var
        assert power_flow.solve(feeder, p, q).min_v_pu == pytest.approx(0.90, abs=1e-7)


def test_control_and_power_factor_exclude_each_other() -> None:
    feeder = feeder_file.builtin("ieee33")
    with pytest.raises(ValueError, match="power_factor is 1"):
        hosting_capacity.hosting_capacity(
            feeder, hosting_capacity.uniform(feeder), v_min_pu=0.9, power_factor=0.95,
            control=preset("volt-var"),
        )  # fmt: skip


def test_the_sweep_crosses_the_limit_at_the_capacity() -> None:
    feeder = feeder_file.builtin("ieee33")
    share, control = hosting_capacity.uniform(feeder), preset("volt-var")
    found = hosting_capacity.hosting_capacity(feeder, share, v_min_pu=0.90, control=control)
    assert found.controlled is not None
    at = np.array([found.ac_w, found.lindistflow_w, found.controlled.connected_w])
    sweep = hosting_capacity.voltage_sweep(feeder, share, at, control=control)
    assert sweep.controlled_v_pu is not None
    crossing = [sweep.ac_v_pu[0], sweep.lindistflow_v_pu[1], sweep.controlled_v_pu[2]]
    assert crossing == pytest.approx([0.90] * 3, abs=1e-6)


def test_random_placements_take_more_under_control_and_are_the_same_placements() -> None:
    feeder = feeder_file.builtin("ieee33")
    drawn = [
        stochastic_hosting.stochastic(
            feeder, 22e3, np.random.default_rng(5), v_min_pu=0.90, placements=60, points=4,
            control=control,
        )
        for control in (None, preset("volt-var"))
    ]  # fmt: skip
    assert (drawn[1].capacity > drawn[0].capacity).all()
    low, high = drawn[0].percentile_band(50)
    assert low <= drawn[0].percentile(50) <= high


@pytest.mark.oracle
@pytest.mark.parametrize("hits", [0, 5, 50])
def test_wilson_interval_is_that_of_scipy(hits: int) -> None:
    theirs = binomtest(hits, 50).proportion_ci(0.95, method="wilson")
    found = stochastic_hosting.wilson(np.array(hits / 50), 50)
    assert found == pytest.approx([theirs.low, theirs.high], abs=1e-12)


def test_the_band_of_a_percentile_holds_it_in_95_of_100_repetitions() -> None:
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(400):
        draws = rng.normal(size=200)
        study = stochastic_hosting.StochasticHosting(
            draws, np.zeros(1), np.zeros((1, 3)), np.zeros(1), np.zeros((1, 2)), 1
        )
        low, high = study.percentile_band(5)
        held += low <= -1.6448536 <= high
    assert 370 <= held <= 398
