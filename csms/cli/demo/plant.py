"""The engine's feeder as the plant takes it: the same network, to be solved by another solver."""

from __future__ import annotations

import numpy as np

from charger_sim.plant import PlantBranch, PlantFeeder, PlantLoad, ieee33
from csms.grid.network import Feeder, FeederError


def plant_feeder(feeder: Feeder, v_min_pu: float) -> PlantFeeder:
    """Impedances referred to one base voltage, so that transformers are plain branches in per unit.

    IEEE 33 comes from the plant's own table instead: two copies of a published fact check each other.
    """
    if feeder.name == "ieee33":
        own = ieee33()
        return PlantFeeder(
            own.name,
            own.bus_ids,
            own.branches,
            own.loads,
            own.v_base_ll_v,
            own.slack_v_pu,
            v_min_pu,
        )
    if feeder.tap is not None or not feeder.phase_mask.all():
        raise FeederError(
            f"{feeder.name}: the simulated plant takes no regulators and no branches with fewer than three phases yet"
        )
    base_v = float(feeder.base_v[-1])
    scale = (base_v / feeder.base_v) ** 2
    branches = tuple(
        PlantBranch(
            feeder.bus_names[int(feeder.parent[i])],
            feeder.bus_names[i],
            complex(feeder.z1_pu[i] * feeder.z_base_ohm[i] * scale[i])
            if feeder.symmetric
            else np.array(feeder.z_ohm[i] * scale[i]),
        )
        for i in range(1, feeder.n_bus)
    )
    loads = []
    for i in range(feeder.n_bus):
        p, q = feeder.p_w[i], feeder.q_var[i]
        if not (p.any() or q.any()):
            continue
        if np.all(p == p[0]) and np.all(q == q[0]):
            loads.append(PlantLoad(feeder.bus_names[i], "abc", float(p.sum()), float(q.sum())))
        else:
            loads += [
                PlantLoad(feeder.bus_names[i], "abc"[f], float(p[f]), float(q[f]))
                for f in range(3)
                if p[f] or q[f]
            ]
    return PlantFeeder(
        name=feeder.name,
        bus_ids=feeder.bus_names,
        branches=branches,
        loads=tuple(loads),
        v_base_ll_v=base_v * 3.0**0.5,
        slack_v_pu=feeder.source_v_pu,
        v_min_pu=v_min_pu,
    )
