"""The dispatch step: what leaves it holds by an AC power flow of another make."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.dispatch.optimum.ac_check import spread_offsets
from csms.dispatch.optimum.corrected import Dispatcher, Limits, Requests
from csms.dispatch.optimum.solver import DispatchError, LimitKind
from csms.grid import feeder_file, power_flow
from csms.grid.network import Feeder
from tests.unit.grid.oracles import pgm_voltages, random_feeder


def ieee33_fleet(
    v_min: float = 0.90, **more: object
) -> tuple[Feeder, Dispatcher, np.ndarray, np.ndarray]:
    feeder = feeder_file.builtin("ieee33")
    bus = np.random.default_rng(1).integers(1, 33, 100)
    dispatcher = Dispatcher(feeder, bus, limits=Limits(v_min_pu=v_min), **more)  # type: ignore[arg-type]
    return feeder, dispatcher, feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)


def stepped(hi: np.ndarray, lo: np.ndarray, step: float = 690.0, least: float = 4140.0) -> Requests:
    return Requests(lo, hi, hi, np.full(len(hi), step), np.full(len(hi), least))


def test_holds_the_limit_tightly_in_whole_steps() -> None:
    feeder, dispatcher, p, q = ieee33_fleet()
    hi = np.full(100, 22_080.0)
    uncontrolled = power_flow.solve(feeder, p + dispatcher.solver.load_w(hi), q)
    assert uncontrolled.min_v_pu < 0.89
    out = dispatcher.step(p, q, stepped(hi, np.zeros(100)))
    assert out.feasible
    x = out.setpoint_w
    assert np.all((x == 0) | (x >= 4140.0))
    assert x / 690.0 == pytest.approx(np.round(x / 690.0))
    v = pgm_voltages(feeder, feeder.p_w + dispatcher.solver.load_w(x)[:, None] / 3, feeder.q_var)
    assert np.abs(v).min() >= 0.90
    assert np.abs(v).min() <= 0.9003  # not bought with needless curtailment
    assert np.abs(v[:, 0]) == pytest.approx(out.v_pu[:, 0], abs=1e-6)
    assert np.all(out.binding_kind[out.curtailed_w > 1] == LimitKind.VOLTAGE_LOW)
    assert out.curtailed_w == pytest.approx(hi - x)


def test_the_bias_reaches_the_ac_limit_where_the_linear_optimum_misses_it() -> None:
    _, dispatcher, p, q = ieee33_fleet(0.90)
    hi = np.full(100, 22e3)
    out = dispatcher.step(p, q, Requests.simple(np.zeros(100), hi, hi))
    assert out.v_pu.min() == pytest.approx(0.90, abs=1.5e-4)
    assert out.v_pu.min() >= 0.90


def test_obligations_that_cannot_be_held_are_reported() -> None:
    _, dispatcher, p, q = ieee33_fleet(0.93)
    lo = np.full(100, 1000.0)
    out = dispatcher.step(p, q, stepped(np.full(100, 22e3), lo))
    assert not out.feasible
    assert out.breach_pu > 0.01
    assert out.solution.violations
    assert out.setpoint_w[out.binding_kind == LimitKind.VOLTAGE_LOW] == pytest.approx(1000.0)


def test_too_little_for_everyone_is_given_to_some_at_their_minimum() -> None:
    feeder, dispatcher, p, q = ieee33_fleet(0.905)
    hi = np.full(100, 22_080.0)
    out = dispatcher.step(p, q, stepped(hi, np.zeros(100)))
    on = out.setpoint_w > 0
    assert out.feasible
    assert 10 < on.sum() < 100
    assert out.setpoint_w[on].min() >= 4140.0
    assert (
        out.setpoint_w.sum()
        > 0.7
        * Dispatcher(feeder, dispatcher.solver.bus, limits=Limits(v_min_pu=0.905))
        .step(p, q, Requests.simple(np.zeros(100), hi, hi))
        .setpoint_w.sum()
    )


def test_a_measured_offset_is_carried_over() -> None:
    """The plant's impedances are 20% higher than the model's."""
    feeder, dispatcher, p, q = ieee33_fleet()
    from dataclasses import replace

    plant = replace(feeder, z_ohm=feeder.z_ohm * 1.1)
    hi = np.full(100, 22_080.0)
    now = np.zeros(100)
    lowest = []
    for _ in range(4):
        truth = power_flow.solve(plant, p + dispatcher.solver.load_w(now), q)
        lowest.append(truth.min_v_pu)
        out = dispatcher.step(
            p, q, stepped(hi, np.zeros(100)), now_w=now, measured_v_pu=truth.vm_pu[:, None]
        )
        now = out.setpoint_w
    assert lowest[1] > 0.898
    assert all(v >= 0.8999 for v in lowest[2:])


def test_cable_ampacity_binds_and_holds() -> None:
    feeder = feeder_file.builtin("european-lv")
    bus = np.flatnonzero(feeder.p_w.any(axis=1))
    phases = feeder.p_w[bus] != 0
    dispatcher = Dispatcher(feeder, bus, phases, Limits(v_min_pu=0.90, v_max_pu=1.10))
    hi = np.full(len(bus), 7360.0)
    requests = Requests(-hi, hi, hi, np.full(len(bus), 230.0), np.full(len(bus), 1380.0))
    out = dispatcher.step(feeder.p_w, feeder.q_var, requests)
    assert out.feasible
    flow = power_flow.solve(
        feeder, feeder.p_w + dispatcher.solver.load_w(out.setpoint_w), feeder.q_var
    )
    loading = flow.current_a(feeder)[1:] / feeder.ampacity_a[1:, None]
    assert 0.97 < np.nanmax(loading) <= 1.0
    assert LimitKind.FLOW_IN in out.binding_kind


def test_every_phase_is_held_with_single_phase_chargers() -> None:
    feeder = feeder_file.builtin("european-lv")
    bus = np.flatnonzero(feeder.p_w.any(axis=1))
    phases = feeder.p_w[bus] != 0
    dispatcher = Dispatcher(feeder, bus, phases, Limits(v_min_pu=1.0, v_max_pu=1.10))
    hi = np.full(len(bus), 7360.0)
    out = dispatcher.step(feeder.p_w, feeder.q_var, stepped(hi, np.zeros(len(bus)), 230.0, 1380.0))
    assert out.feasible
    v = np.abs(
        pgm_voltages(
            feeder,
            feeder.p_w + dispatcher.solver.load_w(out.setpoint_w),
            feeder.q_var,
        )
    )
    assert v.min() >= 1.0
    assert v.min() < 1.002


def test_ieee123_holds_every_phase_with_single_phase_chargers() -> None:
    feeder = feeder_file.builtin("ieee123")
    rng = np.random.default_rng(2)
    bus = rng.choice(np.flatnonzero(feeder.p_w.any(axis=1)), 60)
    phases = np.zeros((60, 3), bool)
    for e, i in enumerate(bus):
        phases[e, rng.choice(np.flatnonzero(feeder.phase_mask[i]))] = True
    dispatcher = Dispatcher(feeder, bus, phases, Limits(v_min_pu=0.97, v_max_pu=1.05))
    hi = np.full(60, 40e3)
    plain = power_flow.solve(feeder, feeder.p_w + dispatcher.solver.load_w(hi), feeder.q_var)
    assert plain.min_v_pu < 0.96
    out = dispatcher.step(feeder.p_w, feeder.q_var, stepped(hi, np.zeros(60), 240.0, 1440.0))
    assert out.feasible
    held = power_flow.solve(
        feeder, feeder.p_w + dispatcher.solver.load_w(out.setpoint_w), feeder.q_var
    )
    assert 0.97 <= held.min_v_pu < 0.9705
    assert held.max_v_pu <= 1.05


def test_generation_is_held_below_the_upper_limit() -> None:
    feeder, dispatcher, p, q = ieee33_fleet(0.90)
    dispatcher = Dispatcher(feeder, dispatcher.solver.bus, limits=Limits(0.90, 1.01))
    lo, hi = np.full(100, -150e3), np.zeros(100)
    out = dispatcher.step(
        0.1 * p, 0.1 * q, Requests(lo, hi, lo, np.full(100, 690.0), np.full(100, 4140.0))
    )
    assert out.feasible
    assert 1.0095 < out.v_pu.max() <= 1.01
    assert LimitKind.VOLTAGE_HIGH in out.binding_kind
    x = out.setpoint_w
    assert np.all((x == 0) | (x <= -4140.0))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), three_phase=st.booleans(), v2g=st.booleans())
def test_no_vector_leaves_that_breaches_while_zero_would_not(
    seed: int, three_phase: bool, v2g: bool
) -> None:
    rng = np.random.default_rng(seed)
    feeder = random_feeder(rng, 25, three_phase=three_phase, load_w=1.5e3)
    count = 40
    bus = rng.integers(1, 25, count)
    phases = feeder.phase_mask[bus] if three_phase else None
    dispatcher = Dispatcher(feeder, bus, phases, Limits(0.95, 1.05))
    p, q = (
        (feeder.p_w, feeder.q_var)
        if dispatcher.solver.m == 3
        else (feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1))
    )
    idle = power_flow.solve(feeder, p, q)
    hi = rng.uniform(2e3, 22e3, count)
    lo = -hi if v2g else np.zeros(count)
    wish = rng.uniform(-1.0 if v2g else 0.5, 1.0, count) * hi
    least = rng.choice([0.0, 1380.0], count)
    out = dispatcher.step(
        p, q, Requests(lo, hi, wish, np.full(count, 230.0), least), now_w=0.1 * hi
    )
    if idle.min_v_pu >= 0.95:
        assert out.feasible
        loads = dispatcher.solver.load_w(out.setpoint_w)
        p3 = feeder.p_w + (loads if loads.ndim == 2 else loads[:, None] / 3)
        v = np.abs(pgm_voltages(feeder, p3, feeder.q_var))[feeder.phase_mask]
        assert v.min() >= 0.95 - 1e-7
        assert v.max() <= 1.05 + 1e-7
    x = out.setpoint_w
    assert np.all((np.abs(x) >= least - 1e-6) | (x == 0))
    assert np.all((x >= lo - 1e-9) & (x <= hi + 1e-9))


def test_base_loads_of_the_wrong_shape_are_refused() -> None:
    feeder, dispatcher, _, _ = ieee33_fleet()
    with pytest.raises(DispatchError, match=r"base loads must have shape \(33,\)"):
        dispatcher.step(
            feeder.p_w, feeder.q_var, Requests.simple(np.zeros(100), np.ones(100), np.ones(100))
        )


def test_a_load_beyond_the_feeder_is_an_error_with_residual() -> None:
    _, dispatcher, p, q = ieee33_fleet()
    with pytest.raises(power_flow.PowerFlowDivergedError, match="did not converge") as caught:
        dispatcher.step(5 * p, 5 * q, Requests.simple(np.zeros(100), np.ones(100), np.ones(100)))
    assert caught.value.iterations > 1
    assert caught.value.residual_pu > 0


def test_offsets_spread_from_meters_to_the_rest_of_the_tree() -> None:
    parent = np.array([-1, 0, 1, 1, 3, 0], np.int32)
    seen = np.full((6, 1), np.nan)
    seen[2], seen[4] = -0.02, -0.04
    assert spread_offsets(parent, seen)[:, 0] == pytest.approx(
        [-0.03, -0.03, -0.02, -0.04, -0.04, -0.03]
    )
    seen[0] = 0.0
    assert spread_offsets(parent, seen)[5, 0] == 0.0
    assert np.all(spread_offsets(parent, np.full((6, 1), np.nan)) == 0.0)
