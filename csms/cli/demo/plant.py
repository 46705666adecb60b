"""The engine's feeder as the plant takes it: the same network, to be solved by another solver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from charger_sim.feeders import BUILT_IN
from charger_sim.plant import PlantBranch, PlantFeeder, PlantLoad, PlantShunt
from csms.grid.network import ABC, ComplexArray, Feeder


def plant_feeder(feeder: Feeder, v_min_pu: float) -> PlantFeeder:
    """Impedances referred to one base voltage, so that transformers are plain branches in per unit.

    A feeder of which the plant has a table of its own comes from there instead: two copies of a published fact check
    each other, and on IEEE 123 the plant knows more than the engine: its regulators step, its loads follow the voltage.
    """
    own = BUILT_IN[feeder.name]() if feeder.name in BUILT_IN else None
    if own is not None and set(own.bus_ids) == set(feeder.bus_names):
        return replace(own, v_min_pu=v_min_pu)
    base_v = float(feeder.base_v[-1])
    scale = (base_v / feeder.base_v) ** 2
    phases = [
        "".join(letter for letter, there in zip(ABC, mask, strict=True) if there)
        for mask in feeder.phase_mask
    ]
    taps = np.ones((feeder.n_bus, 3)) if feeder.tap is None else feeder.tap
    branches = tuple(
        PlantBranch(
            feeder.bus_names[int(feeder.parent[i])],
            feeder.bus_names[i],
            _scalar_if_uncoupled(feeder.z_ohm[i] * scale[i]),
            phases[i],
            (float(taps[i, 0]), float(taps[i, 1]), float(taps[i, 2])),
        )
        for i in range(1, feeder.n_bus)
    )
    return PlantFeeder(
        name=feeder.name,
        bus_ids=feeder.bus_names,
        branches=branches,
        loads=tuple(_loads(feeder)),
        v_base_ll_v=base_v * 3.0**0.5,
        slack_v_pu=feeder.source_v_pu,
        v_min_pu=v_min_pu,
        shunts=tuple(_shunts(feeder, scale)),
    )


def _scalar_if_uncoupled(z_ohm: ComplexArray) -> complex | ComplexArray:
    """Only where no phase induces in another does one phase stand for three under any load."""
    uncoupled = np.array_equal(z_ohm, np.eye(3) * z_ohm[0, 0])
    return complex(z_ohm[0, 0]) if uncoupled else z_ohm


def _loads(feeder: Feeder) -> list[PlantLoad]:
    loads = []
    for i in range(feeder.n_bus):
        p, q = feeder.p_w[i], feeder.q_var[i]
        if not (p.any() or q.any()):
            continue
        if np.all(p == p[0]) and np.all(q == q[0]):
            loads.append(PlantLoad(feeder.bus_names[i], ABC, float(p.sum()), float(q.sum())))
        else:
            loads += [
                PlantLoad(feeder.bus_names[i], ABC[f], float(p[f]), float(q[f]))
                for f in range(3)
                if p[f] or q[f]
            ]
    return loads


def _shunts(feeder: Feeder, scale: np.ndarray) -> list[PlantShunt]:
    if feeder.b_shunt_s is None:
        return []
    referred = feeder.b_shunt_s / scale[:, None]
    return [
        PlantShunt(feeder.bus_names[i], (float(b[0]), float(b[1]), float(b[2])))
        for i, b in enumerate(referred)
        if b.any()
    ]
