"""AC power flow of a radial feeder by the backward-forward sweep, single and in batch.

Loads are constant power. A power array of shape ``(n,)`` holds three-phase totals and asks for the balanced
solution by the positive-sequence equivalent (exact where :attr:`Feeder.symmetric`); ``(n, 3)`` holds phases.
Batches have the scenario as first axis.

Reference: Shirmohammadi et al., IEEE Trans. Power Systems 3(2), 1988, doi:10.1109/59.192932.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csms.grid import _distflow, _sweep
from csms.grid.network import S_BASE_VA, ComplexArray, Feeder, FloatArray, IntArray

TOLERANCE_PU = 1.0e-8
"""Of the last voltage change; the error left is a tenth of it or less."""
MAX_ITERATIONS = 100
ROTATION = np.exp(-2j * np.pi / 3.0 * np.arange(3))


class PowerFlowDivergedError(ArithmeticError):
    """The sweep found no solution: most often more load than the feeder can carry."""

    def __init__(
        self, feeder: str, residual_pu: float, iterations: int, scenarios: IntArray | None = None
    ):
        self.residual_pu = residual_pu
        self.iterations = iterations
        self.scenarios = scenarios
        where = (
            ""
            if scenarios is None
            else f" in {len(scenarios)} scenarios, first {scenarios[:8].tolist()}"
        )
        super().__init__(
            f"power flow of feeder {feeder!r} did not converge{where}: last voltage change "
            f"{residual_pu:.3g} pu after {iterations} iterations; is the load beyond the feeder's capability?"
        )


@dataclass(frozen=True, slots=True, eq=False)
class PowerFlow:
    """The AC state. Shapes are (n,) for a balanced and (n, 3) for a three-phase solve; absent phases NaN."""

    v_pu: ComplexArray
    i_pu: ComplexArray  # current of branch i into bus i; entry 0: what the source gives
    loss_w: float
    source_va: complex  # of all phases
    iterations: int
    residual_pu: float  # last voltage change
    converged: bool

    @property
    def vm_pu(self) -> FloatArray:
        """Voltage magnitudes, pu; NaN where a phase is absent."""
        return np.abs(self.v_pu)

    @property
    def min_v_pu(self) -> float:
        return float(np.nanmin(self.vm_pu))

    @property
    def max_v_pu(self) -> float:
        return float(np.nanmax(self.vm_pu))

    def current_a(self, feeder: Feeder) -> FloatArray:
        """Branch current magnitudes at the bus side, A."""
        base = S_BASE_VA / feeder.base_v
        return np.abs(self.i_pu) * (base if self.i_pu.ndim == 1 else base[:, None])

    def flow_va(self, feeder: Feeder) -> ComplexArray:
        """Power that enters branch ``i`` at its source side, VA: (n,) total, or (n, 3) per phase."""
        upper = np.maximum(feeder.parent, 0)
        if self.v_pu.ndim == 1:
            return 3.0 * S_BASE_VA * self.v_pu[upper] * np.conj(self.i_pu)
        tap = 1.0 if feeder.tap is None else feeder.tap
        return S_BASE_VA * self.v_pu[upper] * np.conj(tap * self.i_pu)


@dataclass(frozen=True, slots=True, eq=False)
class BatchPowerFlow:
    """States of S scenarios."""

    v_pu: ComplexArray  # (S, n) or (S, n, 3)
    loss_w: FloatArray  # (S,)
    iterations: IntArray  # (S,)
    residual_pu: FloatArray  # (S,) voltage change that one more iteration would bring

    @property
    def converged(self) -> np.ndarray:
        return np.isfinite(self.loss_w)

    @property
    def min_v_pu(self) -> FloatArray:
        """(S,)"""
        magnitude = np.abs(self.v_pu).reshape(len(self.v_pu), -1)
        return np.asarray(np.nanmin(magnitude, axis=1), dtype=np.float64)


def solve(
    feeder: Feeder,
    p_w: FloatArray | None = None,
    q_var: FloatArray | None = None,
    *,
    start: ComplexArray | None = None,
    source_v_pu: float | None = None,
    tolerance_pu: float = TOLERANCE_PU,
    max_iterations: int = MAX_ITERATIONS,
    check: bool = True,
) -> PowerFlow:
    """AC power flow for loads ``p_w``, ``q_var`` (default: the feeder's own, balanced if they are).

    ``start`` is an earlier ``v_pu`` of the same shape. With ``check`` false a diverged solve is returned with
    ``converged`` false instead of raised. Raises :class:`PowerFlowDivergedError` and ``ValueError``.
    """
    p, q, scale = _powers(feeder, p_w, q_var, batch=False)
    p, q = p * scale, q * scale
    v0 = feeder.source_v_pu if source_v_pu is None else source_v_pu
    if p.ndim == 1:
        vr, vi = _start_balanced(feeder, v0, start)
        ir, ii = np.empty_like(vr), np.empty_like(vr)
        r, x = feeder.r1_pu, feeder.x1_pu
        iterations, residual = _sweep.sweep_balanced(
            feeder.parent, r, x, p, q, tolerance_pu, max_iterations, vr, vi, ir, ii
        )
        v, i = _complex(vr, vi), _complex(ir, ii)
        loss = 3.0 * S_BASE_VA * float(np.dot(r, ir * ir + ii * ii))
        source = complex(3.0 * S_BASE_VA * v[0] * np.conj(i[0]))
    else:
        net = three_phase_arrays(feeder)
        v = _start_three_phase(feeder, v0, start)
        vr, vi = np.ascontiguousarray(v.real), np.ascontiguousarray(v.imag)
        ir, ii = np.empty_like(vr), np.empty_like(vr)
        iterations, residual = _sweep.sweep_three_phase(
            feeder.parent, net.zr, net.zi, feeder.phase_mask, net.tap, p, q, net.b, tolerance_pu,
            max_iterations, vr, vi, ir, ii,
        )  # fmt: skip
        v, i = _complex(vr, vi), _complex(ir, ii)
        loss = S_BASE_VA * float(np.einsum("if,ifg,ig->", i.conj(), feeder.z_pu, i).real)
        source = complex(S_BASE_VA * np.sum(v[0] * np.conj(i[0])))
        v[~feeder.phase_mask] = np.nan
    converged = bool(residual <= tolerance_pu and np.isfinite(loss))
    if check and not converged:
        raise PowerFlowDivergedError(feeder.name, float(residual), iterations)
    return PowerFlow(v, i, loss, source, iterations, float(residual), converged)


def solve_batch(
    feeder: Feeder,
    p_w: FloatArray,
    q_var: FloatArray,
    *,
    source_v_pu: float | None = None,
    tolerance_pu: float = TOLERANCE_PU,
    max_iterations: int = MAX_ITERATIONS,
    check: bool = True,
) -> BatchPowerFlow:
    """AC power flow of S scenarios, ``(S, n)`` balanced totals or ``(S, n, 3)``.

    A scenario that diverged has NaN loss and voltages; with ``check`` it raises
    :class:`PowerFlowDivergedError` that lists them. Raises ``ValueError`` for shapes.
    """
    p, q, scale = _powers(feeder, p_w, q_var, batch=True)
    v0 = feeder.source_v_pu if source_v_pu is None else source_v_pu
    count = len(p)
    v = np.empty(p.shape, complex)
    loss, residual, iterations = np.empty(count), np.empty(count), np.empty(count, np.int32)
    if p.ndim == 2:
        r, x = feeder.r1_pu, feeder.x1_pu
        _distflow.batch_balanced(
            feeder.parent, r, x, p, q, scale, v0, _middle_u(feeder, p, q, v0),
            tolerance_pu, max_iterations, v, loss, iterations, residual,
        )  # fmt: skip
        loss *= 3.0 * S_BASE_VA
    else:
        net = three_phase_arrays(feeder)
        first = _start_three_phase(feeder, v0, None)
        _sweep.batch_three_phase(
            feeder.parent, net.zr, net.zi, feeder.phase_mask, net.tap, p, q, scale, net.b,
            np.ascontiguousarray(first.real), np.ascontiguousarray(first.imag),
            tolerance_pu, max_iterations, v, loss, iterations, residual,
        )  # fmt: skip
        loss *= S_BASE_VA
        v[:, ~feeder.phase_mask] = np.nan
    failed = ~((residual <= tolerance_pu) & np.isfinite(loss))
    if failed.any():
        if check:
            worst = float(np.nanmax(np.where(failed, residual, 0.0)))
            raise PowerFlowDivergedError(
                feeder.name, worst, int(iterations.max()), np.flatnonzero(failed).astype(np.int32)
            )
        loss[failed] = np.nan
        v[failed] = np.nan
    return BatchPowerFlow(v, loss, iterations, residual)


@dataclass(frozen=True, slots=True)
class ThreePhaseArrays:
    """Contiguous per-unit arrays for the kernels."""

    zr: FloatArray  # (n, 3, 3)
    zi: FloatArray
    tap: FloatArray  # (n, 3)
    b: FloatArray  # (n, 3) shunt susceptance


def three_phase_arrays(feeder: Feeder) -> ThreePhaseArrays:
    """Made once per feeder and kept with it."""
    cached: ThreePhaseArrays | None = feeder.__dict__.get("_three_phase_arrays")
    if cached is None:
        z = feeder.z_pu
        shape = (feeder.n_bus, 3)
        tap = np.ones(shape) if feeder.tap is None else np.ascontiguousarray(feeder.tap)
        b = np.zeros(shape)
        if feeder.b_shunt_s is not None:
            b = np.ascontiguousarray(feeder.b_shunt_s * feeder.z_base_ohm[:, None])
        cached = ThreePhaseArrays(
            np.ascontiguousarray(z.real), np.ascontiguousarray(z.imag), tap, b
        )
        feeder.__dict__["_three_phase_arrays"] = cached
    return cached


def _powers(
    feeder: Feeder, p_w: FloatArray | None, q_var: FloatArray | None, *, batch: bool
) -> tuple[FloatArray, FloatArray, float]:
    """Checked powers, (n,) or (n, 3) with a leading axis in batches, and what makes them per unit of one phase."""
    if p_w is None or q_var is None:
        if p_w is not None or q_var is not None:
            raise ValueError("give both p_w and q_var, or neither")
        p_w, q_var = feeder.p_w, feeder.q_var
        if feeder.balanced:
            p_w, q_var = p_w.sum(axis=1), q_var.sum(axis=1)
    p_w, q_var = np.asarray(p_w, float), np.asarray(q_var, float)
    tail = p_w.shape[1:] if batch else p_w.shape
    n = feeder.n_bus
    if p_w.shape != q_var.shape or tail not in ((n,), (n, 3)) or p_w.ndim != len(tail) + batch:
        lead = "S, " if batch else ""
        raise ValueError(
            f"p_w and q_var must both have shape ({lead}{n}) or ({lead}{n}, 3), got {p_w.shape}, {q_var.shape}"
        )
    if not (np.isfinite(p_w.sum()) and np.isfinite(q_var.sum())):  # one pass, no copy
        raise ValueError("p_w and q_var must be finite")
    if len(tail) == 1:
        if not feeder.symmetric:
            raise ValueError(
                f"feeder {feeder.name!r} is not symmetric: give powers per phase, (n, 3)"
            )
        scale = 1.0 / (3.0 * S_BASE_VA)
    else:
        absent = ~feeder.phase_mask
        if np.any(p_w[..., absent] != 0.0) or np.any(q_var[..., absent] != 0.0):
            raise ValueError("power on a phase that its bus does not have")
        scale = 1.0 / S_BASE_VA
    return np.ascontiguousarray(p_w), np.ascontiguousarray(q_var), scale


def _complex(real: FloatArray, imag: FloatArray) -> ComplexArray:
    out = np.empty(real.shape, complex)
    out.real, out.imag = real, imag
    return out


def _start_balanced(
    feeder: Feeder, v0: float, start: ComplexArray | None
) -> tuple[FloatArray, FloatArray]:
    if start is None or start.ndim != 1:
        return np.full(feeder.n_bus, v0), np.zeros(feeder.n_bus)
    vr, vi = np.array(start.real), np.array(start.imag)
    vr[0], vi[0] = v0, 0.0
    return vr, vi


def _middle_u(feeder: Feeder, p_w: FloatArray, q_var: FloatArray, v0: float) -> FloatArray:
    """Squared voltages (n,) of the mean scenario, where all of a batch start; flat where it has no solution."""
    if not len(p_w):
        return np.full(feeder.n_bus, v0 * v0)
    middle = solve(feeder, p_w.mean(axis=0), q_var.mean(axis=0), source_v_pu=v0, check=False)
    u = middle.v_pu.real**2 + middle.v_pu.imag**2
    return u if middle.converged else np.full(feeder.n_bus, v0 * v0)


def _start_three_phase(feeder: Feeder, v0: float, start: ComplexArray | None) -> ComplexArray:
    flat = np.tile(v0 * ROTATION, (feeder.n_bus, 1))
    if start is None or start.ndim != 2:
        return flat
    v = np.where(feeder.phase_mask, start, flat)
    v[0] = flat[0]
    return v
