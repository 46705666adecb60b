"""Exact first-order sensitivities of the AC state: dV/dP, dV/dQ, dLoss/dP, dLoss/dQ at every bus and phase.

By the adjoint of the AC equations: with load currents I = conj(s / v), a change dv obeys

    dv = -Z (a - c conj(dv) + j b dv),   a = conj(ds / v),   c = conj(s / v^2)

so the gradient of any f(v) with df = Re(conj(g) dv) needs one y with y = g + c conj(h) + j b h, h = Z' y, found by
the same kind of sweeps as the power flow itself. Cost: some ten sweeps per f, whatever the number of buses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from csms.grid.network import S_BASE_VA, ComplexArray, Feeder, FloatArray
from csms.grid.power_flow import PowerFlow, three_phase_arrays

_TOLERANCE = 1.0e-12
_MAX_SWEEPS = 200


class SensitivityError(ArithmeticError):
    """The adjoint did not converge: the state is at the edge of voltage collapse."""


@dataclass(frozen=True, slots=True, eq=False)
class Gradient:
    """Derivatives per W and per var of load; (n,) per three-phase total, or (n, 3). NaN on absent phases."""

    dp: FloatArray
    dq: FloatArray


def loss_gradient(feeder: Feeder, flow: PowerFlow, *, tolerance: float = _TOLERANCE) -> Gradient:
    """dLoss/dP and dLoss/dQ, W per W and W per var, to ``tolerance`` of the largest adjoint: the coarser, the fewer
    sweeps. Raises :class:`SensitivityError`."""
    net = _Tangent(feeder, flow, tolerance)
    # loss = Re(v0 conj(sum T I)) - sum p, T the product of the taps up to the source
    v0 = np.conj(net.v[0]) * net.reach
    grad = net.solve(-v0 * net.c + np.conj(1j * v0 * net.b))
    direct = v0 / np.conj(net.v)
    return net.gradient(grad[0] + direct.real - 1.0, grad[1] + direct.imag, scale=1.0)


def voltage_gradient(feeder: Feeder, flow: PowerFlow, bus: int, phase: int = 0) -> Gradient:
    """d|V|/dP and d|V|/dQ of one bus and phase, pu per W and pu per var. Raises :class:`SensitivityError`."""
    net = _Tangent(feeder, flow)
    seed = np.zeros_like(net.v)
    seed[bus, phase] = net.v[bus, phase] / abs(net.v[bus, phase])
    return net.gradient(*net.solve(seed), scale=net.per_watt)


def voltage_matrix(feeder: Feeder, flow: PowerFlow) -> tuple[FloatArray, FloatArray]:
    """d|V_i|/dP_k and d|V_i|/dQ_k for all i, k: (n, n), or (n, 3, n, 3). Raises :class:`SensitivityError`."""
    net = _Tangent(feeder, flow)
    n, m = net.v.shape
    dp, dq = np.full((n, m, n, m), np.nan), np.full((n, m, n, m), np.nan)
    for i in range(n):
        for f in range(m):
            if net.mask[i, f]:
                seed = np.zeros_like(net.v)
                seed[i, f] = net.v[i, f] / abs(net.v[i, f])
                part = net.gradient(*net.solve(seed), scale=net.per_watt)
                dp[i, f], dq[i, f] = part.dp.reshape(n, m), part.dq.reshape(n, m)
    if m == 1:
        return dp[:, 0, :, 0], dq[:, 0, :, 0]
    return dp, dq


def rank_buses(feeder: Feeder, flow: PowerFlow) -> list[tuple[int, int, float]]:
    """Where the next kW costs least: (bus, phase, dLoss/dP) in rising order, the source left out."""
    cost = loss_gradient(feeder, flow).dp.reshape(feeder.n_bus, -1)
    order = np.argsort(np.where(np.isnan(cost), np.inf, cost), axis=None, kind="stable")
    found = [divmod(int(k), cost.shape[1]) for k in order]
    return [(i, f, float(cost[i, f])) for i, f in found if i > 0 and np.isfinite(cost[i, f])]


class _Tangent:
    """The AC equations linearised at a power flow."""

    def __init__(self, feeder: Feeder, flow: PowerFlow, tolerance: float = _TOLERANCE):
        n = feeder.n_bus
        one = flow.v_pu.ndim == 1
        m = 1 if one else 3
        arrays = three_phase_arrays(feeder)
        self.one, self.parent, self.tolerance = one, feeder.parent, tolerance
        self.mask = np.ones((n, 1), bool) if one else feeder.phase_mask
        self.v = np.where(self.mask, flow.v_pu.reshape(n, m), 1.0)
        self.z = feeder.z1_pu[:, None, None].copy() if one else arrays.zr + 1j * arrays.zi
        self.tap = np.ones((n, 1)) if one else arrays.tap
        self.b = np.zeros((n, 1)) if one else arrays.b
        self.per_watt = 1.0 / (S_BASE_VA * (3.0 if one else 1.0))
        load = (
            _load_current(feeder.parent, self.tap, flow.i_pu.reshape(n, m)) - 1j * self.b * self.v
        )
        self.c = load / np.conj(self.v)
        self.reach = np.ones((n, m)) if feeder.tap is None else _reach(feeder.parent, self.tap)

    def solve(self, seed: ComplexArray) -> tuple[FloatArray, FloatArray]:
        y, h = np.empty_like(seed), np.empty_like(seed)
        sweeps, change = _adjoint(
            self.parent, self.z, self.tap, self.c, self.b, seed, self.tolerance, _MAX_SWEEPS, y, h
        )
        if not change <= self.tolerance * max(1.0, float(np.abs(y).max())):
            raise SensitivityError(f"adjoint changes by {change:.3g} after {sweeps} sweeps")
        ratio = h / self.v
        return -ratio.real, ratio.imag

    def gradient(self, dp: FloatArray, dq: FloatArray, *, scale: float) -> Gradient:
        dp, dq = (np.where(self.mask, part * scale, np.nan) for part in (dp, dq))
        return Gradient(dp[:, 0], dq[:, 0]) if self.one else Gradient(dp, dq)


@njit(cache=True, nogil=True)
def _reach(parent, tap):  # type: ignore[no-untyped-def]
    """Product of the taps from each bus up to the source."""
    out = np.ones(tap.shape)
    for i in range(1, len(parent)):
        for f in range(tap.shape[1]):
            out[i, f] = out[parent[i], f] * tap[i, f]
    return out


def _load_current(parent: np.ndarray, tap: FloatArray, branch: ComplexArray) -> ComplexArray:
    """What is drawn at each bus: what its branch brings less what its children take."""
    current = branch.copy()
    np.subtract.at(current, parent[1:], tap[1:] * branch[1:])
    return current


@njit(cache=True, nogil=True)
def _adjoint(parent, z, tap, c, b, seed, tol, max_sweeps, y, h):  # type: ignore[no-untyped-def]
    n, m = seed.shape
    total = np.empty((n, m), np.complex128)
    y[:] = seed
    change = np.inf
    for sweep in range(max_sweeps):  # noqa: B007 - read after the loop
        total[:] = y
        for i in range(n - 1, 0, -1):
            for f in range(m):
                total[parent[i], f] += tap[i, f] * total[i, f]
        change = 0.0
        top = 1.0
        for i in range(n):
            for f in range(m):
                if i == 0:
                    h[i, f] = 0.0
                    continue
                value = tap[i, f] * h[parent[i], f]
                for g in range(m):
                    value += np.conj(z[i, g, f]) * total[i, g]
                h[i, f] = value
        for i in range(1, n):
            for f in range(m):
                new = seed[i, f] + c[i, f] * np.conj(h[i, f]) + 1j * b[i, f] * h[i, f]
                change = max(change, abs(new - y[i, f]))
                top = max(top, abs(new))
                y[i, f] = new
        if change <= tol * top:
            break
    return sweep + 1, change
