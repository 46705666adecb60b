"""Stackelberg price of 100,000 followers; day-ahead plan of 1,000 vehicles x 96 quarter hours.

Run: python -m tests.bench.market_bench
"""

from __future__ import annotations

import time

import numpy as np

from csms.battery.wear import segment_costs
from csms.market.day_ahead import FeederLimit, PlanInput, Vehicles, equal_segments, plan_day
from csms.market.stackelberg import Followers, best_price


def stackelberg(n: int = 100_000) -> None:
    rng = np.random.default_rng(0)
    followers = Followers(
        rng.uniform(0.1, 1.0, n), rng.uniform(0.01, 0.1, n), -rng.uniform(0.0, 5.0, n),
        rng.uniform(1.0, 10.0, n),
    )  # fmt: skip
    best_price(followers, 0.08)
    wall, cpu = time.perf_counter(), time.process_time()
    best_price(followers, 0.08)
    print(
        f"stackelberg, {n} followers: {time.perf_counter() - wall:.3f} s"
        f" (CPU {time.process_time() - cpu:.3f} s)"
    )


def day_ahead(n: int = 1000, tight_kw_per_car: float = 1.3) -> None:
    """All able to discharge, one transformer and five feeders."""
    rng, t = np.random.default_rng(1), 96
    arrive = np.clip(rng.normal(22, 10, n).round().astype(np.int64), 0, 70)
    depart = np.minimum(arrive + rng.integers(12, 70, n), t)
    capacity = rng.choice([50e3, 60e3, 77e3], n)
    energy = capacity * rng.uniform(0.2, 0.6, n)
    target = np.minimum(energy + rng.uniform(5e3, 35e3, n), capacity)
    rating = np.full(n, 11e3)
    vehicles = Vehicles(arrive, depart, energy, target, capacity, 0.2 * capacity, rating, rating)
    spot = 0.08 + 0.06 * np.sin(2 * np.pi * (np.arange(t) / t - 0.1)) + 0.01 * rng.normal(size=t)
    whole = n * tight_kw_per_car * 1e3
    limits = [FeederLimit("transformer", np.ones(n), np.full(t, whole), np.full(t, -whole))]
    limits += [
        FeederLimit(
            f"feeder {k}", (np.arange(n) % 5 == k) * 1.0,
            np.full(t, 0.23 * whole), np.full(t, -0.3 * whole),
        )
        for k in range(5)
    ]  # fmt: skip
    given = PlanInput(
        vehicles, 0.25, spot + 0.03, spot, equal_segments(segment_costs(5).tolist()), tuple(limits)
    )
    wall, cpu = time.perf_counter(), time.process_time()
    plan = plan_day(given)
    print(
        f"day-ahead, {n} x {t}, {tight_kw_per_car} kW per car: {time.perf_counter() - wall:.1f} s"
        f" (CPU {time.process_time() - cpu:.1f} s), {plan.energy_cost_eur:.0f} EUR, discharged"
        f" {plan.discharged_kwh:.0f} kWh, {len(plan.shortfalls)} short, binding {plan.binding}"
    )


if __name__ == "__main__":
    stackelberg()
    day_ahead()
    day_ahead(tight_kw_per_car=4.0)
