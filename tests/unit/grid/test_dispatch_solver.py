"""The dispatcher's optimum against Clarabel and PIQP, and what it says where not everything can be met."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.dispatch.optimum.solver import DispatchError, DispatchSolver, LimitKind
from csms.grid import feeder_file
from tests.unit.grid.oracles import (
    OracleGaveUp,
    clarabel_optimum,
    dense_constraints,
    linear_state,
    piqp_optimum,
    random_feeder,
)

V_MIN, V_MAX = 0.96, 1.04


def fleet(rng: np.random.Generator, feeder, count: int, *, three_phase: bool) -> DispatchSolver:  # type: ignore[no-untyped-def]
    bus = rng.integers(1, feeder.n_bus, count)
    if not three_phase:
        return DispatchSolver(feeder, bus)
    phases = np.zeros((count, 3), bool)
    for e in range(count):
        there = np.flatnonzero(feeder.phase_mask[bus[e]])
        phases[e, there if rng.random() < 0.5 else rng.choice(there)] = True
    return DispatchSolver(feeder, bus, phases)


@pytest.mark.oracle
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    three_phase=st.booleans(),
    v2g=st.booleans(),
    generation=st.booleans(),
    cap_pu=st.sampled_from([np.inf, 0.05]),
)
def test_same_optimum_as_general_solvers(
    seed: int, three_phase: bool, v2g: bool, generation: bool, cap_pu: float
) -> None:
    rng = np.random.default_rng(seed)
    feeder = random_feeder(rng, 20, three_phase=three_phase, load_w=3e3)
    count = 30
    solver = fleet(rng, feeder, count, three_phase=three_phase)
    p, q = (
        (feeder.p_w, feeder.q_var)
        if three_phase
        else (feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1))
    )
    state = linear_state(solver, -2.0 * p if generation else p, q, cap_pu=cap_pu)
    hi = rng.uniform(3e3, 11e3, count)
    lo = -hi if v2g else np.zeros(count)
    wish = rng.uniform(-0.5, 1.0, count) * hi if v2g else hi
    weight = rng.uniform(0.2, 5.0, count)
    ours = solver.solve(lo, hi, wish, state, v_min_pu=V_MIN, v_max_pu=V_MAX, weight=weight)
    a, b = dense_constraints(solver, state, V_MIN, V_MAX)
    if ours.violations:
        # the general solver must find it infeasible as well
        with pytest.raises(OracleGaveUp):
            piqp_optimum(a, b, lo, hi, wish, weight)
        return
    x = ours.setpoint_w
    assert np.all((x >= lo - 1e-6) & (x <= hi + 1e-6))
    assert (a @ x / 1e6 - b).max() <= 1e-8
    verdicts = 0
    for judge in (piqp_optimum, clarabel_optimum):
        try:
            theirs = judge(a, b, lo, hi, wish, weight)
        except OracleGaveUp:
            continue
        verdicts += 1
        cost, best = (np.sum(weight * (value - wish) ** 2) for value in (x, theirs))
        assert cost <= best * (1 + 1e-6) + 1.0
        assert x == pytest.approx(theirs, abs=1.0)
    assert verdicts > 0


def small() -> tuple[DispatchSolver, np.ndarray, np.ndarray]:
    feeder = feeder_file.builtin("ieee33")
    bus = [feeder.bus(name) for name in ("17", "16", "32", "21")]
    return DispatchSolver(feeder, bus), feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)


def test_a_warm_start_changes_nothing_but_the_work() -> None:
    solver, p, q = small()
    hi, lo = np.full(4, 300e3), np.zeros(4)
    cold = solver.solve(lo, hi, hi, linear_state(solver, p, q), v_min_pu=0.9, v_max_pu=1.1)
    again = solver.solve(
        lo, hi, hi, linear_state(solver, p, q), v_min_pu=0.9, v_max_pu=1.1, warm=cold.warm
    )
    assert again.setpoint_w == pytest.approx(cold.setpoint_w, abs=1e-3)
    assert again.newton_steps == 0
    other = solver.solve(
        lo, hi, hi, linear_state(solver, 0.9 * p, q), v_min_pu=0.9, v_max_pu=1.1, warm=cold.warm
    )
    fresh = solver.solve(lo, hi, hi, linear_state(solver, 0.9 * p, q), v_min_pu=0.9, v_max_pu=1.1)
    assert other.setpoint_w == pytest.approx(fresh.setpoint_w, abs=1e-3)


def test_says_which_limit_binds_whom() -> None:
    solver, p, q = small()
    hi = np.full(4, 300e3)
    solution = solver.solve(
        np.zeros(4), hi, hi, linear_state(solver, p, q), v_min_pu=0.9, v_max_pu=1.1
    )
    feeder = solver.feeder
    row = solution.binding[0]
    assert solution.row_kind[row] == LimitKind.VOLTAGE_LOW
    assert feeder.bus_names[solution.row_bus[row]] == "17"
    assert solution.setpoint_w[0] < solution.setpoint_w[3]  # bus 21 hardly matters to bus 17
    assert np.all(solution.price > 0)


def test_a_met_wish_is_bound_by_nothing() -> None:
    solver, p, q = small()
    wish = np.full(4, 1e3)
    solution = solver.solve(
        np.zeros(4), wish, wish, linear_state(solver, p, q), v_min_pu=0.9, v_max_pu=1.1
    )
    assert solution.setpoint_w == pytest.approx(wish)
    assert np.all(solution.binding == -1)


def test_infeasible_serves_as_much_as_it_can_and_reports_the_breach() -> None:
    solver, p, q = small()
    hi, lo = np.full(4, 300e3), np.array([20e3, 0, 0, 0])
    solution = solver.solve(lo, hi, hi, linear_state(solver, p, q), v_min_pu=0.95, v_max_pu=1.1)
    assert solution.setpoint_w[:3] == pytest.approx([20e3, 0, 0], abs=50)
    worst = solution.violations[0]
    assert worst.kind == LimitKind.VOLTAGE_LOW
    assert solver.feeder.bus_names[worst.bus] == "17"
    assert worst.excess == pytest.approx(0.95**2 - solution.u[worst.bus, 0], rel=1e-6)


def test_priority_is_curtailed_last() -> None:
    feeder = feeder_file.builtin("ieee33")
    bus = np.full(4, feeder.bus("17"))
    solver = DispatchSolver(feeder, bus)
    p, q = feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)
    hi, lo = np.full(4, 100e3), np.zeros(4)
    priority = np.array([0, 1, 0, 2], np.int32)
    solution = solver.solve(
        lo, hi, hi, linear_state(solver, p, q), v_min_pu=0.9, v_max_pu=1.1, priority=priority
    )
    x = solution.setpoint_w
    assert x[0] == pytest.approx(x[2], abs=1.0)
    assert x[0] < 1.0 or x[1] > 0.999 * hi[1]
    assert x[1] < 1.0 or x[3] > 0.999 * hi[3]


def test_v2g_lifts_a_voltage_that_is_low_without_evs() -> None:
    feeder = feeder_file.builtin("ieee33")
    solver = DispatchSolver(feeder, np.full(6, feeder.bus("17")))
    p, q = feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)
    hi = np.full(6, 50e3)
    solution = solver.solve(-hi, hi, hi, linear_state(solver, p, q), v_min_pu=0.92, v_max_pu=1.1)
    assert not solution.violations
    assert np.sqrt(solution.u.min()) == pytest.approx(0.92, abs=1e-8)
    assert solution.setpoint_w.sum() < 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"lo_w": np.full(4, 2e3), "hi_w": np.full(4, 1e3)},
            "EVSE 0: lo_w 2000.0 is above hi_w 1000.0",
        ),
        ({"desired_w": np.full(4, np.nan)}, "desired_w must be finite"),
        ({"weight": np.zeros(4)}, "weight must be positive"),
        ({"priority": np.full(4, 9)}, "priority must be 0 .. 3"),
        ({"v_min_pu": 1.2}, "v_min_pu must be below v_max_pu"),
        ({"hi_w": np.zeros(3)}, r"hi_w must be finite with shape \(4,\)"),
    ],
)
def test_bad_input_is_refused(change: dict[str, object], reason: str) -> None:
    solver, p, q = small()
    arguments = {
        "lo_w": np.zeros(4), "hi_w": np.full(4, 1e3), "desired_w": np.full(4, 1e3), "state": linear_state(solver, p, q),
        "v_min_pu": 0.9, "v_max_pu": 1.1,
    }  # fmt: skip
    with pytest.raises(DispatchError, match=reason):
        solver.solve(**(arguments | change))  # type: ignore[arg-type]


def test_an_evse_on_a_missing_phase_is_refused() -> None:
    feeder = random_feeder(np.random.default_rng(3), 30, three_phase=True)
    bus = int(np.flatnonzero(feeder.phase_mask.sum(axis=1) == 1)[0])
    with pytest.raises(DispatchError, match="phases not there"):
        DispatchSolver(feeder, [bus], np.ones((1, 3), bool))
