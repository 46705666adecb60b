"""A day's plan under a feeder's voltage limits: the same optimum as two solvers of another kind find from another
statement of it, and departures that cannot be met are met as far as anything could.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import clarabel
import numpy as np
import piqp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from csms.dispatch.optimum.solver import DispatchSolver, LimitKind, WarmStart
from csms.grid import feeder_file, lindistflow
from csms.market.day_ahead import FeederLimit, PlanInput, Vehicles, equal_segments, plan_day
from tests.unit.grid.oracles import OracleGaveUp

IEEE33 = feeder_file.builtin("ieee33")
V_MIN = 0.90
INTERVALS = 12
ETA = 0.94
WEAR = equal_segments([0.01, 0.03, 0.06])
SHORT_EUR_PER_KWH = 100.0


@dataclass
class Day:
    """Eight vehicles at the far ends of IEEE 33, whose static load rises and falls over the day."""

    given: PlanInput
    solver: DispatchSolver
    load: np.ndarray  # (T,)

    def lowest_v_pu(self, power_w: np.ndarray) -> float:
        """Of the linear model, over all intervals."""
        lowest = np.inf
        for t in range(INTERVALS):
            p = self.load[t] * IEEE33.p_w.sum(axis=1) + self.solver.load_w(power_w[:, t])
            q = self.load[t] * IEEE33.q_var.sum(axis=1)
            lowest = min(lowest, np.sqrt(lindistflow.voltages_squared(IEEE33, p, q).min()))
        return float(lowest)


def day(seed: int, *, greed: float, longest: int = 9) -> Day:
    rng = np.random.default_rng(seed)
    n = 8
    solver = DispatchSolver(
        IEEE33, [IEEE33.bus(name) for name in ("15", "16", "17", "17", "30", "31", "32", "32")]
    )
    load = 0.75 + 0.25 * np.sin(np.linspace(0.0, 2.0 * np.pi, INTERVALS))
    ends = [IEEE33.bus("17"), IEEE33.bus("32")]
    rows = solver.answers(
        WarmStart(np.full(2, LimitKind.VOLTAGE_LOW), np.array(ends), np.zeros(2, int), np.zeros(2))
    )
    u = np.array([
        lindistflow.voltages_squared(IEEE33, k * IEEE33.p_w.sum(axis=1), k * IEEE33.q_var.sum(axis=1))
        for k in load
    ])  # fmt: skip
    room = u[:, ends] - V_MIN**2  # (T, 2)
    limits = tuple(
        FeederLimit(f"end {k}", rows[k] / rows[k].max(), room[:, k] / rows[k].max(), np.full(INTERVALS, -1e9))
        for k in range(2)
    )  # fmt: skip
    arrive = rng.integers(0, 6, n)
    depart = np.minimum(arrive + rng.integers(2, longest, n), INTERVALS)
    capacity = rng.uniform(200e3, 600e3, n)
    vehicles = Vehicles(
        arrive, depart, capacity * rng.uniform(0.2, 0.7, n), greed * capacity * rng.uniform(0.5, 1.0, n),
        capacity, 0.2 * capacity, np.full(n, 150e3), rng.choice([0.0, 150e3], n),
    )  # fmt: skip
    price = rng.normal(0.15, 0.1, INTERVALS)
    return Day(PlanInput(vehicles, 1.0, price + 0.04, price, WEAR, limits, ETA), solver, load)


def statement(given: PlanInput) -> tuple[np.ndarray, sparse.csc_matrix, np.ndarray, np.ndarray]:
    """cost, A, b, top of min cost'x, A x <= b, 0 <= x <= top.

    Stored energy is no unknown here: charge, discharge (kW), wear segments and shortfall (kWh) only. Wear may exceed
    what is discharged, which never pays.
    """
    v, t, k = given.vehicles, INTERVALS, len(given.wear.cost_eur_per_kwh)
    n = len(v)
    cells = n * t
    plugged = (np.arange(t) >= v.arrive[:, None]) & (np.arange(t) < v.depart[:, None])
    can = plugged & (v.max_discharge_w[:, None] > 0) & (given.export_price >= 0)
    until = np.tril(np.ones((t, t)))
    rows, rhs = [], []

    def put(charge, discharge, wear, short, bound) -> None:  # type: ignore[no-untyped-def]
        rows.append(np.concatenate([np.ravel(charge), np.ravel(discharge), np.ravel(wear), short]))
        rhs.append(bound)

    zero, no_wear, no_short = np.zeros((n, t)), np.zeros((n, k)), np.zeros(n)
    for i in range(n):
        one = np.zeros((n, t))
        for a in range(v.arrive[i], v.depart[i]):
            one[i] = until[a]
            floor = min(v.reserve_wh[i], v.energy_wh[i])
            put(ETA * one, -one / ETA, no_wear, no_short, (v.capacity_wh[i] - v.energy_wh[i]) / 1e3)
            put(-ETA * one, one / ETA, no_wear, no_short, (v.energy_wh[i] - floor) / 1e3)
        one[i] = 1.0
        short, wear = no_short.copy(), no_wear.copy()
        short[i], wear[i] = -1.0, -1.0
        target = min(v.target_wh[i], v.capacity_wh[i])
        put(-ETA * one, one / ETA, no_wear, short, (v.energy_wh[i] - target) / 1e3)
        put(zero, one, wear, no_short, 0.0)
    for limit in given.limits:
        for a in range(t):
            one = np.zeros((n, t))
            one[:, a] = limit.weights
            put(one, -one, no_wear, no_short, limit.max_w[a] / 1e3)
    segment = np.repeat(ETA * given.wear.width_frac * v.capacity_wh / 1e3, k)
    top = np.concatenate([
        np.ravel(plugged * v.max_charge_w[:, None] / 1e3), np.ravel(can * v.max_discharge_w[:, None] / 1e3),
        segment, np.full(n, 1e3),
    ])  # fmt: skip
    cost = np.concatenate([
        np.tile(given.import_price, n), -np.tile(given.export_price, n),
        np.tile(given.wear.cost_eur_per_kwh, n), np.full(n, SHORT_EUR_PER_KWH),
    ])  # fmt: skip
    assert len(cost) == 2 * cells + n * k + n
    return cost, sparse.csc_matrix(np.array(rows)), np.array(rhs), top


def by_clarabel(cost: np.ndarray, a: sparse.csc_matrix, b: np.ndarray, top: np.ndarray) -> float:
    setting = clarabel.DefaultSettings()
    setting.verbose = False
    size = len(cost)
    eye = sparse.identity(size)
    full, rhs = sparse.vstack([a, eye, -eye]).tocsc(), np.concatenate([b, top, np.zeros(size)])
    cones = [clarabel.NonnegativeConeT(len(rhs))]
    answer = clarabel.DefaultSolver(
        sparse.csc_matrix((size, size)), cost, full, rhs, cones, setting
    ).solve()
    if str(answer.status) != "Solved":
        raise OracleGaveUp(str(answer.status))
    return float(answer.obj_val)


def by_piqp(cost: np.ndarray, a: sparse.csc_matrix, b: np.ndarray, top: np.ndarray) -> float:
    size = len(cost)
    solver = piqp.SparseSolver()
    solver.settings.eps_abs = solver.settings.eps_rel = 1e-9
    solver.setup(
        sparse.csc_matrix((size, size)), cost, None, None, a, np.full(len(b), -np.inf), b,
        np.zeros(size), top,
    )  # fmt: skip
    status = solver.solve()
    if "SOLVED" not in str(status):
        raise OracleGaveUp(str(status))
    return float(cost @ solver.result.x)


@pytest.mark.oracle
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), greed=st.sampled_from([0.7, 1.0, 2.0]))
def test_the_optimum_is_that_of_clarabel_and_piqp(seed: int, greed: float) -> None:
    case = day(seed, greed=greed)
    plan = plan_day(case.given)
    short_kwh = sum(s.missing_wh for s in plan.shortfalls) / 1e3
    got = plan.energy_cost_eur + plan.wear_cost_eur + SHORT_EUR_PER_KWH * short_kwh
    problem = statement(case.given)
    assert got == pytest.approx(by_clarabel(*problem), rel=1e-6, abs=1e-2)
    with suppress(
        OracleGaveUp
    ):  # it calls some of these infeasible, which the other has just solved
        assert got == pytest.approx(by_piqp(*problem), rel=1e-6, abs=1e-2)
    assert case.lowest_v_pu(plan.power_w) >= V_MIN - 1e-6


@pytest.mark.oracle
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_departure_that_cannot_be_met_is_met_as_far_as_can_be(seed: int) -> None:
    """More is wanted than the feeder bears: each vehicle's shortfall is told, and no schedule leaves less in all."""
    case = day(seed, greed=4.0, longest=3)
    plan = plan_day(case.given)
    v = case.given.vehicles
    for short in plan.shortfalls:
        i = short.vehicle
        target = min(v.target_wh[i], v.capacity_wh[i])
        assert short.missing_wh == pytest.approx(target - plan.energy_end_wh[i], abs=1.0)
    cost, a, b, top = statement(case.given)
    cost[: -len(v)] = 0.0
    least_kwh = by_clarabel(cost, a, b, top) / SHORT_EUR_PER_KWH
    missing_kwh = sum(s.missing_wh for s in plan.shortfalls) / 1e3
    assert (missing_kwh > 1.0) == (least_kwh > 1.0)
    assert missing_kwh == pytest.approx(least_kwh, rel=1e-4, abs=0.01)
