"""Max-min fair shares against linear programs that write every limit out, and what a driver would notice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from csms.dispatch.optimum.corrected import Dispatcher, Fairness, Limits, Requests
from csms.dispatch.optimum.max_min import fairest
from csms.dispatch.optimum.solver import DispatchSolver
from csms.grid import feeder_file
from tests.unit.grid.oracles import dense_constraints, linear_state, random_feeder

V_MIN, V_MAX = 0.95, 1.05
SHARE = 1e-6


def max_min_shares(
    a: np.ndarray, b: np.ndarray, wish: np.ndarray, least: np.ndarray, level: np.ndarray
) -> np.ndarray:
    """Sorted by definition: raise the least share, find by one program each whose share could still grow, repeat."""
    n = len(wish)
    slope, room = a * (wish - least), b - a @ least
    size = np.abs(slope).max(axis=1)
    slope, room = slope[size > 0] / size[size > 0, None], room[size > 0] / size[size > 0]
    floor = np.where(wish == least, 1.0, 0.0)
    open_ = wish != least
    while open_.any():
        now = np.flatnonzero(open_ & (level == level[open_].max()))
        above = np.zeros((len(now), n + 1))
        above[np.arange(len(now)), now], above[:, n] = -1.0, 1.0
        best = linprog(
            np.r_[np.zeros(n), -1.0],
            np.vstack([np.c_[slope, np.zeros(len(slope))], above]),
            np.r_[room, np.zeros(len(now))],
            bounds=[*[(f, 1.0) for f in floor], (0.0, 1.0)],
        )
        assert best.status == 0, best.message
        t = best.x[n]
        reach = floor.copy()
        reach[now] = t - 1e-9
        stuck = []
        for i in now:
            cost = np.zeros(n)
            cost[i] = -1.0
            more = linprog(cost, slope, room, bounds=[(f, 1.0) for f in reach])
            assert more.status == 0, more.message
            if more.x[i] <= t + 1e-6:
                stuck.append(i)
        floor[stuck], open_[stuck] = t, False
    return floor


@pytest.mark.oracle
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), three_phase=st.booleans(), capped=st.booleans())
def test_shares_are_those_of_the_definition(seed: int, three_phase: bool, capped: bool) -> None:
    rng = np.random.default_rng(seed)
    feeder = random_feeder(rng, 12, three_phase=three_phase, load_w=500.0)
    bus = rng.integers(1, 12, 10)
    solver = DispatchSolver(feeder, bus, feeder.phase_mask[bus] if three_phase else None)
    hi = rng.uniform(5e3, 60e3, 10)
    lo = -hi * (rng.random(10) < 0.4)
    wish = np.where((lo < 0) & (rng.random(10) < 0.5), lo, hi)
    level = rng.integers(0, 2, 10) * int(rng.integers(2))
    p, q = feeder.p_w, feeder.q_var
    if solver.m == 1:
        p, q = p.sum(axis=1), q.sum(axis=1)
    state = linear_state(solver, p, q, cap_pu=0.02 if capped else np.inf)
    limits = {"v_min_pu": V_MIN, "v_max_pu": V_MAX}
    start = solver.solve(lo, hi, wish, state, **limits, priority=level)
    a, b = dense_constraints(solver, state, V_MIN, V_MAX)
    if start.violations or (b < 0.0).any():
        return  # nobody charging is no solution: nothing to share out
    got = fairest(solver, start, lo, hi, wish, state, **limits, priority=level).setpoint_w
    assert (a @ got / 1e6 <= b + 1e-8).all()
    want = max_min_shares(a / 1e6, b, wish, np.zeros(10), level)
    assert np.abs(got / wish - want).max() < SHARE


def test_neighbours_behind_one_limit_get_equal_shares_and_the_sum_is_smaller() -> None:
    feeder = feeder_file.builtin("ieee33")
    bus = [feeder.bus(name) for name in ("8", "12", "15", "17", "28", "32", "20")]
    n = len(bus)
    requests = Requests.simple(np.zeros(n), np.full(n, 150e3), np.full(n, 150e3))
    base = feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)
    served = {}
    for fairness in Fairness:
        dispatcher = Dispatcher(feeder, bus, limits=Limits(0.90, 1.10), fairness=fairness)
        answer = dispatcher.step(*base, requests)
        assert answer.feasible
        served[fairness] = answer.setpoint_w / 150e3
    fair, squares = served[Fairness.MAX_MIN], served[Fairness.PROPORTIONAL]
    assert fair.min() > squares.min() + 0.1
    assert fair.sum() < squares.sum()
    assert np.ptp(fair[:6]) < 1e-3


def test_a_higher_priority_is_served_first() -> None:
    feeder = feeder_file.builtin("ieee33")
    bus = [feeder.bus("17")] * 4
    requests = Requests(
        np.zeros(4), np.full(4, 60e3), np.full(4, 60e3), np.zeros(4), np.zeros(4),
        priority=np.array([0, 1, 0, 2], np.int32),
    )  # fmt: skip
    dispatcher = Dispatcher(feeder, bus, limits=Limits(0.90, 1.10), fairness=Fairness.MAX_MIN)
    share = (
        dispatcher.step(feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1), requests).setpoint_w
        / 60e3
    )
    assert share[3] == pytest.approx(1.0)
    assert share[1] == pytest.approx(1.0)
    assert share[0] == pytest.approx(share[2], abs=1e-6)
    assert 0.1 < share[0] < 0.9
