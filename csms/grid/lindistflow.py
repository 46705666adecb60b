"""Linearised power flow in squared voltages: LinDistFlow (balanced) and Lin3 (three-phase), and its adjoint.

With u = |v|^2 and P, Q the powers that branch i carries with losses left out,

    u_i = tap_i^2 u_parent(i) - 2 (R_i P_i + X_i Q_i)

where, for three phases, R = Re(Z conj(g)), X = Im(Z conj(g)) and g[a, b] = e^{-j 2 pi (a - b) / 3} assumes nearly
balanced voltage angles. u is therefore affine in the loads, u = u0 - H p - K q, and the adjoint H'g costs
one sweep. Losses left out make u too high: never publish a limit from it without the AC check.

References: Baran and Wu, IEEE Trans. Power Delivery 4(1), 1989, doi:10.1109/61.19265 (balanced); Arnold et al.,
HICSS 2016, doi:10.1109/HICSS.2016.307 (three-phase).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from csms.grid._sweep import FAST
from csms.grid.network import S_BASE_VA, Feeder, FloatArray, IntArray
from csms.grid.power_flow import ROTATION


@dataclass(frozen=True, slots=True, eq=False)
class LinearModel:
    """The per-unit arrays of the linear model over ``m`` phases: 1 (balanced) or 3."""

    parent: IntArray  # (n,)
    r: FloatArray  # (n, m, m) pu
    x: FloatArray  # (n, m, m) pu
    gain: FloatArray  # (n, m) tap^2
    b: FloatArray  # (n, m) shunt susceptance, pu
    mask: np.ndarray  # (n, m) bool
    source_u: float

    @property
    def m(self) -> int:
        return int(self.r.shape[1])


def linear_model(feeder: Feeder, *, balanced: bool | None = None) -> LinearModel:
    """The linear model; ``balanced`` defaults to :attr:`Feeder.balanced`. Made once per feeder and kept."""
    one = feeder.balanced if balanced is None else balanced
    if one and not feeder.symmetric:
        raise ValueError(f"feeder {feeder.name!r} is not symmetric: it has no balanced equivalent")
    key = f"_linear_model_{1 if one else 3}"
    cached: LinearModel | None = feeder.__dict__.get(key)
    if cached is None:
        n = feeder.n_bus
        u0 = feeder.source_v_pu**2
        if one:
            z = feeder.z1_pu[:, None, None]
            gain, b = np.ones((n, 1)), np.zeros((n, 1))
            mask = np.ones((n, 1), bool)
        else:
            z = feeder.z_pu * np.conj(ROTATION[:, None] / ROTATION[None, :])
            gain = np.ones((n, 3)) if feeder.tap is None else feeder.tap**2
            b = np.zeros((n, 3))
            if feeder.b_shunt_s is not None:
                b = feeder.b_shunt_s * feeder.z_base_ohm[:, None]
            mask = feeder.phase_mask
        cached = LinearModel(
            feeder.parent, np.ascontiguousarray(z.real), np.ascontiguousarray(z.imag),
            np.ascontiguousarray(gain), np.ascontiguousarray(b), np.ascontiguousarray(mask), u0,
        )  # fmt: skip
        feeder.__dict__[key] = cached
    return cached


def voltages_squared(feeder: Feeder, p_w: FloatArray, q_var: FloatArray) -> FloatArray:
    """u = |v|^2 in pu for loads (n,) totals or (n, 3); NaN on absent phases."""
    model = linear_model(feeder, balanced=np.ndim(p_w) == 1)
    scale = 1.0 / (S_BASE_VA * (3.0 if model.m == 1 else 1.0))
    shape = (feeder.n_bus, model.m)
    p = np.ascontiguousarray(np.reshape(p_w, shape) * scale)
    q = np.ascontiguousarray(np.reshape(q_var, shape) * scale - model.b * model.source_u)
    u, _, _ = sweep(model, p, q)
    u = np.where(model.mask, u, np.nan)
    return u[:, 0] if model.m == 1 else u


def sweep(
    model: LinearModel, p: FloatArray, q: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """u, branch P and branch Q, all (n, m) pu, from loads (n, m) pu."""
    u, bp, bq = np.empty_like(p), p.copy(), q.copy()
    forward(model.parent, model.r, model.x, model.gain, model.source_u, bp, bq, u)
    return u, bp, bq


def adjoint(model: LinearModel, g: FloatArray) -> tuple[FloatArray, FloatArray]:
    """-d(g . u)/dp and -d(g . u)/dq, each (n, m) pu, for weights ``g`` (n, m) on u."""
    h, k = np.empty_like(g), np.empty_like(g)
    backward(model.parent, model.r, model.x, model.gain, g.copy(), h, k)
    return h, k


@njit(cache=True, nogil=True, fastmath=FAST)
def forward(parent, r, x, gain, source_u, bp, bq, u):  # type: ignore[no-untyped-def]
    n, m = u.shape
    for i in range(n - 1, 0, -1):
        k = parent[i]
        for f in range(m):
            bp[k, f] += bp[i, f]
            bq[k, f] += bq[i, f]
    for f in range(m):
        u[0, f] = source_u
    for i in range(1, n):
        k = parent[i]
        for f in range(m):
            drop = 0.0
            for g in range(m):
                drop += r[i, f, g] * bp[i, g] + x[i, f, g] * bq[i, g]
            u[i, f] = gain[i, f] * u[k, f] - 2.0 * drop


@njit(cache=True, nogil=True, fastmath=FAST)
def backward(parent, r, x, gain, g, h, k):  # type: ignore[no-untyped-def]
    n, m = g.shape
    for i in range(n - 1, 0, -1):
        up = parent[i]
        for f in range(m):
            g[up, f] += gain[i, f] * g[i, f]
    for f in range(m):
        h[0, f] = 0.0
        k[0, f] = 0.0
    for i in range(1, n):
        up = parent[i]
        for f in range(m):
            a = 0.0
            c = 0.0
            for e in range(m):
                a += r[i, e, f] * g[i, e]
                c += x[i, e, f] * g[i, e]
            h[i, f] = h[up, f] + 2.0 * a
            k[i, f] = k[up, f] + 2.0 * c
