"""How far the dispatcher's setpoints are from the optimum of the AC problem, which no linear model knows.

The second-order cone relaxation of the branch-flow equations bounds the AC optimum from below; where it is tight its
answer is that optimum (Farivar and Low, IEEE Trans. Power Systems 28(3), 2013, doi:10.1109/TPWRS.2013.2255317).
"""

from __future__ import annotations

import clarabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from csms.dispatch.optimum.corrected import Dispatcher, Limits, Requests
from csms.grid import feeder_file
from csms.grid.network import S_BASE_VA, Feeder
from tests.unit.grid.oracles import random_feeder

MARGIN_PU = 1e-7


class Relaxed:
    """min sum (x - d)^2 over 0 <= x <= d and the branch flows (P, Q, l) and u of a balanced feeder, all per unit."""

    def __init__(self, feeder: Feeder, bus: np.ndarray, wish_w: np.ndarray, v_min: float):
        n, count = feeder.n_bus, len(bus)
        self.unit = 3.0 * S_BASE_VA
        top = wish_w.max() / self.unit
        z = feeder.z1_pu
        one, flows = sparse.identity(n, format="csc"), sparse.csc_matrix((n, n))
        up = sparse.csc_matrix((np.ones(n - 1), (np.arange(1, n), feeder.parent[1:])), (n, n))
        at = sparse.csc_matrix((np.full(count, top), (bus, np.arange(count))), (n, count))
        none = sparse.csc_matrix((n, count))
        r, x = sparse.diags(z.real), sparse.diags(z.imag)
        z2 = sparse.diags(np.abs(z) ** 2)
        # unknowns: x / top, P, Q, l, u; P_i arrives at bus i, P_i + r_i l_i is drawn from its parent
        equal = sparse.vstack([
            sparse.hstack([at, -(one - up.T), flows, up.T @ r, flows]),
            sparse.hstack([none, flows, -(one - up.T), up.T @ x, flows]),
            sparse.hstack([none, 2 * r, 2 * x, z2, one - up]),
        ]).tocsc()  # fmt: skip
        u_source = np.zeros(n)
        u_source[0] = feeder.source_v_pu**2
        p, q = feeder.p_w.sum(axis=1) / self.unit, feeder.q_var.sum(axis=1) / self.unit
        keep = np.r_[0:n, n : 2 * n, 2 * n : 3 * n]
        rhs = np.r_[-p, -q, u_source][keep]
        size = count + 4 * n
        pick = sparse.identity(size, format="csr")
        xs, us = pick[:count], pick[count + 3 * n :]
        cones = [clarabel.ZeroConeT(3 * n), clarabel.NonnegativeConeT(2 * count + n - 1)]
        rows = [equal, xs, -xs, -us[1:]]
        bounds = [rhs, wish_w / wish_w.max(), np.zeros(count), np.full(n - 1, -(v_min**2))]
        for i in range(1, n):  # |(2 P, 2 Q, l - u)| <= l + u
            P, Q, ell, u = (pick[count + k * n + i] for k in range(4))
            rows += [-(ell + u), -2 * P, -2 * Q, -(ell - u)]
            bounds += [np.zeros(4)]
            cones.append(clarabel.SecondOrderConeT(4))
        cost = sparse.diags(np.r_[np.ones(count), np.zeros(4 * n)]).tocsc()
        setting = clarabel.DefaultSettings()
        setting.verbose = False
        setting.tol_gap_abs = setting.tol_gap_rel = setting.tol_feas = 1e-11
        answer = clarabel.DefaultSolver(
            cost, np.r_[-wish_w / wish_w.max(), np.zeros(4 * n)], sparse.vstack(rows).tocsc(),
            np.concatenate(bounds), cones, setting,
        ).solve()  # fmt: skip
        assert str(answer.status) in ("Solved", "AlmostSolved"), answer.status
        value = np.asarray(answer.x)
        self.setpoint_w = value[:count] * wish_w.max()
        P, Q, ell, u = (value[count + k * n : count + (k + 1) * n] for k in range(4))
        self.slack = float(np.abs(ell * u - P**2 - Q**2)[1:].max())


def cost(x_w: np.ndarray, wish_w: np.ndarray) -> float:
    return float(np.sum(((x_w - wish_w) / wish_w.max()) ** 2))


def ours(feeder: Feeder, bus: np.ndarray, wish_w: np.ndarray, v_min: float) -> np.ndarray:
    limits = Limits(v_min, 1.2, margin_pu=MARGIN_PU)
    answer = Dispatcher(feeder, bus, limits=limits, max_rounds=20).step(
        feeder.p_w.sum(axis=1),
        feeder.q_var.sum(axis=1),
        Requests.simple(0.0 * wish_w, wish_w, wish_w),
    )
    assert answer.feasible
    return answer.setpoint_w


@pytest.mark.oracle
def test_ieee_33() -> None:
    feeder = feeder_file.builtin("ieee33")
    rng = np.random.default_rng(3)
    bus, wish_w = rng.integers(1, 33, 100), rng.uniform(5e3, 40e3, 100)
    relaxed = Relaxed(feeder, bus, wish_w, 0.90)
    assert relaxed.slack < 1e-6  # tight: the relaxed answer is the AC optimum itself
    gap = cost(ours(feeder, bus, wish_w, 0.90), wish_w) / cost(relaxed.setpoint_w, wish_w) - 1.0
    assert -1e-6 < gap < 2e-4
    assert relaxed.setpoint_w.sum() < 0.6 * wish_w.sum()


@pytest.mark.oracle
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_never_a_thousandth_dearer_than_the_bound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, count = int(rng.integers(8, 40)), int(rng.integers(15, 40))
    feeder = random_feeder(rng, n, three_phase=False, load_w=1e3)
    bus, wish_w = rng.integers(1, n, count), rng.uniform(5e3, 22e3, count)
    bound = cost(Relaxed(feeder, bus, wish_w, 0.95).setpoint_w, wish_w)
    got = cost(ours(feeder, bus, wish_w, 0.95), wish_w)
    assert bound - 1e-6 <= got <= 1.001 * bound + 1e-6
