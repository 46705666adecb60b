"""Studies of a feeder at rest: power flow, and what one more kW does where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from csms.api.studies.study import LazyPlots, Params, Study
from csms.grid import lindistflow, power_flow, sensitivity
from csms.grid.feeder_import import OpenDssCircuit, read
from csms.grid.network import ABC, Feeder, FloatArray

plots = LazyPlots("feeder")
FeederName = Annotated[
    str,
    Meta(
        description="ieee33, ieee123, european-lv, a feeder file, an OpenDSS script or pandapower JSON.",
        max_length=4096,
    ),
]


class PowerFlowParams(Params, frozen=True, kw_only=True):
    feeder: FeederName = "ieee33"


@dataclass(frozen=True, slots=True, eq=False)
class PowerFlowStudy:
    feeder: Feeder
    flow: power_flow.PowerFlow
    linear_v_pu: FloatArray  # (n,) or (n, 3)
    circuit: OpenDssCircuit | None  # what the feeder was imported from, solved


def run_power_flow(params: PowerFlowParams) -> PowerFlowStudy:
    imported = read(params.feeder, lumped=True)
    feeder = imported.feeder
    flow = power_flow.solve(feeder)
    if flow.v_pu.ndim == 1:
        p_w, q_var = feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)
    else:
        p_w, q_var = feeder.p_w, feeder.q_var
    linear = np.sqrt(lindistflow.voltages_squared(feeder, p_w, q_var))
    return PowerFlowStudy(feeder, flow, linear, imported.circuit)


def power_flow_figures(study: PowerFlowStudy) -> dict[str, Any]:
    flow, feeder = study.flow, study.feeder
    lowest = int(np.nanargmin(flow.vm_pu)) // (1 if flow.v_pu.ndim == 1 else 3)
    solved = study.circuit.flow if study.circuit else flow
    as_tree = {"tree_loss_kw": flow.loss_w / 1e3, "tree_min_v_pu": flow.min_v_pu}
    return {
        "feeder": feeder.name,
        "buses": feeder.n_bus,
        "loss_kw": solved.loss_w / 1e3,
        "min_v_pu": solved.min_v_pu,
        **(as_tree if study.circuit else {}),
        **({"left_out": study.circuit.circuit.ignored} if study.circuit else {}),
        "min_v_bus": feeder.bus_names[lowest],
        "max_v_pu": flow.max_v_pu,
        "lindistflow_min_v_pu": float(np.nanmin(study.linear_v_pu)),
        "import_kw": float(flow.source_va.real) / 1e3,
        "import_kvar": float(flow.source_va.imag) / 1e3,
        "iterations": flow.iterations,
        "residual_pu": flow.residual_pu,
        "v_pu": dict(zip(feeder.bus_names, flow.vm_pu, strict=True)),
    }


class SensitivityParams(Params, frozen=True, kw_only=True):
    feeder: FeederName = "ieee33"


@dataclass(frozen=True, slots=True, eq=False)
class SensitivityStudy:
    """``voltage`` is the gradient of the lowest voltage, at ``weakest`` (bus, phase)."""

    feeder: Feeder
    gradient: sensitivity.Gradient
    ranking: list[tuple[int, int, float]]
    weakest: tuple[int, int]
    voltage: sensitivity.Gradient


def run_sensitivity(params: SensitivityParams) -> SensitivityStudy:
    feeder = read(params.feeder).feeder
    flow = power_flow.solve(feeder)
    bus, phase = divmod(int(np.nanargmin(flow.vm_pu)), 1 if flow.v_pu.ndim == 1 else 3)
    return SensitivityStudy(
        feeder,
        sensitivity.loss_gradient(feeder, flow),
        sensitivity.rank_buses(feeder, flow),
        (bus, phase),
        sensitivity.voltage_gradient(feeder, flow, bus, phase),
    )


def sensitivity_figures(study: SensitivityStudy) -> dict[str, Any]:
    feeder, names = study.feeder, study.feeder.bus_names
    single = study.gradient.dp.ndim == 1
    fall = study.voltage.dp.reshape(feeder.n_bus, -1) * 1e3

    def row(bus: int, phase: int, value: float) -> dict[str, Any]:
        where = {"bus": names[bus]} if single else {"bus": names[bus], "phase": ABC[phase]}
        return {**where, "dloss_dp": value, "dvmin_dp_pu_per_kw": float(fall[bus, phase])}

    ranked = [row(*entry) for entry in study.ranking]
    return {
        "feeder": feeder.name,
        "best": ranked[:10],
        "worst": ranked[:-11:-1],
        "weakest_bus": names[study.weakest[0]],
        "dloss_dp": dict(zip(names, study.gradient.dp, strict=True)),
        "dloss_dq": dict(zip(names, study.gradient.dq, strict=True)),
        "dvmin_dp_pu_per_kw": dict(zip(names, study.voltage.dp * 1e3, strict=True)),
        "ranking": [entry["bus"] if single else f"{entry['bus']}.{entry['phase']}" for entry in ranked],
    }  # fmt: skip


STUDIES: tuple[Study[Any, Any], ...] = (
    Study(
        "powerflow", "AC power flow of a feeder, with LinDistFlow beside it.",
        PowerFlowParams, run_power_flow, power_flow_figures, plots.plot_power_flow,
    ),
    Study(
        "sensitivity", "Loss and voltage sensitivity at every bus, and where the next kW hurts least.",
        SensitivityParams, run_sensitivity, sensitivity_figures, plots.plot_sensitivity,
    ),
)  # fmt: skip
