"""Study of hosting capacity: AC, LinDistFlow, and AC with chargers that answer their own voltage."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from csms.api.studies.grid import FeederName
from csms.api.studies.study import LazyPlots, Params, Study, StudyError
from csms.grid import hosting_capacity, inverter_control, stochastic_hosting
from csms.grid.feeder_import import read
from csms.grid.network import Feeder, FloatArray

plots = LazyPlots("hosting")
SWEEP_POINTS = 49
SWEEP_BEYOND = 1.2
MAX_BUSES = 1_000
"""So many buses one by one, at most."""


class HostingParams(Params, frozen=True, kw_only=True):
    feeder: FeederName = "ieee33"
    limit: Annotated[float, Meta(gt=0.5, lt=1.0, description="Lowest permitted voltage, pu.")] = (
        0.90
    )
    bus: Annotated[
        str, Meta(max_length=100, description="A bus by name, uniform, or all.")
    ] = "uniform"  # fmt: skip
    control: Annotated[
        str,
        Meta(
            max_length=20,
            description="What chargers do about their voltage: none, volt-var, volt-watt or droop.",
        ),
    ] = "none"
    curve: Annotated[
        str, Meta(max_length=20, description="Its settings: ieee1547-a, ieee1547-b or en50549.")
    ] = "ieee1547-b"
    power_factor: Annotated[float, Meta(gt=0.0, le=1.0, description="Of the added load.")] = 1.0
    thermal: Annotated[
        bool, Meta(description="Ampacities and ratings end the capacity too (not LinDistFlow's).")
    ] = False
    ev_w: Annotated[
        float, Meta(gt=0, le=1e7, description="One EV, in the stochastic study, W.")
    ] = 11_000.0
    placements: Annotated[
        int, Meta(ge=0, le=5_000, description="Random placements of EVs; 0 leaves them out.")
    ] = 0
    max_evs: Annotated[int, Meta(ge=1, le=5_000, description="EVs that one placement may reach.")] = (
        500
    )  # fmt: skip
    seed: Annotated[int, Meta(ge=0, description="Of the random placements.")] = 1


@dataclass(frozen=True, slots=True, eq=False)
class HostingStudy:
    feeder: Feeder
    limit_v_pu: float
    where: str
    control: inverter_control.InverterControl | None
    capacity: hosting_capacity.HostingCapacity
    sweep: hosting_capacity.VoltageSweep
    by_bus: dict[str, hosting_capacity.HostingCapacity]
    stochastic: stochastic_hosting.StochasticHosting | None
    stochastic_controlled: stochastic_hosting.StochasticHosting | None
    ev_w: float


def run_hosting(params: HostingParams) -> HostingStudy:
    feeder = read(params.feeder).feeder
    rated = np.isfinite(feeder.ampacity_a[1:]) | np.isfinite(feeder.rating_va[1:])
    if params.thermal and not rated.any():
        raise StudyError(f"thermal: feeder {feeder.name!r} has no ampacities and no ratings")
    if params.thermal and params.placements:
        raise StudyError("thermal: random placements are judged by voltage alone")
    control = None
    if params.control != "none":
        control = inverter_control.preset(params.control, params.curve)
    if params.bus in ("uniform", "all"):
        share = hosting_capacity.uniform(feeder)
    else:
        bus = feeder.bus(params.bus)
        if bus == 0:
            raise StudyError(f"bus: {params.bus!r} is the source, whose voltage load does not move")
        share = hosting_capacity.at_bus(feeder, bus)
    every = range(1, feeder.n_bus) if params.bus == "all" else range(0)
    if len(every) > MAX_BUSES:
        raise ValueError(f"bus: all is for {MAX_BUSES} buses at most, {feeder.name!r} has more")

    def capacity(at: FloatArray) -> hosting_capacity.HostingCapacity:
        return hosting_capacity.hosting_capacity(
            feeder, at, v_min_pu=params.limit, power_factor=params.power_factor, thermal=params.thermal,
            control=control,
        )  # fmt: skip

    def placed(
        by: inverter_control.InverterControl | None,
    ) -> stochastic_hosting.StochasticHosting:
        return stochastic_hosting.stochastic(
            feeder, params.ev_w, np.random.default_rng(params.seed), v_min_pu=params.limit,
            placements=params.placements, max_evs=params.max_evs, control=by,
        )  # fmt: skip

    found = capacity(share)
    ends = (found.ac_w, found.lindistflow_w, found.controlled.connected_w if found.controlled else 0.0)  # fmt: skip
    most = max(end for end in ends if math.isfinite(end))
    return HostingStudy(
        feeder=feeder,
        limit_v_pu=params.limit,
        where=params.bus,
        control=control,
        capacity=found,
        sweep=hosting_capacity.voltage_sweep(
            feeder, share, np.linspace(0.0, SWEEP_BEYOND * max(most, 1e3), SWEEP_POINTS),
            power_factor=params.power_factor, control=control,
        ),
        by_bus={
            feeder.bus_names[i]: capacity(hosting_capacity.at_bus(feeder, i)) for i in every
        },
        stochastic=placed(None) if params.placements else None,
        stochastic_controlled=placed(control) if params.placements and control else None,
        ev_w=params.ev_w,
    )  # fmt: skip


def hosting_figures(study: HostingStudy) -> dict[str, Any]:
    found, names = study.capacity, study.feeder.bus_names
    figures: dict[str, Any] = {
        "feeder": study.feeder.name,
        "limit_v_pu": study.limit_v_pu,
        "where": "uniform" if study.where == "all" else study.where,
        "ac_kw": found.ac_w / 1e3,
        "lindistflow_kw": found.lindistflow_w / 1e3,
        "limited_at": names[found.bus],
        "limited_by": found.limited_by,
    }
    if study.control is not None and found.controlled is not None:
        with_control = found.controlled
        figures["ac_control_kw"] = with_control.connected_w / 1e3
        figures["control"] = {
            "name": study.control.name,
            "source": study.control.source,
            "connected_kw": with_control.connected_w / 1e3,
            "served_kw": with_control.served_w / 1e3,
            "q_kvar": with_control.q_var / 1e3,
            "limited_at": names[with_control.bus],
            "limited_by": with_control.limited_by,
            "residual": with_control.residual,
            "rounds": with_control.rounds,
        }
    if study.by_bus:
        figures["by_bus"] = {bus: _kilowatts(one) for bus, one in study.by_bus.items()}
    for key, drawn in (
        ("stochastic", study.stochastic),
        ("stochastic_controlled", study.stochastic_controlled),
    ):
        if drawn is not None:
            figures[key] = _stochastic_figures(drawn)
    return figures


def _kilowatts(one: hosting_capacity.HostingCapacity) -> dict[str, float]:
    figures = {"ac_kw": one.ac_w / 1e3, "lindistflow_kw": one.lindistflow_w / 1e3}
    if one.controlled is not None:
        figures["ac_control_kw"] = one.controlled.connected_w / 1e3
        figures["served_kw"] = one.controlled.served_w / 1e3
    return figures


def _stochastic_figures(drawn: stochastic_hosting.StochasticHosting) -> dict[str, Any]:
    figures: dict[str, Any] = {"placements": len(drawn.capacity), "max_evs": drawn.max_evs}
    for q in (5, 50, 95):
        figures[f"evs_p{q}"] = drawn.percentile(q)
        figures[f"evs_p{q}_ci95"] = drawn.percentile_band(q)
    return figures | {
        "counts": drawn.counts,
        "min_v_pu_p5_p50_p95": drawn.min_v_pu,
        "breach_share": drawn.breach_share,
        "breach_share_ci95": drawn.breach_band,
    }


STUDIES: tuple[Study[Any, Any], ...] = (
    Study(
        "hosting-capacity", "How much load a feeder can take before its voltage limit.",
        HostingParams, run_hosting, hosting_figures, plots.plot_hosting,
    ),
)  # fmt: skip
