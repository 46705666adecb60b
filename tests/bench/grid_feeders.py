"""Synthetic feeders for the benchmarks: a trunk with laterals, 4 to 5 MW on 12.66 kV."""

from __future__ import annotations

import numpy as np

from csms.grid.network import Feeder, balanced_feeder


def comb(n_bus: int, *, total_w: float = 4.0e6, min_v_pu: float = 0.94, seed: int = 1) -> Feeder:
    """A trunk with equal laterals; impedances scaled so that LinDistFlow falls to ``min_v_pu``."""
    rng = np.random.default_rng(seed)
    trunk = max(2, int(np.sqrt(0.8 * n_bus)))
    parent = [-1]
    tails = [0]
    for _ in range(trunk):
        parent.append(tails[0])
        tails[0] = len(parent) - 1
    ends = list(range(1, trunk + 1))
    at = 0
    while len(parent) < n_bus:
        parent.append(ends[at])
        ends[at] = len(parent) - 1
        at = (at + 1) % trunk
    parent_a, _ = breadth_first(np.array(parent))
    r = rng.uniform(0.5, 1.5, n_bus)
    z = (r + 0.7j * r) * 1e-3
    p = np.zeros(n_bus)
    p[1:] = rng.uniform(0.2, 1.8, n_bus - 1)
    p *= total_w / p.sum()
    q = 0.3 * p
    from csms.grid.lindistflow import voltages_squared

    trial = balanced_feeder("trial", parent_a, z, p, q, base_ll_v=12660.0)
    drop = 1.0 - voltages_squared(trial, p, q).min()
    z = z * ((1.0 - min_v_pu**2) / drop)
    return balanced_feeder(f"comb{n_bus}", parent_a, z, p, q, base_ll_v=12660.0)


def breadth_first(parent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same tree in breadth-first order, and the old index of each new bus."""
    n = len(parent)
    depth = np.zeros(n, int)
    for i in range(1, n):
        depth[i] = depth[parent[i]] + 1
    order = np.argsort(depth, kind="stable")
    new = np.empty(n, int)
    new[order] = np.arange(n)
    renumbered = np.full(n, -1)
    renumbered[1:] = new[parent[order[1:]]]
    return renumbered, order
