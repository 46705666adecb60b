"""The feeder's limits as rows of the day-ahead program, found by the dispatcher that later enforces them. Pure.

A plan is tried quarter hour by quarter hour by AC power flow. Where it breaks a limit, the dispatcher of the 1-s loop
says what the feeder bears and which limit holds; that limit becomes a row of the program, which then plans again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from csms.dispatch.optimum.ac_check import AcCheck, Limits, Trial
from csms.dispatch.optimum.corrected import Dispatcher, Requests
from csms.dispatch.optimum.safe_power import base_loads
from csms.dispatch.optimum.solver import LimitKind
from csms.dispatch.sight.places import minimum_w
from csms.domain.fleet import EvsePlace
from csms.grid.network import Feeder, FloatArray
from csms.ids import EvseKey
from csms.market.day_ahead import FeederLimit

Row = tuple[int, int, int]
"""Kind, bus and phase of a limit."""


class FeederGuard:
    """One feeder with all its EVSEs. Keeps the solver's warm start between calls: not to be shared by threads."""

    def __init__(self, dispatcher: Dispatcher, places: Mapping[EvseKey, EvsePlace]) -> None:
        self.keys = tuple(places)
        self.feeder: Feeder = dispatcher.feeder
        self._dispatcher = dispatcher
        self._limits: Limits = dispatcher.limits
        self._least_w = np.array([minimum_w(place) for place in places.values()])
        self._p_w, self._q_var = base_loads(dispatcher)
        self.static_w = float(self._p_w.sum())

    def breaks(
        self, power_w: FloatArray, base_w: FloatArray
    ) -> tuple[FloatArray, dict[str, FeederLimit]]:
        """What the feeder bears of ``power_w`` (N, T), and the limits that it would break, by name.

        ``base_w`` (T,): what the feeder carries besides the EVSEs; shared among the buses as the feeder file has it.
        """
        borne = power_w.copy()
        trials: list[Trial] = []
        rows: dict[Row, FloatArray] = {}
        bounds: dict[Row, FloatArray] = {}
        n_t = power_w.shape[1]
        for t in range(n_t):
            x, p_w = power_w[:, t], self._base(base_w[t])
            trial = AcCheck(self._dispatcher.solver, self._limits, p_w, self._q_var)(x)
            trials.append(trial)
            if trial.breach <= 0.0:
                continue
            step = self._dispatcher.step(p_w, self._q_var, self._requests(x))
            borne[:, t] = step.setpoint_w
            answer = self._dispatcher.solver.rows(step.solution)
            solution = step.solution
            for k, row in enumerate(
                zip(
                    solution.row_kind.tolist(), solution.row_bus.tolist(),
                    solution.row_phase.tolist(), strict=True,
                )
            ):  # fmt: skip
                rows[row] = answer[k]
                bound = bounds.setdefault(row, np.full(n_t, np.inf))
                bound[t] = answer[k] @ step.setpoint_w
        named = {}
        for row, weights in rows.items():
            bound = self._elsewhere(row, weights, bounds[row], power_w, trials)
            scale = float(np.abs(weights).max())
            name = f"{LimitKind(row[0]).name.lower()} {self.feeder.bus_names[row[1]]}"
            if self._dispatcher.solver.m > 1 and row[2] in range(3):
                name = f"{name} phase {'abc'[row[2]]}"
            named[name] = FeederLimit(
                name, weights / scale, np.maximum(bound / scale, 0.0), np.full(n_t, -np.inf)
            )
        return borne, named

    def _elsewhere(
        self,
        row: Row,
        weights: FloatArray,
        bound: FloatArray,
        power_w: FloatArray,
        trials: Sequence[Trial],
    ) -> FloatArray:
        """A voltage's bound where it does not bind yet too, so that energy moved there does not break it next."""
        kind, bus, phase = row
        if kind not in (LimitKind.VOLTAGE_LOW, LimitKind.VOLTAGE_HIGH):
            return bound
        margin = self._limits.margin_pu
        low = float(np.broadcast_to(self._limits.v_min_pu, self.feeder.n_bus)[bus]) + margin
        high = float(np.broadcast_to(self._limits.v_max_pu, self.feeder.n_bus)[bus]) - margin
        out = bound.copy()
        for t, trial in enumerate(trials):
            if np.isfinite(bound[t]) or trial.pf is None:
                continue
            u = float(trial.u[bus, phase])
            room = u - low**2 if kind == LimitKind.VOLTAGE_LOW else high**2 - u
            out[t] = weights @ power_w[:, t] + room
        return out

    def _base(self, base_w: float) -> FloatArray:
        if abs(self.static_w) < 1.0:
            return self._p_w
        return self._p_w * (base_w / self.static_w)

    def _requests(self, x: FloatArray) -> Requests:
        return Requests(
            np.minimum(x, 0.0), np.maximum(x, 0.0), x, np.zeros_like(x), self._least_w * (x > 0.0)
        )


def merged(
    known: Mapping[str, FeederLimit], found: Mapping[str, FeederLimit]
) -> dict[str, FeederLimit]:
    """Limits of several trials: of one found again the later row holds, within the tighter of both bounds."""
    out = dict(known)
    for name, limit in found.items():
        before = known.get(name)
        bound = limit.max_w if before is None else np.minimum(limit.max_w, before.max_w)
        out[name] = FeederLimit(name, limit.weights, bound, limit.min_w)
    return out
