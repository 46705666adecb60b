"""A random feeder whose plant differs from the dispatcher's model; power-grid-model judges what the plant does."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from csms.dispatch.optimum.corrected import Dispatcher, Limits, Requests
from csms.grid.network import Feeder
from tests.unit.grid.oracles import pgm_voltages, random_feeder

V_MIN, V_MAX = 0.95, 1.05
STEP_W, MIN_W = 230.0, 1380.0


class Case:
    """EVSEs that want too much. Every impedance and every static load of the plant is off by up to ``error``."""

    def __init__(self, seed: int, *, error: float = 0.1):
        self.rng = np.random.default_rng(seed)
        three_phase = bool(self.rng.integers(2))
        self.model = random_feeder(
            self.rng, int(self.rng.integers(15, 40)), three_phase=three_phase, load_w=1e3
        )
        n = self.model.n_bus
        z_error, load_error = self.rng.uniform(1.0 - error, 1.0 + error, (2, n))
        self.plant: Feeder = replace(
            self.model,
            z_ohm=self.model.z_ohm * z_error[:, None, None],
            p_w=self.model.p_w * load_error[:, None],
            q_var=self.model.q_var * load_error[:, None],
        )
        count = int(self.rng.integers(20, 60))
        bus = self.rng.integers(1, n, count)
        phases = self.model.phase_mask[bus] if three_phase else None
        self.dispatcher = Dispatcher(self.model, bus, phases, Limits(V_MIN, V_MAX))
        hi = self.rng.uniform(2e3, 22e3, count)
        lo = -hi * (self.rng.random(count) < 0.3)
        self.wish_w = np.where((lo < 0) & (self.rng.random(count) < 0.3), lo, hi)
        self.requests = Requests(lo, hi, self.wish_w, np.full(count, STEP_W), np.full(count, MIN_W))
        self.start_w = self.rng.uniform(0.0, 1.0, count) * self.wish_w * 0.3

    def base(self, feeder: Feeder) -> tuple[np.ndarray, np.ndarray]:
        """Static loads in the dispatcher's shape."""
        if self.dispatcher.solver.m == 1:
            return feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)
        return feeder.p_w, feeder.q_var

    def voltages(self, setpoint_w: np.ndarray) -> np.ndarray:
        """(n, 3) magnitudes of the plant, NaN where a phase is absent. Raises what power-grid-model raises."""
        load = self.dispatcher.solver.load_w(setpoint_w)
        per_phase = load if load.ndim == 2 else np.repeat(load[:, None] / 3.0, 3, axis=1)
        v = np.abs(pgm_voltages(self.plant, self.plant.p_w + per_phase, self.plant.q_var))
        return np.where(self.model.phase_mask, v, np.nan)

    def breach_pu(self, setpoint_w: np.ndarray) -> float:
        """> 0: the plant breaks a limit; inf where it has no state at all."""
        try:
            v = self.voltages(setpoint_w)
        except Exception:  # noqa: BLE001 - whatever power-grid-model calls a collapse
            return np.inf
        return float(max(V_MIN - np.nanmin(v), np.nanmax(v) - V_MAX))

    def step(self, now_w: np.ndarray) -> np.ndarray:
        """One turn of the loop: meters of the plant in, setpoints out."""
        seen = self.voltages(now_w)[:, : self.dispatcher.solver.m]
        return self.dispatcher.step(
            *self.base(self.model), self.requests, now_w=now_w, measured_v_pu=seen
        ).setpoint_w

    def best_w(self) -> np.ndarray:
        """What a dispatcher that knows the plant would set, without steps of an ampere or least currents."""
        solver = self.dispatcher.solver
        knowing = Dispatcher(self.plant, solver.bus, solver.phases, Limits(V_MIN, V_MAX))
        r = self.requests
        free = Requests.simple(r.lo_w, r.hi_w, r.desired_w)
        return knowing.step(*self.base(self.plant), free).setpoint_w


@dataclass(frozen=True, slots=True)
class Verdict:
    """What many cases came to."""

    cases: int  # those whose plant holds when no EVSE draws
    unsafe_uncontrolled: int
    breaches: dict[int, float]  # seed -> pu
    curtailed: float  # share of all that was wished
    curtailed_at_best: float  # the same for who knows the plant and need not round


def judge(seeds: range, *, error: float = 0.1, steps: int = 2) -> Verdict:
    """The loop from a random start for some steps, then the plant is asked."""
    breaches: dict[int, float] = {}
    cases = unsafe = 0
    wished = curtailed = at_best = 0.0
    for seed in seeds:
        case = Case(seed, error=error)
        if case.breach_pu(np.zeros(len(case.wish_w))) > 0.0:
            continue
        cases += 1
        unsafe += case.breach_pu(case.wish_w) > 0.0
        now_w = case.start_w
        for _ in range(steps):
            now_w = case.step(now_w)
        breach = case.breach_pu(now_w)
        if breach > 0.0:
            breaches[seed] = breach
        wished += float(np.abs(case.wish_w).sum())
        curtailed += float(np.abs(case.wish_w - now_w).sum())
        at_best += float(np.abs(case.wish_w - case.best_w()).sum())
    return Verdict(cases, unsafe, breaches, curtailed / wished, at_best / wished)
