"""Studies of a feeder at rest: power flow, loss sensitivities, hosting capacity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from csms.api.plots import feeder as plots
from csms.api.studies.study import Params, Study, StudyError
from csms.grid import feeder_file, hosting_capacity, lindistflow, power_flow, sensitivity
from csms.grid.network import Feeder, FloatArray

FeederName = Annotated[
    str, Meta(description="ieee33, european-lv or a feeder file.", max_length=4096)
]


def named_feeder(name: str) -> Feeder:
    """A built-in feeder or a file. Raises ``FeederError``."""
    if name in feeder_file.builtin_names():
        return feeder_file.builtin(name)
    path = Path(name)
    if not path.is_file():
        known = ", ".join(feeder_file.builtin_names())
        raise StudyError(f"feeder {name!r}: neither a file nor one of {known}")
    return feeder_file.load(path)


class PowerFlowParams(Params, frozen=True, kw_only=True):
    feeder: FeederName = "ieee33"


@dataclass(frozen=True, slots=True, eq=False)
class PowerFlowStudy:
    feeder: Feeder
    flow: power_flow.PowerFlow
    linear_v_pu: FloatArray  # (n,) or (n, 3)


def run_power_flow(params: PowerFlowParams) -> PowerFlowStudy:
    feeder = named_feeder(params.feeder)
    flow = power_flow.solve(feeder)
    if flow.v_pu.ndim == 1:
        p_w, q_var = feeder.p_w.sum(axis=1), feeder.q_var.sum(axis=1)
    else:
        p_w, q_var = feeder.p_w, feeder.q_var
    linear = np.sqrt(lindistflow.voltages_squared(feeder, p_w, q_var))
    return PowerFlowStudy(feeder, flow, linear)


def power_flow_figures(study: PowerFlowStudy) -> dict[str, Any]:
    flow, feeder = study.flow, study.feeder
    lowest = int(np.nanargmin(flow.vm_pu)) // (1 if flow.v_pu.ndim == 1 else 3)
    return {
        "feeder": feeder.name,
        "buses": feeder.n_bus,
        "loss_kw": flow.loss_w / 1e3,
        "min_v_pu": flow.min_v_pu,
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
    feeder: Feeder
    gradient: sensitivity.Gradient
    ranking: list[tuple[int, int, float]]


def run_sensitivity(params: SensitivityParams) -> SensitivityStudy:
    feeder = named_feeder(params.feeder)
    flow = power_flow.solve(feeder)
    gradient = sensitivity.loss_gradient(feeder, flow)
    return SensitivityStudy(feeder, gradient, sensitivity.rank_buses(feeder, flow))


def sensitivity_figures(study: SensitivityStudy) -> dict[str, Any]:
    names = study.feeder.bus_names
    return {
        "feeder": study.feeder.name,
        "dloss_dp": dict(zip(names, study.gradient.dp, strict=True)),
        "dloss_dq": dict(zip(names, study.gradient.dq, strict=True)),
        "best": [
            {"bus": names[bus], "phase": "abc"[phase], "dloss_dp": value}
            for bus, phase, value in study.ranking[:10]
        ],
    }


class HostingParams(Params, frozen=True, kw_only=True):
    feeder: FeederName = "ieee33"
    limit: Annotated[float, Meta(gt=0.5, lt=1.0, description="Lowest permitted voltage, pu.")] = (
        0.90
    )
    bus: Annotated[
        str, Meta(max_length=100, description="A bus (by name, else 0-based), uniform, or all.")
    ] = "uniform"
    power_factor: Annotated[float, Meta(gt=0.0, le=1.0, description="Of the added load.")] = 1.0
    ev_w: Annotated[
        float, Meta(gt=0, le=1e7, description="One EV, in the stochastic study, W.")
    ] = 11_000.0
    placements: Annotated[
        int, Meta(ge=0, le=5_000, description="Random placements; 0 leaves them out.")
    ] = 0
    seed: Annotated[int, Meta(ge=0, description="Of the random placements.")] = 1


@dataclass(frozen=True, slots=True, eq=False)
class HostingStudy:
    feeder: Feeder
    limit_v_pu: float
    where: str
    capacity: hosting_capacity.HostingCapacity
    by_bus: dict[str, hosting_capacity.HostingCapacity]
    stochastic: hosting_capacity.StochasticHosting | None


def run_hosting(params: HostingParams) -> HostingStudy:
    feeder = named_feeder(params.feeder)
    every = params.bus == "all"
    if params.bus in ("uniform", "all"):
        share = hosting_capacity.uniform(feeder)
    else:
        share = hosting_capacity.at_bus(feeder, feeder.bus(params.bus))

    def capacity(at: FloatArray) -> hosting_capacity.HostingCapacity:
        return hosting_capacity.hosting_capacity(
            feeder, at, v_min_pu=params.limit, power_factor=params.power_factor
        )

    by_bus = {}
    if every:
        by_bus = {
            feeder.bus_names[i]: capacity(hosting_capacity.at_bus(feeder, i))
            for i in range(1, feeder.n_bus)
        }
    drawn = None
    if params.placements:
        drawn = hosting_capacity.stochastic(
            feeder, params.ev_w, np.random.default_rng(params.seed),
            v_min_pu=params.limit, placements=params.placements,
        )  # fmt: skip
    return HostingStudy(feeder, params.limit, params.bus, capacity(share), by_bus, drawn)


def hosting_figures(study: HostingStudy) -> dict[str, Any]:
    found = study.capacity
    figures: dict[str, Any] = {
        "feeder": study.feeder.name,
        "limit_v_pu": study.limit_v_pu,
        "where": "uniform" if study.where == "all" else study.where,
        "ac_kw": found.ac_w / 1e3,
        "lindistflow_kw": found.lindistflow_w / 1e3,
        "limited_at": study.feeder.bus_names[found.bus],
        "limited_by": found.limited_by,
    }
    if study.by_bus:
        figures["by_bus"] = {
            bus: {"ac_kw": one.ac_w / 1e3, "lindistflow_kw": one.lindistflow_w / 1e3}
            for bus, one in study.by_bus.items()
        }
    if study.stochastic is not None:
        figures["stochastic"] = {
            "placements": len(study.stochastic.capacity),
            "evs_p5": study.stochastic.percentile(5.0),
            "evs_p50": study.stochastic.percentile(50.0),
            "evs_p95": study.stochastic.percentile(95.0),
            "counts": study.stochastic.counts,
            "min_v_pu_p5_p50_p95": study.stochastic.min_v_pu,
            "breach_share": study.stochastic.breach_share,
        }
    return figures


STUDIES: tuple[Study[Any, Any], ...] = (
    Study(
        "powerflow", "AC power flow of a feeder, with LinDistFlow beside it.",
        PowerFlowParams, run_power_flow, power_flow_figures, plots.plot_power_flow,
    ),
    Study(
        "sensitivity", "Loss sensitivity at every bus, and where the next kW costs least.",
        SensitivityParams, run_sensitivity, sensitivity_figures, plots.plot_sensitivity,
    ),
    Study(
        "hosting-capacity", "How much load a feeder can take before its voltage limit.",
        HostingParams, run_hosting, hosting_figures, plots.plot_hosting,
    ),
)  # fmt: skip
