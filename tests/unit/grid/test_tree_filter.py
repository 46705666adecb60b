"""The filter on the tree against the same problem solved as one dense system."""

from __future__ import annotations

import numpy as np
import pytest

from csms.grid._tree_filter import ONE_PHASE, THREE_PHASES, run
from csms.grid.lindistflow import LinearModel, linear_model, sweep
from tests.unit.grid.oracles import random_feeder


def responses(model: LinearModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """du/d(load), dP/d(load) of branches, du/d(source u): dense, by the linear model's sweep, one load at a time."""
    n, m = len(model.parent), model.m
    flat = model.b * 0.0
    u0, p0, q0 = sweep(model, flat.copy(), flat.copy())
    u_x, f_x = np.empty((n * m, n * 2 * m)), np.empty((n * 2 * m, n * 2 * m))
    for k in range(n * 2 * m):
        load = np.zeros((n, 2 * m))
        load.flat[k] = 1.0
        u, p, q = sweep(model, load[:, :m].copy(), load[:, m:].copy())
        u_x[:, k] = (u - u0).ravel()
        f_x[:, k] = np.concatenate([p - p0, q - q0], axis=1).ravel()
    return u_x, f_x, (u0 / model.source_u).ravel()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("three_phase", [False, True])
def test_it_is_the_dense_least_squares_solution(seed: int, three_phase: bool) -> None:
    rng = np.random.default_rng(seed)
    feeder = random_feeder(rng, 14, three_phase=three_phase)
    model = linear_model(feeder, balanced=not three_phase)
    n, m = feeder.n_bus, model.m
    present = np.tile(model.mask, (1, 2))
    load = np.where(present, rng.normal(size=(n, 2 * m)), 0.0) * 1e-2
    load_var = (
        np.where(present, rng.uniform(0.0, 1.0, (n, 2 * m)) * (rng.random((n, 2 * m)) < 0.8), 0.0)
        * 1e-4
    )
    u_j = np.where(model.mask & (rng.random((n, m)) < 0.4), rng.uniform(1e4, 1e6, (n, m)), 0.0)
    flow_j = np.where(
        present & (rng.random((n, 2 * m)) < 0.2), rng.uniform(1e4, 1e6, (n, 2 * m)), 0.0
    )
    u_j[0], flow_j[0] = 0.0, 0.0
    u_z, flow_z = rng.normal(size=(n, m)) * 1e-2, rng.normal(size=(n, 2 * m)) * 1e-2
    source_mean, source_var = 0.003, float(seed % 2) * 1e-4

    source, change, var, u_var, flow_var = run(
        ONE_PHASE if m == 1 else THREE_PHASES, model.parent, model.r, model.x, model.gain, load,
        load_var, u_j * u_z, u_j, flow_j * flow_z, flow_j, source_mean, source_var,
    )  # fmt: skip

    u_x, f_x, u_s = responses(model)
    all_u, all_f = np.column_stack([u_x, u_s]), np.column_stack([f_x, np.zeros(len(f_x))])
    mean = np.append(load.ravel(), source_mean if source_var else 0.0)
    cov = np.diag(np.append(load_var.ravel(), source_var))
    seen_u, seen_f = u_j.ravel() > 0, flow_j.ravel() > 0
    h = np.vstack([all_u[seen_u], all_f[seen_f]])
    z = np.append(u_z.ravel()[seen_u], flow_z.ravel()[seen_f])
    noise = np.diag(1.0 / np.append(u_j.ravel()[seen_u], flow_j.ravel()[seen_f]))
    back = np.linalg.solve(h @ cov @ h.T + noise, np.column_stack([z - h @ mean, h @ cov]))
    best = mean + cov @ h.T @ back[:, 0]
    left = cov - cov @ h.T @ back[:, 1:]

    scale = np.sqrt(load_var.max())
    assert np.append(change.ravel(), source) == pytest.approx(best, abs=1e-6 * scale)
    assert var.ravel() == pytest.approx(np.diag(left)[:-1], abs=1e-7 * load_var.max())
    here = model.mask.ravel()
    assert u_var.ravel()[here] == pytest.approx(
        np.einsum("ik,kl,il->i", all_u, left, all_u)[here], abs=1e-7 * u_var.max()
    )
    assert flow_var.ravel() == pytest.approx(
        np.einsum("ik,kl,il->i", all_f, left, all_f), abs=1e-7 * flow_var.max()
    )
