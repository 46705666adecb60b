"""Curves of inverters, and the common operating point of inverters and network."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.grid import controlled_flow, feeder_file, inverter_control, power_flow
from csms.grid.controlled_flow import ControlDivergedError
from csms.grid.inverter_control import PRESETS, InverterControl, VoltageCurve, preset
from tests.unit.grid.oracles import random_feeder

OPENDER = Path(__file__).resolve().parents[3] / "../shared/data/ieee1547_AS_defaults_opender.csv"


@pytest.mark.oracle
def test_category_b_is_opender_s_default() -> None:
    if not OPENDER.exists():
        pytest.skip(f"test data absent: {OPENDER.name}")
    with OPENDER.open() as stream:
        value = {row[0]: row[1] for row in csv.reader(stream)}
    control = preset("volt-var", "ieee1547-b")
    for k, (v, q) in enumerate(control.var.points, start=1):
        assert (v, q) == (
            float(value[f"QV_CURVE_V{k}-AS"]),
            float(value[f"QV_CURVE_Q{k}-AS"]),
        )
    (v1, p1), (v2, p2) = preset("volt-watt").export.points
    theirs = [float(value[f"PV_CURVE_{key}-AS"]) for key in ("V1", "P1", "V2", "P2")]
    assert [v1, p1, v2, p2] == theirs


def test_a_curve_holds_its_ends_and_is_straight_between() -> None:
    curve = VoltageCurve(((0.9, 0.44), (0.98, 0.0)))
    assert curve.at(np.array([0.5, 0.9, 0.94, 0.98, 1.2])) == pytest.approx(
        [0.44, 0.44, 0.22, 0.0, 0.0]
    )


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (((0.9, 0.1),), "two or more points"),
        (((0.9, 0.1), (0.9, 0.2)), "ascending"),
        (((0.9, 0.1), (1.0, np.nan)), "ascending"),
        (((0.9, 1.1), (1.0, 0.0)), "-1 .. 1"),
    ],
)
def test_bad_curves_are_refused(points: inverter_control.Points, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        VoltageCurve(points)


def test_a_slip_of_the_pen_is_answered_with_the_name_meant() -> None:
    with pytest.raises(ValueError, match="did you mean 'volt-var'"):
        preset("volt_var")
    with pytest.raises(ValueError, match="did you mean 'ieee1547-b'"):
        preset("droop", "ieee1547b")


def test_no_inverter_exceeds_its_rated_apparent_power() -> None:
    v = np.linspace(0.8, 1.2, 401)
    for control in PRESETS.values():
        s = np.hypot(control.charge.at(v), control.var.at(v) * control.va_per_w)
        assert s.max() <= control.va_per_w * (1 + 1e-12)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    key=st.sampled_from(sorted(PRESETS)),
    three_phase=st.booleans(),
    kw=st.floats(-8.0, 8.0),
)
def test_every_inverter_stands_on_its_curve_at_the_voltage_it_sees(
    seed: int, key: tuple[str, str], three_phase: bool, kw: float
) -> None:
    rng = np.random.default_rng(seed)
    feeder = random_feeder(rng, 25, three_phase=three_phase, load_w=2e3)
    p, q = feeder.p_w, feeder.q_var
    if not three_phase:
        p, q = p.sum(axis=1), q.sum(axis=1)
    there = feeder.phase_mask if three_phase else np.ones(25, bool)
    requested = np.where(there & (rng.random(p.shape) < 0.4), 1e3 * kw * rng.random(p.shape), 0.0)
    requested[0] = 0.0
    control = PRESETS[key]
    found = controlled_flow.solve(feeder, p, q, requested, control)
    assert found.residual <= controlled_flow.TOLERANCE
    # an independent solve of the answer: each inverter is where its curve wants it
    v = power_flow.solve(feeder, p + found.p_w, q + found.q_var).vm_pu
    share = np.where(requested >= 0, control.charge.at(v), control.export.at(v))
    rated = np.abs(requested)
    on = rated > 0
    assert found.p_w[on] == pytest.approx((share * requested)[on], abs=1e-5 * 8e3)
    wanted = -control.var.at(v) * control.va_per_w * rated
    assert found.q_var[on] == pytest.approx(wanted[on], abs=1e-5 * 8e3)
    assert not found.p_w[~on].any()


def test_steep_curves_on_a_weak_feeder_settle_where_plain_iteration_hunts() -> None:
    feeder = feeder_file.builtin("ieee33")
    steep = VoltageCurve(((0.995, 0.44), (1.005, -0.44)))
    flat = inverter_control.preset("volt-var")
    control = InverterControl("steep", "test", steep, flat.charge, flat.export)
    requested = np.zeros(33)
    requested[1:] = -300e3
    p, q = feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)
    found = controlled_flow.solve(feeder, p, q, requested, control)
    assert found.residual <= controlled_flow.TOLERANCE
    # plain iteration, x <- curve(v(x)), goes back and forth for ever on the same case
    x = np.zeros(33)
    for _ in range(60):
        v = power_flow.solve(feeder, p + requested, q - x).vm_pu
        new = steep.at(v) * control.va_per_w * np.abs(requested)
        change, x = np.abs(new - x).max(), new
    assert change > 0.05 * 300e3


def test_without_an_operating_point_the_residual_is_reported() -> None:
    feeder = feeder_file.builtin("ieee33")
    requested = np.zeros(33)
    requested[feeder.bus("17")] = 50e6
    p, q = feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)
    with pytest.raises(ControlDivergedError, match="no solution even with all") as raised:
        controlled_flow.solve(feeder, p, q, requested, preset("volt-var"))
    assert raised.value.residual_pu > controlled_flow.TOLERANCE
    batch = controlled_flow.solve_batch(
        feeder, p, q, np.stack([requested, 0.001 * requested]), preset("volt-var")
    )
    assert batch.converged.tolist() == [False, True]
    assert np.isnan(batch.min_v_pu[0])
    assert batch.min_v_pu[1] > 0.9


def test_a_request_of_the_wrong_shape_is_refused() -> None:
    feeder = feeder_file.builtin("ieee33")
    p = feeder.p_w.sum(axis=1)
    with pytest.raises(ValueError, match="requested_w must have shape"):
        controlled_flow.solve(feeder, p, p, np.zeros(5), preset("droop"))
