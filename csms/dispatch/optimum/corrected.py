"""One dispatch step: AC state, bias, optimum, AC check, rounding, AC check again.

The linear model is exact in nothing but direction, so its offset to the AC solution (and to what was measured) is
taken as a bias at the last vector tried, and the optimum is sought again. Only a vector that passes the AC check
leaves this module while a feasible one is known; see :class:`Dispatch`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from csms.dispatch.optimum.ac_check import AcCheck, Limits, Trial
from csms.dispatch.optimum.droop_band import DroopBand
from csms.dispatch.optimum.rounding import choose_on, refill, round_setpoints
from csms.dispatch.optimum.solver import (
    DispatchError,
    DispatchSolver,
    LimitKind,
    Solution,
    WarmStart,
)
from csms.grid.lindistflow import adjoint
from csms.grid.network import S_BASE_VA, ComplexArray, Feeder, FloatArray, IntArray
from csms.grid.power_flow import PowerFlow

__all__ = ["Dispatch", "Dispatcher", "Fairness", "Limits", "Requests"]

_SCALE_TRIES = 8
_FLOW_SLACK = 1.0e-3  # of a thermal limit, left unused without another round
_REFILL_SHARES = (1.0, 0.9, 0.6)


class Fairness(StrEnum):
    """How what the feeder cannot bear is shared out."""

    PROPORTIONAL = "proportional"
    """Least squares: most is taken where a kilowatt hurts most."""
    MAX_MIN = "max-min"
    """The least served get as large a share of their wish as can be (:mod:`csms.dispatch.optimum.max_min`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Requests:
    """What each of N EVSEs may and wants to do; W, positive into the vehicle."""

    lo_w: FloatArray
    hi_w: FloatArray
    desired_w: FloatArray
    step_w: FloatArray  # 0: continuous
    min_w: FloatArray  # smallest magnitude other than 0
    weight: FloatArray | None = None
    priority: IntArray | None = None  # 0 .. 3, higher is curtailed later

    @staticmethod
    def simple(lo_w: ArrayLike, hi_w: ArrayLike, desired_w: ArrayLike) -> Requests:
        """Continuous setpoints without a minimum."""
        lo, hi, desired = (np.asarray(value, np.float64) for value in (lo_w, hi_w, desired_w))
        return Requests(lo, hi, desired, np.zeros_like(lo), np.zeros_like(lo))


@dataclass(frozen=True, slots=True, eq=False)
class Dispatch:
    """What to send, and why."""

    setpoint_w: FloatArray  # (N,)
    v_pu: FloatArray  # (n, m) predicted magnitudes for the setpoints, m = 1 (balanced) or 3
    feasible: bool  # whether the AC check passed
    breach_pu: (
        float  # worst breach of a voltage or loading limit in the AC check, <= 0 when feasible
    )
    binding_kind: NDArray[
        np.int64
    ]  # (N,) LimitKind of what holds the EVSE back, NONE where its wish is met
    binding_bus: NDArray[np.int64]  # (N,) bus index, -1 where none
    binding_phase: NDArray[np.int64]  # (N,) phase, -1 for a transformer's total or none
    curtailed_w: FloatArray  # (N,) wish within bounds minus setpoint
    price: FloatArray  # (N,) marginal, positive where less consumption relieves
    solution: Solution  # the last linear optimum
    rounds: int
    ac: PowerFlow
    warm: WarmStart = field(repr=False)
    droop_share: float = (
        1.0  # of the full response of chargers with droop that is within the limits too
    )


class Dispatcher:
    """The dispatch step of one feeder. Keeps warm starts between steps, nothing else.

    ``bus`` (N,) and ``phases`` (N, 3) say where the EVSEs stand; raises :class:`DispatchError`. Max-min fairness
    solves some small linear programs more, 5 to 10 ms.
    """

    def __init__(
        self,
        feeder: Feeder,
        bus: ArrayLike,
        phases: ArrayLike | None = None,
        limits: Limits | None = None,
        *,
        balanced: bool | None = None,
        max_rounds: int = 6,
        fairness: Fairness = Fairness.PROPORTIONAL,
    ):
        self.solver = DispatchSolver(feeder, bus, phases, balanced=balanced)
        self.feeder = feeder
        self.limits = limits or Limits()
        self.max_rounds = max_rounds
        self.fairness = fairness
        self._warm: WarmStart | None = None
        self._start: ComplexArray | None = None  # where the power flow came to last

    def step(
        self,
        base_p_w: FloatArray,
        base_q_var: FloatArray,
        requests: Requests,
        *,
        now_w: FloatArray | None = None,
        safe_w: FloatArray | None = None,
        measured_v_pu: FloatArray | None = None,
        droop: DroopBand | None = None,
    ) -> Dispatch:
        """Setpoints for the next second.

        ``base_p_w``, ``base_q_var``: everything but the EVSEs, (n,) totals where the solver is balanced, else (n, 3).
        ``now_w`` (N,): measured EVSE powers; ``measured_v_pu`` (n, m): measured magnitudes at that moment, NaN where
        there are none: their offset to the model is carried over. ``safe_w`` (N,): known to be safe, default as
        near to 0 as the bounds let. ``droop``: what EVSEs add by themselves; ``now_w`` has it already. Raises
        :class:`DispatchError`, ``PowerFlowDivergedError`` (at ``now_w`` only).
        """
        count = len(self.solver.bus)
        now = np.zeros(count) if now_w is None else np.asarray(now_w, float)
        check = self.checker(base_p_w, base_q_var)
        here = check.measured(now)
        here = check.learn(here, measured_v_pu)
        return self.step_from(check, here, now, requests, safe_w=safe_w, droop=droop)

    def checker(self, base_p_w: FloatArray, base_q_var: FloatArray) -> AcCheck:
        """The AC check for these base loads. Raises :class:`DispatchError`."""
        self._check_base(base_p_w)
        return AcCheck(self.solver, self.limits, base_p_w, base_q_var, start=self._start)

    def step_from(
        self,
        check: AcCheck,
        here: Trial,
        now: FloatArray,
        requests: Requests,
        *,
        safe_w: FloatArray | None = None,
        droop: DroopBand | None = None,
        last_w: FloatArray | None = None,
    ) -> Dispatch:
        """:meth:`step` from a state that was solved before: ``here`` is what ``check`` said of ``now`` (N,) when it had
        learned of it. ``last_w`` (N,): the last orders, NaN without, which are kept where nothing else decides. Leaves
        ``check`` with the share of droop that is held."""
        count = len(self.solver.bus)
        lo, hi = requests.lo_w, requests.hi_w
        safe = np.clip(np.zeros(count) if safe_w is None else safe_w, lo, hi)
        check.begin(droop)
        margin = self.limits.margin_pu

        x, trial, rounds = now, here, 0
        if droop is not None:
            idle = np.clip(np.zeros(count), lo, hi)
            idling = check.secure(idle)
            bare = check(droop.without_droop_w(now))
            if bare.pf is not None:
                x, trial = droop.without_droop_w(now), bare
        solution, x, trial, rounds = self._optimum(check, requests, lo, hi, x, trial, margin)
        lo, hi, solution, x, trial, extra = self._respect_minimum(
            check, requests, lo, hi, solution, x, trial, now
        )
        rounds += extra

        best = _Best()
        for _ in range(self.max_rounds):
            rounds += 1
            y = round_setpoints(x, solution.price, lo, hi, requests.step_w, requests.min_w)
            trial = check(y)
            best.offer(y, trial)
            if trial.breach <= 0.0:
                self._refill(check, requests, solution, x, y, hi, best, last_w)
                break
            if trial.pf is None or solution.violations:
                break
            margin += 1.5 * trial.voltage_breach
            solution = self._solve(check, requests, lo, hi, y, trial, margin)
            x = solution.setpoint_w
        if best.trial.breach > 0.0:
            refuge = check(safe)
            best.offer(safe, refuge)
            if droop is not None and refuge.breach > 0.0:
                best.offer(idle, idling)
            if refuge.breach <= 0.0:
                self._scale_back(check, requests, safe, x, lo, hi, best)
        if best.trial.pf is not None:
            self._start = best.trial.pf.v_pu
        share = 1.0 if check.droop is None else check.droop.share
        return self._report(requests, best, solution, rounds, share)

    def reset(self) -> None:
        """Forgets the warm starts."""
        self._warm = self._start = None

    def _optimum(
        self,
        check: AcCheck,
        requests: Requests,
        lo: FloatArray,
        hi: FloatArray,
        x: FloatArray,
        trial: Trial,
        margin: float,
    ) -> tuple[Solution, FloatArray, Trial, int]:
        """Solve, AC, bias, solve ... until the AC voltages agree with the optimum's."""
        for turn in range(self.max_rounds):  # noqa: B007 - read after the loop
            solution = self._solve(check, requests, lo, hi, x, trial, margin)
            following = check(solution.setpoint_w)
            if (
                following.pf is None
            ):  # beyond what the feeder can carry: approach from the side that converged
                x = 0.5 * (x + solution.setpoint_w)
                trial = check(x)
                if trial.pf is None:
                    raise DispatchError("the power flow collapses near every vector tried")
                continue
            x, trial = solution.setpoint_w, following
            if self._settled(solution, trial):
                break
        return solution, x, trial, turn + 1

    def _settled(self, solution: Solution, trial: Trial) -> bool:
        """Whether the AC solution confirms the optimum: within the limits, and no more than a margin inside them."""
        if not len(solution.row_kind):
            return trial.breach <= 0.0
        if solution.violations:
            return False
        wrong = float(np.nanmax(np.abs(trial.u_low - solution.u)))
        by_flow = np.any(solution.row_kind >= LimitKind.FLOW_IN)
        tight = not by_flow or trial.breach >= -_FLOW_SLACK
        return trial.breach <= 0.0 and wrong <= self.limits.margin_pu and tight

    def _respect_minimum(
        self, check: AcCheck, requests: Requests, lo: FloatArray, hi: FloatArray, solution: Solution,
        x: FloatArray, trial: Trial, now: FloatArray,
    ) -> tuple[FloatArray, FloatArray, Solution, FloatArray, Trial, int]:  # fmt: skip
        """Where the optimum spreads less than the minimum current over many, give it to some of them."""
        between = (x > 0.0) & (x < requests.min_w) & (lo <= 0.0) & (solution.price > 0.0)
        if not between.any():
            return lo, hi, solution, x, trial, 0
        rank = (
            np.zeros(len(x)) if requests.priority is None else np.asarray(requests.priority, float)
        )
        on = choose_on(np.where(between, x, 0.0), requests.min_w, solution.binding, rank, now)
        new_lo = np.where(on, np.minimum(requests.min_w, hi), lo)
        new_hi = np.where(between & ~on, np.maximum(0.0, lo), hi)
        solution, x, trial, rounds = self._optimum(
            check, requests, new_lo, new_hi, x, trial, self.limits.margin_pu
        )
        if solution.violations:  # their minima do not fit: all of them off
            new_lo, new_hi = lo, np.where(between, np.maximum(0.0, lo), hi)
            solution, x, trial, more = self._optimum(
                check, requests, new_lo, new_hi, x, trial, self.limits.margin_pu
            )
            rounds += more
        return new_lo, new_hi, solution, x, trial, rounds

    def _solve(
        self,
        check: AcCheck,
        requests: Requests,
        lo: FloatArray,
        hi: FloatArray,
        x: FloatArray,
        trial: Trial,
        margin: float,
    ) -> Solution:
        state = check.linear_state(x, trial)
        v_min_pu, v_max_pu = self.limits.v_min_pu + margin, self.limits.v_max_pu - margin
        solution = self.solver.solve(
            lo, hi, requests.desired_w, state, v_min_pu=v_min_pu, v_max_pu=v_max_pu,
            weight=requests.weight, priority=requests.priority, warm=self._warm,
        )  # fmt: skip
        self._warm = solution.warm
        if self.fairness is Fairness.MAX_MIN:
            from csms.dispatch.optimum.max_min import fairest  # HiGHS takes a second to import

            return fairest(
                self.solver, solution, lo, hi, requests.desired_w, state,
                v_min_pu=v_min_pu, v_max_pu=v_max_pu, priority=requests.priority,
            )  # fmt: skip
        return solution

    def _refill(
        self,
        check: AcCheck,
        requests: Requests,
        solution: Solution,
        x: FloatArray,
        y: FloatArray,
        hi: FloatArray,
        best: _Best,
        last_w: FloatArray | None,
    ) -> None:
        """Uses the room that rounding left, if the AC check agrees: the last amperes go where they add least losses.

        Under max-min fairness they go by remainder instead: there the shares are the aim.
        """
        if not len(solution.row_kind) or solution.violations:
            return
        rows = self.solver.rows(solution)
        cost = None if self.fairness is Fairness.MAX_MIN else self._loss_ranking(check, y)
        for share in _REFILL_SHARES:
            fuller = refill(
                y + share * (x - y), y, rows, solution.binding, hi, requests.step_w, requests.min_w,
                cost, last_w,
            )  # fmt: skip
            trial = check(fuller)
            if trial.breach <= 0.0:
                best.offer(fuller, trial)
                return

    def _loss_ranking(self, check: AcCheck, y: FloatArray) -> FloatArray:
        """(N,) what a watt more of each EVSE adds to the losses at setpoints ``y``, pu.

        By the linear model, which ranks as AC does, though it is a tenth or two too low."""
        solver, shape = self.solver, (self.feeder.n_bus, self.solver.m)
        load = check.base_p_w + solver.load_w(y)
        per_phase_va = S_BASE_VA * (3.0 if solver.m == 1 else 1.0)
        per_bus, _ = adjoint(solver.model, np.ascontiguousarray(load).reshape(shape) / per_phase_va)
        found: FloatArray = np.einsum("ef,ef->e", solver.share, per_bus[solver.bus])
        return found

    def _scale_back(
        self,
        check: AcCheck,
        requests: Requests,
        safe: FloatArray,
        x: FloatArray,
        lo: FloatArray,
        hi: FloatArray,
        best: _Best,
    ) -> None:
        """Bisects between the safe vector and the wish; whatever passes is offered."""
        low, high = 0.0, 1.0
        price = np.where(x > safe, 1.0, -1.0)
        for _ in range(_SCALE_TRIES):
            share = 0.5 * (low + high)
            y = round_setpoints(
                safe + share * (x - safe), price, lo, hi, requests.step_w, requests.min_w
            )
            trial = check(y)
            best.offer(y, trial)
            if trial.breach <= 0.0:
                low = share
            else:
                high = share

    def _report(
        self, requests: Requests, best: _Best, solution: Solution, rounds: int, droop_share: float
    ) -> Dispatch:
        wish = np.clip(requests.desired_w, requests.lo_w, requests.hi_w)
        curtailed = wish - best.x
        held = np.where(np.abs(curtailed) > 1.0, solution.binding, -1)
        kind = np.append(solution.row_kind, LimitKind.NONE)[held]
        bus = np.append(solution.row_bus, -1)[held]
        phase = np.append(
            np.where(solution.row_phase == self.solver.m, -1, solution.row_phase), -1
        )[held]
        pf = best.trial.pf
        if pf is None:
            raise DispatchError(
                "the power flow collapses at every vector tried, the safe one included"
            )
        return Dispatch(
            setpoint_w=best.x, v_pu=np.sqrt(best.trial.u), feasible=best.trial.breach <= 0.0,
            breach_pu=best.trial.breach, binding_kind=kind, binding_bus=bus, binding_phase=phase,
            curtailed_w=curtailed, price=solution.price, solution=solution, rounds=rounds, ac=pf, warm=solution.warm,
            droop_share=droop_share,
        )  # fmt: skip

    def _check_base(self, base_p_w: FloatArray) -> None:
        want = (self.feeder.n_bus,) if self.solver.m == 1 else (self.feeder.n_bus, 3)
        if np.shape(base_p_w) != want:
            raise DispatchError(f"base loads must have shape {want}, got {np.shape(base_p_w)}")


class _Best:
    """The vector that serves most among the feasible, else the least infeasible."""

    def __init__(self) -> None:
        nothing = np.zeros(0)
        self.x, self.trial = nothing, Trial(None, nothing, np.inf, np.inf, nothing, nothing)

    def offer(self, x: FloatArray, trial: Trial) -> None:
        if trial.breach <= 0.0 or trial.breach < self.trial.breach:
            self.x, self.trial = x, trial
