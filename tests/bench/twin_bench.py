"""CPU of what the 1-s loop adds to dispatch: the state estimate, every fifth cycle, and where the next kW hurts least.

Run: python -m tests.bench.twin_bench
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

from csms.dispatch.belief.twin import EVERY_CYCLES, Twin
from csms.dispatch.next_kw import next_kw
from csms.dispatch.optimum.corrected import Dispatcher, Limits, Requests
from csms.dispatch.optimum.solver import DispatchSolver
from csms.dispatch.sight.meters import VoltMeters
from csms.grid import feeder_file, power_flow
from csms.grid.sensitivity import loss_gradient
from tests.bench.grid_feeders import comb

EVSES = 10_000
NOISE_PU = 0.003
AT = datetime(2026, 1, 1, tzinfo=UTC)


def least_ms(action: Callable[[], object], turns: int = 7) -> float:
    action()
    took = []
    for _ in range(turns):
        begun = time.process_time()
        action()
        took.append(time.process_time() - begun)
    return 1e3 * min(took)


def measure(n: int) -> dict[str, float]:
    feeder = feeder_file.builtin("ieee33") if n == 33 else comb(n, min_v_pu=0.96)
    rng = np.random.default_rng(0)
    p, q = feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)
    bus = rng.integers(1, n, EVSES)
    hi = rng.uniform(0.5, 1.5, EVSES) * 2.7e6 / EVSES
    limits = Limits(0.90 if n == 33 else 0.95, 1.05)
    dispatcher = Dispatcher(feeder, bus, limits=limits)
    step = np.full(EVSES, hi.mean() / 32)
    requests = Requests(np.zeros(EVSES), hi, hi, step, np.zeros(EVSES))
    power = dispatcher.step(p, q, requests).setpoint_w
    solver = DispatchSolver(feeder, bus)
    truth = power_flow.solve(feeder, 0.95 * p + solver.load_w(power), 0.95 * q)
    here = power_flow.solve(feeder, p + solver.load_w(power), q)
    volts = VoltMeters(
        np.arange(EVSES), bus, np.zeros(EVSES, int),
        truth.vm_pu[bus] + NOISE_PU * rng.normal(size=EVSES), np.zeros(EVSES),
    )  # fmt: skip
    twin = Twin(solver, [str(i) for i in range(EVSES)], hi)
    estimate = least_ms(lambda: twin.judge(here, p, q, volts, power, 0.02 * hi, None, AT))
    assert twin.believed is not None
    modelled = here.vm_pu.reshape(n, 1)
    return {
        "estimate_ms": estimate,
        "estimate_per_cycle_ms": estimate / EVERY_CYCLES,
        "judge_readings_ms": least_ms(lambda: twin.measured_v_pu(modelled, volts)),
        "next_kw_ms": least_ms(lambda: next_kw(feeder, here, solver.load_w(power) > 0.0)),
        "loss_per_watt_ms": least_ms(lambda: loss_gradient(feeder, here, tolerance=1e-4)),
        "dispatch_step_ms": least_ms(lambda: dispatcher.step(p, q, requests, now_w=power)),
    }


def run() -> dict[str, dict[str, float]]:
    return {f"{n} buses, {EVSES} EVSEs": measure(n) for n in (33, 1_000, 10_000)}


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
