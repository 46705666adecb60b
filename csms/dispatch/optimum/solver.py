"""The dispatch problem on a radial feeder, and its solver.

Wishes ``desired_w`` (clipped to ``[lo_w, hi_w]`` first) are approached by weighted least squares while every
bus voltage, branch current and transformer stays inside its limit in the linear model:

    minimise sum_i w_i / 2 (x_i - d_i)^2   subject to   lo <= x <= hi,
    v_min^2 <= u_free - H x <= v_max^2  per bus and phase,   -flow_out <= f_free + S x <= flow_in  per branch

Powers split equally over an EVSE's phases, at unity power factor. Where not everything can be met, violations
are as small as the EVSEs can make them and are reported. A higher ``priority`` is curtailed only when the
lower ones are (a thousand times dearer a level). Pure: arrays in, arrays out; a warm start is passed along.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from csms.dispatch.optimum import _dual_newton as kernel
from csms.grid.lindistflow import LinearModel, linear_model, sweep
from csms.grid.network import S_BASE_VA, Feeder, FloatArray, IntArray

PRIORITY_RATIO = 1.0e3
MAX_PRIORITY = 3
ALL_PHASES = -1
MAX_REPORTED = 64
_FIRST_CAPACITY = 16
_LOOSE = 1.0e-8  # pu, so that a loosened limit is met in floating point
_MAX_ROUNDS = 500
_CAP_RATIO = 1.0e6  # how much dearer than any EVSE's wish a violated limit is


class LimitKind(IntEnum):
    """Which limit holds an EVSE away from its wish."""

    NONE = 0
    VOLTAGE_LOW = kernel.V_LOW
    VOLTAGE_HIGH = kernel.V_HIGH
    FLOW_IN = kernel.FLOW_IN  # away from the source: load
    FLOW_OUT = kernel.FLOW_OUT  # towards the source: generation


class DispatchError(ValueError):
    """Input that is not a dispatch problem."""


class DispatchNotSolvedError(ArithmeticError):
    """The solver gave up; carries what it reached."""

    def __init__(self, rounds: int, kkt_error: float):
        self.rounds, self.kkt_error = rounds, kkt_error
        super().__init__(f"dispatch not solved after {rounds} rounds, KKT error {kkt_error:.3g} pu")


@dataclass(frozen=True, slots=True, eq=False)
class LinearState:
    """What the linear model says with every EVSE at 0 W, biases included; per unit, m = 1 or 3 phases."""

    u_free: FloatArray  # (n, m) squared voltage
    flow_free: FloatArray  # (n, m + 1) branch power, last column the sum of the phases
    flow_in: FloatArray  # (n, m + 1) limits >= 0, inf where none
    flow_out: FloatArray  # (n, m + 1)
    u_span: FloatArray | float = (
        0.0  # (n, m) how far above ``u_free`` the squared voltage may come, >= 0
    )


@dataclass(frozen=True, slots=True, eq=False)
class WarmStart:
    """The rows that bound and their multipliers."""

    kind: NDArray[np.int64]
    bus: NDArray[np.int64]
    phase: NDArray[np.int64]
    multiplier: FloatArray


@dataclass(frozen=True, slots=True)
class Violation:
    """A limit that no admissible setpoint meets."""

    kind: LimitKind
    bus: int
    phase: int  # ALL_PHASES for a transformer's total, 0 for a balanced feeder
    excess: float  # squared pu voltage, or pu power of one phase


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The optimum of the linear problem."""

    setpoint_w: FloatArray  # (N,)
    u: FloatArray  # (n, m) predicted squared voltage
    row_kind: NDArray[np.int64]  # (K,) the rows that bind
    row_bus: NDArray[np.int64]  # (K,)
    row_phase: NDArray[np.int64]  # (K,)
    multiplier: FloatArray  # (K,)
    binding: NDArray[np.int64]  # (N,) index into the rows, -1 where the wish is met
    price: FloatArray  # (N,) positive where less consumption relieves the limits that bind
    violations: tuple[Violation, ...]
    rounds: int
    newton_steps: int
    kkt_error: float

    @property
    def warm(self) -> WarmStart:
        return WarmStart(self.row_kind, self.row_bus, self.row_phase, self.multiplier)


class DispatchSolver:
    """Holds what does not change from second to second: the feeder's linear model and where each EVSE stands.

    ``bus`` (N,) indices; ``phases`` (N, 3) bool, None where every EVSE is three-phase. On a balanced feeder with
    three-phase EVSEs one phase stands for all (m = 1), else m = 3. Raises :class:`DispatchError`.
    """

    def __init__(
        self,
        feeder: Feeder,
        bus: ArrayLike,
        phases: ArrayLike | None = None,
        *,
        balanced: bool | None = None,
    ):
        self.feeder = feeder
        self.bus = np.ascontiguousarray(bus, np.int32)
        count = len(self.bus)
        on = np.ones((count, 3), bool) if phases is None else np.ascontiguousarray(phases, bool)
        if self.bus.ndim != 1 or on.shape != (count, 3):
            raise DispatchError(
                f"bus must be (N,) and phases (N, 3), got {self.bus.shape} and {on.shape}"
            )
        if count and (self.bus.min() < 0 or self.bus.max() >= feeder.n_bus):
            raise DispatchError(f"EVSE at a bus outside 0 .. {feeder.n_bus - 1}")
        missing = np.flatnonzero(
            ~on.any(axis=1) | np.any(on & ~feeder.phase_mask[self.bus], axis=1)
        )
        if missing.size:
            raise DispatchError(
                f"EVSE {missing[0]} at bus {feeder.bus_names[self.bus[missing[0]]]!r}: phases not there"
            )
        one = bool(feeder.balanced and on.all()) if balanced is None else balanced
        if one and not (feeder.symmetric and on.all()):
            raise DispatchError(
                "the balanced equivalent needs a symmetric feeder and three-phase EVSEs"
            )
        self.model: LinearModel = linear_model(feeder, balanced=one)
        self.phases = on
        share = on / on.sum(axis=1, keepdims=True)
        self.share = np.ascontiguousarray(share[:, : self.model.m])  # (N, m)

    @property
    def m(self) -> int:
        return self.model.m

    def load_w(self, setpoint_w: FloatArray) -> FloatArray:
        """Setpoints (N,) as bus loads: (n,) totals where m = 1, (n, 3) where m = 3."""
        n = self.feeder.n_bus
        if self.m == 1:
            return np.bincount(self.bus, setpoint_w, n).astype(np.float64)
        parts = [np.bincount(self.bus, self.share[:, f] * setpoint_w, n) for f in range(3)]
        return np.ascontiguousarray(np.stack(parts, axis=1))

    def rows(self, solution: Solution) -> FloatArray:
        """(K, N) answer of each limit that binds to the power of each EVSE, per unit of its row per W."""
        return self.answers(solution.warm)

    def answers(self, which: WarmStart) -> FloatArray:
        """(K, N) the same of any rows."""
        model, out = self.model, np.empty((len(which.kind), len(self.bus)))
        row = np.empty((self.feeder.n_bus, model.m))
        for k, where in enumerate(zip(which.kind, which.bus, which.phase, strict=True)):
            kernel.form_row(model.parent, model.r, model.gain, *where, row)
            out[k] = np.einsum("ef,ef->e", self.share, row[self.bus]) / S_BASE_VA
        return out

    def solve(
        self,
        lo_w: FloatArray,
        hi_w: FloatArray,
        desired_w: FloatArray,
        state: LinearState,
        *,
        v_min_pu: float | FloatArray,
        v_max_pu: float | FloatArray,
        weight: FloatArray | None = None,
        priority: IntArray | None = None,
        warm: WarmStart | None = None,
        tolerance_pu: float = 1.0e-9,
    ) -> Solution:
        """The optimum. Raises :class:`DispatchError` for bad input, :class:`DispatchNotSolvedError` never silently."""
        lo, hi, d, winv = self._checked(lo_w, hi_w, desired_w, weight, priority)
        limits = self._limits(state, v_min_pu, v_max_pu)
        problem = (lo, hi, d, winv)
        answer = self._run(problem, state, limits, warm, tolerance_pu, stop_at_cap=True)
        if answer is None:  # nothing admissible meets every limit: loosen them to what can be met
            loose = self._loosened(lo, hi, state, limits)
            answer = self._run(problem, state, loose, None, tolerance_pu, stop_at_cap=False)
        assert answer is not None
        rows, x, u, flow, rounds, steps, error = answer
        binding, price = self._blame(rows, x, d)
        u += state.u_free
        flow = np.concatenate([flow, flow.sum(axis=1, keepdims=True)], axis=1) + state.flow_free
        violations = _violations(limits, u, flow, self.model.mask, 100.0 * tolerance_pu)
        u[~self.model.mask] = np.nan
        return Solution(
            setpoint_w=x * S_BASE_VA, u=u, row_kind=rows.kind, row_bus=rows.bus, row_phase=rows.phase,
            multiplier=rows.multiplier, binding=binding, price=price, violations=violations,
            rounds=rounds, newton_steps=steps, kkt_error=error,
        )  # fmt: skip

    def broken_at(
        self, setpoint_w: FloatArray, state: LinearState, *, v_min_pu: float | FloatArray,
        v_max_pu: float | FloatArray, tolerance_pu: float = 1.0e-9,
    ) -> WarmStart:  # fmt: skip
        """The limits that setpoints (N,) break in the linear model, the worst of each kind and phase, and by how much
        (in place of multipliers)."""
        u, flow = self._at(setpoint_w / S_BASE_VA, state)
        worst: dict[tuple[LimitKind, int], Violation] = {}
        limits = self._limits(state, v_min_pu, v_max_pu)
        for found in _violations(limits, u, flow, self.model.mask, tolerance_pu):
            worst.setdefault((found.kind, found.phase), found)
        phase = [self.m if v.phase == ALL_PHASES else v.phase for v in worst.values()]
        return WarmStart(
            np.array([v.kind for v in worst.values()], np.int64),
            np.array([v.bus for v in worst.values()], np.int64),
            np.array(phase, np.int64),
            np.array([v.excess for v in worst.values()], np.float64),
        )

    def explained(
        self, start: Solution, rows: WarmStart, setpoint_w: FloatArray, desired_w: FloatArray, state: LinearState
    ) -> Solution:  # fmt: skip
        """``start`` with other setpoints (N,), found elsewhere, and the rows that hold them."""
        u, _ = self._at(setpoint_w / S_BASE_VA, state)
        u[~self.model.mask] = np.nan
        held = rows.multiplier > 0.0
        rows = WarmStart(rows.kind[held], rows.bus[held], rows.phase[held], rows.multiplier[held])
        binding, price = self._blame(rows, setpoint_w / S_BASE_VA, desired_w / S_BASE_VA)
        return replace(
            start, setpoint_w=setpoint_w, u=u, row_kind=rows.kind, row_bus=rows.bus, row_phase=rows.phase,
            multiplier=rows.multiplier, binding=binding, price=price,
        )  # fmt: skip

    def _blame(
        self, rows: WarmStart, x: FloatArray, d: FloatArray
    ) -> tuple[NDArray[np.int64], FloatArray]:
        binding, price = np.full(len(x), -1, np.int64), np.zeros(len(x))
        model = self.model
        kernel.blame(
            model.parent, model.r, model.gain, rows.kind, rows.bus, rows.phase, rows.multiplier,
            self.bus, self.share, x, d, 1.0 / S_BASE_VA, binding, price,
        )  # fmt: skip
        return binding, price

    def _limits(
        self, state: LinearState, v_min_pu: float | FloatArray, v_max_pu: float | FloatArray
    ) -> _Limits:
        shape = (self.feeder.n_bus, self.m)
        u_lo = np.array(np.broadcast_to(np.reshape(np.square(v_min_pu), (-1, 1)), shape), float)
        u_hi = np.array(np.broadcast_to(np.reshape(np.square(v_max_pu), (-1, 1)), shape), float)
        if not np.all(u_lo < u_hi):
            raise DispatchError("v_min_pu must be below v_max_pu")
        u_hi = np.maximum(u_hi - state.u_span, u_lo + _LOOSE)  # the lower limit goes first
        return _Limits(u_lo, u_hi, state.flow_in, state.flow_out)

    def _run(
        self, problem: tuple[FloatArray, ...], state: LinearState, limits: _Limits, warm: WarmStart | None,
        tolerance: float, *, stop_at_cap: bool,
    ) -> tuple[WarmStart, FloatArray, FloatArray, FloatArray, int, int, float] | None:  # fmt: skip
        """The kernel, with more room for rows where it needs it; None where a limit cannot be met."""
        model, n = self.model, self.feeder.n_bus
        limited = np.flatnonzero(
            np.isfinite(np.minimum(limits.flow_in, limits.flow_out)).any(axis=1)
        )
        x, u, flow = np.empty(len(self.bus)), np.empty((n, model.m)), np.empty((n, model.m))
        capacity = max(_FIRST_CAPACITY, 2 * len(warm.kind) if warm else 0)
        while True:
            rows = _Rows(capacity, warm)
            status, used, rounds, steps, error = kernel.solve(  # type: ignore[call-arg]
                model.parent, model.r, model.gain, model.mask, self.bus, self.share, *problem,
                state.u_free, limits.u_lo, limits.u_hi, limited[limited > 0], state.flow_free,
                limits.flow_in, limits.flow_out, _CAP_RATIO, stop_at_cap,
                rows.kind, rows.bus, rows.phase, rows.lam, rows.count, _MAX_ROUNDS, tolerance, tolerance, x, u, flow,
            )  # fmt: skip
            if status != kernel.TOO_MANY_ROWS:
                break
            warm = rows.take(used)
            capacity *= 2
        if status == kernel.AT_CAP:
            return None
        if status != kernel.OPTIMAL:
            raise DispatchNotSolvedError(rounds, error)
        return rows.take(used), x, u, flow, rounds, steps, error

    def _loosened(
        self, lo: FloatArray, hi: FloatArray, state: LinearState, limits: _Limits
    ) -> _Limits:
        """Each limit no tighter than what all EVSEs at their minimum (maximum) achieve."""
        u_low, flow_low = self._at(lo, state)
        u_high, flow_high = self._at(hi, state)
        return _Limits(
            np.minimum(limits.u_lo, u_low - _LOOSE), np.maximum(limits.u_hi, u_high + _LOOSE),
            np.maximum(limits.flow_in, flow_low + _LOOSE), np.maximum(limits.flow_out, -flow_high + _LOOSE),
        )  # fmt: skip

    def _at(self, x: FloatArray, state: LinearState) -> tuple[FloatArray, FloatArray]:
        load = np.stack(
            [np.bincount(self.bus, self.share[:, f] * x, self.feeder.n_bus) for f in range(self.m)],
            axis=1,
        )
        u, flow, _ = sweep(self.model, np.ascontiguousarray(load), np.zeros_like(load))
        no_load, _, _ = sweep(self.model, np.zeros_like(load), np.zeros_like(load))
        flow = np.concatenate([flow, flow.sum(axis=1, keepdims=True)], axis=1)
        return u - no_load + state.u_free, flow + state.flow_free

    def _checked(
        self,
        lo_w: FloatArray,
        hi_w: FloatArray,
        desired_w: FloatArray,
        weight: FloatArray | None,
        priority: IntArray | None,
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        count = len(self.bus)
        w = np.ones(count) if weight is None else np.asarray(weight, float)
        for name, value in (
            ("lo_w", lo_w),
            ("hi_w", hi_w),
            ("desired_w", desired_w),
            ("weight", w),
        ):
            if np.shape(value) != (count,) or not np.isfinite(value).all():
                raise DispatchError(
                    f"{name} must be finite with shape ({count},), got {np.shape(value)}"
                )
        crossed = np.flatnonzero(np.asarray(lo_w) > np.asarray(hi_w))
        if crossed.size:
            raise DispatchError(
                f"EVSE {crossed[0]}: lo_w {lo_w[crossed[0]]} is above hi_w {hi_w[crossed[0]]}"
            )
        if count and w.min() <= 0.0:
            raise DispatchError("weight must be positive")
        if priority is not None:
            level = np.asarray(priority)
            if level.shape != (count,) or (
                count and (level.min() < 0 or level.max() > MAX_PRIORITY)
            ):
                raise DispatchError(f"priority must be 0 .. {MAX_PRIORITY} with shape ({count},)")
            if level.any():
                w = w * PRIORITY_RATIO**level
        lo, hi = np.asarray(lo_w, float) / S_BASE_VA, np.asarray(hi_w, float) / S_BASE_VA
        d = np.clip(np.asarray(desired_w, float) / S_BASE_VA, lo, hi)
        return lo, hi, d, 1.0 / w


@dataclass(frozen=True, slots=True, eq=False)
class _Limits:
    u_lo: FloatArray  # (n, m)
    u_hi: FloatArray
    flow_in: FloatArray  # (n, m + 1)
    flow_out: FloatArray


def _violations(
    limits: _Limits, u: FloatArray, flow: FloatArray, mask: NDArray[np.bool_], tolerance: float
) -> tuple[Violation, ...]:
    """The worst breaches, largest first, at most ``MAX_REPORTED``."""
    m = u.shape[1]
    found = []
    for kind, excess in (
        (LimitKind.VOLTAGE_LOW, np.where(mask, limits.u_lo - u, -np.inf)),
        (LimitKind.VOLTAGE_HIGH, np.where(mask, u - limits.u_hi, -np.inf)),
        (LimitKind.FLOW_IN, flow - limits.flow_in),
        (LimitKind.FLOW_OUT, -flow - limits.flow_out),
    ):
        excess[0] = -np.inf  # the source has no branch and no choice
        if excess.max() <= tolerance:
            continue
        for i, f in np.argwhere(excess > tolerance):
            found.append(
                Violation(kind, int(i), ALL_PHASES if f == m else int(f), float(excess[i, f]))
            )
    found.sort(key=lambda violation: -violation.excess)
    return tuple(found[:MAX_REPORTED])


class _Rows:
    """Growable row storage handed to the kernel."""

    def __init__(self, capacity: int, warm: WarmStart | None):
        self.kind = np.zeros(capacity, np.int64)
        self.bus = np.zeros(capacity, np.int64)
        self.phase = np.zeros(capacity, np.int64)
        self.lam = np.zeros(capacity)
        self.count = 0
        if warm is not None:
            self.count = k = len(warm.kind)
            self.kind[:k], self.bus[:k], self.phase[:k] = warm.kind, warm.bus, warm.phase
            self.lam[:k] = warm.multiplier

    def take(self, count: int) -> WarmStart:
        return WarmStart(
            self.kind[:count].copy(),
            self.bus[:count].copy(),
            self.phase[:count].copy(),
            self.lam[:count].copy(),
        )
