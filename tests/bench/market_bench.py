"""Stackelberg price of 100,000 followers; day-ahead plan of 1,000 vehicles x 96 quarter hours.

Run: python -m tests.bench.market_bench
"""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np

from csms.battery.wear import segment_costs
from csms.market.day_ahead import FeederLimit, PlanInput, Vehicles, equal_segments, plan_day
from csms.market.stackelberg import Followers, best_price


def stackelberg(n: int = 100_000) -> dict[str, float]:
    rng = np.random.default_rng(0)
    followers = Followers(
        rng.uniform(0.1, 1.0, n), rng.uniform(0.01, 0.1, n), -rng.uniform(0.0, 5.0, n),
        rng.uniform(1.0, 10.0, n),
    )  # fmt: skip
    best_price(followers, 0.08)
    wall, cpu = time.perf_counter(), time.process_time()
    best_price(followers, 0.08)
    return {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def day_ahead(n: int = 1000, tight_kw_per_car: float = 1.3) -> dict[str, Any]:
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
    return {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "energy_cost_eur": plan.energy_cost_eur,
        "discharged_kwh": plan.discharged_kwh,
        "short": len(plan.shortfalls),
        "binding": plan.binding,
    }


def run() -> dict[str, Any]:
    """Seconds for each."""
    return {
        "stackelberg 100,000 followers": stackelberg(),
        "day-ahead 1,000 x 96, tight limits": day_ahead(),
        "day-ahead 1,000 x 96, loose limits": day_ahead(tight_kw_per_car=4.0),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2, default=str))
