"""What must hold for any followers, any prices, any day."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.market.day_ahead import FeederLimit, PlanInput, Vehicles, equal_segments, plan_day
from csms.market.robust import robust_schedule
from csms.market.stackelberg import Followers, best_price, profit_curve

seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds, n=st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_no_price_on_a_fine_grid_beats_the_answer(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    followers = Followers(
        rng.uniform(0.1, 1.0, n), rng.uniform(0.01, 0.2, n),
        -rng.choice([0.0, 3.0], n), rng.uniform(0.5, 8.0, n),
    )  # fmt: skip
    wholesale = float(rng.uniform(0.0, 0.5))
    answer = best_price(followers, wholesale, floor=0.0, cap=2.0)
    curve = profit_curve(followers, wholesale, np.linspace(0.0, 2.0, 1501))
    assert answer.profit >= curve.profit.max() - 1e-9 * max(1.0, abs(answer.profit))


@given(seed=seeds)
@settings(max_examples=25, deadline=None)
def test_plan_keeps_every_limit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, t = 6, 24
    arrive = rng.integers(0, 16, n)
    depart = np.minimum(arrive + rng.integers(1, 12, n), t)
    capacity = rng.uniform(30e3, 80e3, n)
    energy = capacity * rng.uniform(0.05, 0.9, n)
    vehicles = Vehicles(
        arrive, depart, energy, capacity * rng.uniform(0.3, 1.0, n), capacity, 0.2 * capacity,
        np.full(n, 11e3), rng.choice([0.0, 11e3], n),
    )  # fmt: skip
    spot = rng.normal(0.1, 0.08, t)
    limit = FeederLimit("feeder", np.ones(n), np.full(t, 20e3), np.full(t, -15e3))
    given_ = PlanInput(
        vehicles, 1.0, spot + 0.03, spot, equal_segments([0.01, 0.03, 0.05]), (limit,)
    )
    plan = plan_day(given_)
    total = plan.power_w.sum(axis=0)
    assert total.max() <= 20e3 + 1e-3
    assert total.min() >= -15e3 - 1e-3
    away = (np.arange(t) < arrive[:, None]) | (np.arange(t) >= depart[:, None])
    assert np.abs(plan.power_w[away]).max(initial=0.0) == 0.0
    assert (plan.energy_end_wh <= capacity + 1.0).all()
    short = {s.vehicle for s in plan.shortfalls}
    for i in set(range(n)) - short:
        assert plan.energy_end_wh[i] >= min(vehicles.target_wh[i], capacity[i]) - 2.0


@given(seed=seeds, kappa=st.floats(0.0, 4.0))
@settings(max_examples=25, deadline=None)
def test_no_price_in_the_ellipsoid_costs_more_than_promised(seed: int, kappa: float) -> None:
    rng = np.random.default_rng(seed)
    n = 8
    price, factor = rng.uniform(0.05, 0.3, n), 0.03 * rng.normal(size=(n, n))
    plan = robust_schedule(
        price, factor, kappa=kappa, energy=6.0, lower=np.zeros(n), upper=np.full(n, 2.0)
    )
    z = rng.normal(size=(500, n))
    z *= kappa / np.linalg.norm(z, axis=1, keepdims=True)
    assert ((price + z @ factor.T) @ plan.schedule).max() <= plan.cost + 1e-7
    assert plan.price_of_robustness >= -1e-6
