"""What a feeder holds, in tables and counts, and what about it deserves a second look."""

from __future__ import annotations

from typing import Any

import numpy as np

from csms.grid.network import ABC, Feeder
from csms.grid.power_flow import PowerFlow, PowerFlowDivergedError, solve

USUAL_V_PU = (0.90, 1.10)  # EN 50160
_NAMED = 5


def summary(feeder: Feeder) -> dict[str, Any]:
    """Counts and totals."""
    steps = np.zeros(feeder.n_bus, int)
    for i in range(1, feeder.n_bus):
        steps[i] = steps[feeder.parent[i]] + 1
    phases = feeder.phase_mask.sum(axis=1)
    changes = feeder.base_v[1:] != feeder.base_v[feeder.parent[1:]]
    levels = sorted({round(float(v) * 3.0**0.5, 3) for v in feeder.base_v}, reverse=True)
    shunts = 0 if feeder.b_shunt_s is None else int(feeder.b_shunt_s.any(axis=1).sum())
    return {
        "name": feeder.name,
        "origin": feeder.source,
        "source_bus": feeder.bus_names[0],
        "source_v_pu": feeder.source_v_pu,
        "buses": feeder.n_bus,
        "branches": feeder.n_bus - 1,
        "transformers": int(changes.sum()),
        "off_nominal_taps": 0 if feeder.tap is None else int((feeder.tap[1:] != 1.0).any(axis=1).sum()),
        "loaded_buses": int(feeder.p_w.any(axis=1).sum()),
        "shunts": shunts,
        "load_kw": float(feeder.p_w.sum()) / 1e3,
        "load_kvar": float(feeder.q_var.sum()) / 1e3,
        "line_to_line_v": levels,
        "three_phase_buses": int((phases == 3).sum()),
        "two_phase_buses": int((phases == 2).sum()),
        "single_phase_buses": int((phases == 1).sum()),
        "balanced": feeder.balanced,
        "ends": feeder.n_bus - len(set(feeder.parent[1:].tolist())),
        "depth": int(steps.max()),
        "rated_branches": int((np.isfinite(feeder.ampacity_a) | np.isfinite(feeder.rating_va))[1:].sum()),
    }  # fmt: skip


def buses(feeder: Feeder) -> list[dict[str, Any]]:
    """One row a bus with the branch that leads to it; None where there is no limit."""
    z1 = feeder.z1_pu * feeder.z_base_ohm
    return [
        {
            "bus": feeder.bus_names[i],
            "from": feeder.bus_names[feeder.parent[i]] if i else None,
            "phases": "".join(c for c, there in zip(ABC, feeder.phase_mask[i], strict=True) if there),
            "line_to_line_v": float(feeder.base_v[i]) * 3.0**0.5,
            "r1_ohm": float(z1[i].real),
            "x1_ohm": float(z1[i].imag),
            "ampacity_a": _limit(feeder.ampacity_a[i]),
            "rating_kva": _limit(feeder.rating_va[i] / 1e3),
            "load_kw": float(feeder.p_w[i].sum()) / 1e3,
            "load_kvar": float(feeder.q_var[i].sum()) / 1e3,
        }
        for i in range(feeder.n_bus)
    ]  # fmt: skip


def doubts(feeder: Feeder) -> list[str]:
    """What can be solved with but is rarely meant."""
    found = []
    if not feeder.p_w.any():
        found.append("no loads")
    bare = [i for i in range(1, feeder.n_bus) if not feeder.z_ohm[i].any()]
    if bare:
        found.append(f"{len(bare)} branches without impedance, to {_names(feeder, bare)}")
    if not (np.isfinite(feeder.ampacity_a) | np.isfinite(feeder.rating_va))[1:].any():
        found.append("no branch has an ampacity or rating: loading is not watched")
    try:
        flow = solve(feeder)
    except PowerFlowDivergedError as error:
        return [*found, str(error)]
    return found + _unusual(feeder, flow)


def _unusual(feeder: Feeder, flow: PowerFlow) -> list[str]:
    found = []
    v = flow.vm_pu.reshape(feeder.n_bus, -1)
    with np.errstate(invalid="ignore"):
        for words, beyond, extreme in (
            (f"below {USUAL_V_PU[0]} pu", v < USUAL_V_PU[0], flow.min_v_pu),
            (f"above {USUAL_V_PU[1]} pu", v > USUAL_V_PU[1], flow.max_v_pu),
        ):
            where = np.flatnonzero(beyond.any(axis=1))
            if where.size:
                found.append(
                    f"{len(where)} buses {words} with its own loads ({extreme:.4f}): {_names(feeder, where)}"
                )
    amps = flow.current_a(feeder).reshape(feeder.n_bus, -1).max(axis=1)
    over = [int(i) for i in np.flatnonzero(amps > feeder.ampacity_a) if i > 0]
    if over:
        found.append(
            f"{len(over)} branches above their ampacity with its own loads, to {_names(feeder, over)}"
        )
    return found


def _names(feeder: Feeder, indices: Any) -> str:
    names = [feeder.bus_names[int(i)] for i in indices[:_NAMED]]
    return ", ".join(names) + (" ..." if len(indices) > _NAMED else "")


def _limit(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
