"""Figures of the feeder studies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from csms.grid.network import Feeder, FloatArray

if TYPE_CHECKING:
    from csms.api.studies.grid import HostingStudy, PowerFlowStudy, SensitivityStudy

BLUE, ORANGE, GREEN, RED, GREY = "#1f6fb4", "#d9730d", "#2e8b57", "#c0392b", "#6b7280"
PHASE_COLOURS = (BLUE, ORANGE, GREEN)
MANY = 60


def _axes(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9.0, 4.8), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left")
    axes.grid(True, color="#e5e7eb", lw=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _distance_pu(feeder: Feeder) -> FloatArray:
    """Electrical distance from the source: positive-sequence impedance on the way, pu, (n,)."""
    z = np.zeros(feeder.n_bus)
    own = np.abs(feeder.z1_pu)
    for i in range(1, feeder.n_bus):
        z[i] = z[feeder.parent[i]] + own[i]
    return z


def plot_power_flow(study: PowerFlowStudy) -> Figure:
    """Voltage against electrical distance, branch by branch, AC and linear."""
    feeder, flow = study.feeder, study.flow
    figure, axes = _axes(
        f"{feeder.name}: losses {flow.loss_w / 1e3:.4g} kW, lowest voltage {flow.min_v_pu:.4f} pu"
    )
    distance = _distance_pu(feeder)
    v = flow.vm_pu.reshape(feeder.n_bus, -1)
    linear = study.linear_v_pu.reshape(feeder.n_bus, -1)
    single = v.shape[1] == 1
    for phase in range(v.shape[1]):
        colour = PHASE_COLOURS[phase]
        for i in range(1, feeder.n_bus):
            k = int(feeder.parent[i])
            label = None
            if i == 1:
                label = "AC" if single else f"AC, phase {'abc'[phase]}"
            axes.plot(
                [distance[k], distance[i]],
                [v[k, phase], v[i, phase]],
                color=colour,
                lw=1.6,
                label=label,
            )
        axes.plot(
            distance, linear[:, phase], ".", color=GREY, ms=4,
            label="LinDistFlow" if phase == 0 else None,
        )  # fmt: skip
    axes.set(xlabel="electrical distance from the source (pu impedance)", ylabel="voltage (pu)")
    axes.legend(frameon=False)
    return figure


def plot_sensitivity(study: SensitivityStudy) -> Figure:
    """Extra loss per extra kW, by bus."""
    feeder = study.feeder
    figure, axes = _axes(f"{feeder.name}: what one more kW costs in losses")
    cost = 100.0 * study.gradient.dp.reshape(feeder.n_bus, -1)
    x = np.arange(feeder.n_bus)
    width = 0.8 / cost.shape[1]
    for phase in range(cost.shape[1]):
        label = None if cost.shape[1] == 1 else f"phase {'abc'[phase]}"
        if feeder.n_bus > MANY:
            axes.plot(x, cost[:, phase], color=PHASE_COLOURS[phase], lw=1.2, label=label)
        else:
            offset = (phase - 0.5 * (cost.shape[1] - 1)) * width
            axes.bar(x + offset, cost[:, phase], width, color=PHASE_COLOURS[phase], label=label)
    _name_buses(axes, feeder)
    axes.set_ylabel("additional loss (% of the additional load)")
    if cost.shape[1] > 1:
        axes.legend(frameon=False)
    return figure


def plot_hosting(study: HostingStudy) -> Figure:
    """Per bus, or stochastic, or the one number, AC beside LinDistFlow."""
    feeder = study.feeder
    if study.stochastic is not None:
        return _plot_stochastic(study)
    figure, axes = _axes(f"{feeder.name}: load that may be added until {study.limit_v_pu:g} pu")
    cases = study.by_bus or {study.where: study.capacity}
    x = np.arange(len(cases))
    ac = np.array([one.ac_w for one in cases.values()]) / 1e3
    linear = np.array([one.lindistflow_w for one in cases.values()]) / 1e3
    axes.bar(x - 0.2, ac, 0.4, color=BLUE, label="AC: what the feeder bears")
    axes.bar(x + 0.2, linear, 0.4, color=ORANGE, label="LinDistFlow: too optimistic")
    axes.set_xticks(x, list(cases), rotation=90 if len(cases) > 12 else 0)
    if len(cases) > 1:
        axes.set_yscale("log")
    else:
        axes.set_xlim(-1.5, 1.5)
    axes.set(xlabel="bus" if study.by_bus else "placement", ylabel="added load (kW)")
    axes.legend(frameon=False)
    return figure


def _plot_stochastic(study: HostingStudy) -> Figure:
    drawn = study.stochastic
    if drawn is None:
        raise ValueError("no stochastic study")
    figure, axes = _axes(
        f"{study.feeder.name}: lowest voltage over {len(drawn.capacity)} random placements"
    )
    low, mid, high = drawn.min_v_pu.T
    axes.fill_between(drawn.counts, low, high, color=BLUE, alpha=0.2, lw=0, label="5% to 95%")
    axes.plot(drawn.counts, mid, color=BLUE, label="median")
    axes.axhline(study.limit_v_pu, color=RED, ls="--", lw=1.2, label="limit")
    axes.set(xlabel="number of EVs", ylabel="lowest voltage (pu)")
    axes.legend(frameon=False)
    return figure


def _name_buses(axes: Axes, feeder: Feeder) -> None:
    axes.set_xlabel("bus")
    if feeder.n_bus <= MANY:
        axes.set_xticks(np.arange(feeder.n_bus), feeder.bus_names, fontsize=8)
    else:
        axes.set_xlabel("bus, in breadth-first order")
