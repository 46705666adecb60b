"""The live planner on IEEE 33: seconds for a plan that AC power flow confirms, and how long the event loop waited.

Run: python -m tests.bench.planner_bench
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np

from csms.dispatch.planner.needs import Learned, PluggedIn
from csms.dispatch.planner.plan import make_plan, wear_terms
from tests.unit.planner.cars import DEFAULTS, T0, car, guard, outlook, place, told
from tests.unit.planner.sample_day import HOURLY

TICK_S = 0.005


def fleet(n: int) -> list[PluggedIn]:
    """Every other car may feed back; 11 kW each, all over the feeder: more than it bears at once."""
    rng = np.random.default_rng(3)
    cars = []
    for k in range(n):
        needs = told(
            None, float(rng.uniform(5, 40)), soc_frac=0.4, capacity_wh=60e3, max_discharge_w=11e3
        )
        needs = msgspec.structs.replace(
            needs, departure=T0 + timedelta(hours=float(rng.uniform(4, 22)))
        )
        at = place(str(1 + k % 32), 11.0, 11.0 * (k % 2), 6.0)
        cars.append(car(f"C{k:04d}", at, needs=needs, may_discharge=True))
    return cars


async def plan_beside_a_loop(n: int) -> dict[str, Any]:
    """One plan of ``n`` cars over 24 h in a thread, while the event loop ticks."""
    cars = fleet(n)
    watch, wear, ahead = guard(*cars), wear_terms(100.0), outlook(HOURLY, fee=0.05)
    make_plan(ahead, cars[:2], Learned(()), DEFAULTS, wear, watch)  # compiles
    lag: list[float] = []

    async def tick() -> None:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(TICK_S)
            lag.append(time.perf_counter() - begun - TICK_S)

    ticking = asyncio.create_task(tick())
    wall, cpu = time.perf_counter(), time.process_time()
    plan = await asyncio.to_thread(make_plan, ahead, cars, Learned(()), DEFAULTS, wear, watch)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    ticking.cancel()
    return {
        "wall_s": wall,
        "cpu_s": cpu,
        "loop_lag_max_ms": max(lag) * 1e3,
        "loop_lag_p99_ms": float(np.quantile(lag, 0.99)) * 1e3,
        "binding": plan.binding,
        "short": plan.summary.shortfalls,
    }


def run(cars: Sequence[int] = (200, 1_000)) -> dict[str, Any]:
    return {f"{n} cars x 96": asyncio.run(plan_beside_a_loop(n)) for n in cars}


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
