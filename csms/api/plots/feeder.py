"""Figures of the feeder studies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from csms.api.plots.palette import BLUE, GREEN, GREY, ORANGE, PHASE_COLOURS, panels
from csms.grid.network import ABC, Feeder, FloatArray

if TYPE_CHECKING:
    from csms.api.studies.grid import PowerFlowStudy, SensitivityStudy

MANY = 60


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
    figure, (axes,) = panels(width=9.0, height=4.8)
    axes.set_title(
        f"{feeder.name}: losses {flow.loss_w / 1e3:.4g} kW, lowest voltage {flow.min_v_pu:.4f} pu"
    )
    distance = _distance_pu(feeder)
    v = flow.vm_pu.reshape(feeder.n_bus, -1)
    linear = study.linear_v_pu.reshape(feeder.n_bus, -1)
    single = v.shape[1] == 1
    for phase in range(v.shape[1]):
        ends = np.column_stack([feeder.parent[1:], np.arange(1, feeder.n_bus)])
        axes.add_collection(
            LineCollection(
                [[(distance[k], v[k, phase]), (distance[i], v[i, phase])] for k, i in ends],
                colors=PHASE_COLOURS[phase], linewidths=1.6,
                label="AC" if single else f"AC, phase {ABC[phase]}",
            )
        )  # fmt: skip
        axes.plot(
            distance, linear[:, phase], ".", color=GREY, ms=4 if feeder.n_bus <= MANY else 1.5,
            label="LinDistFlow" if phase == 0 else None, zorder=1,
        )  # fmt: skip
    axes.autoscale_view()
    axes.set(
        xlabel="electrical distance from the source (pu impedance)",
        ylabel="voltage, line to neutral (pu)",
    )
    axes.legend(fontsize=9)
    return figure


def plot_sensitivity(study: SensitivityStudy) -> Figure:
    """What one more kW at each bus does to the losses and to the lowest voltage; the best places in green."""
    feeder = study.feeder
    figure, (upper, lower) = panels(2, width=9.0, height=7.0, share_x=True)
    cost = 100.0 * study.gradient.dp.reshape(feeder.n_bus, -1)
    fall = 1e5 * study.voltage.dp.reshape(feeder.n_bus, -1)
    _by_bus(upper, feeder, cost)
    _by_bus(lower, feeder, fall)
    best = study.ranking[:10]
    upper.plot(
        [bus for bus, _, _ in best], [100.0 * value for _, _, value in best], "v", color=GREEN, ms=6,
        label="the ten best places",
    )  # fmt: skip
    upper.set_title(f"{feeder.name}: what one more kW does, by the bus where it is drawn")
    upper.set_ylabel("additional loss (% of it)")
    upper.legend(fontsize=9)
    bus = feeder.bus_names[study.weakest[0]]
    lower.set_ylabel(f"lowest voltage, bus {bus} (pu per 100 kW)")
    _name_buses(lower, feeder)
    return figure


def plot_tree(feeder: Feeder, places: FloatArray, v_pu: FloatArray | None) -> Figure:
    """One-line diagram: buses at ``places`` (n, 2), coloured by their lowest voltage, sized by their load."""
    figure, (axes,) = panels(width=11.0, height=5.0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    lines = [[places[k], places[i]] for i, k in enumerate(feeder.parent) if i > 0]
    changes = feeder.base_v[1:] != feeder.base_v[feeder.parent[1:]]
    axes.add_collection(
        LineCollection(lines, colors=[ORANGE if c else GREY for c in changes], linewidths=1.2, zorder=1)
    )  # fmt: skip
    load_kw = feeder.p_w.sum(axis=1) / 1e3
    size = (14.0 if feeder.n_bus <= MANY else 4.0) + 90.0 * load_kw / max(load_kw.max(), 1e-9)
    colour = BLUE if v_pu is None else np.nanmin(v_pu.reshape(feeder.n_bus, -1), axis=1)
    dots = axes.scatter(
        places[:, 0], places[:, 1], s=size, c=colour, cmap="RdYlBu", edgecolors="#374151", lw=0.4
    )
    axes.scatter(
        places[0, 0], places[0, 1], s=80, marker="s", color="black", zorder=3, label="source"
    )
    if v_pu is not None:
        figure.colorbar(dots, ax=axes, label="lowest phase voltage (pu)", fraction=0.03)
    if feeder.n_bus <= MANY:
        for name, (x, y) in zip(feeder.bus_names, places, strict=True):
            axes.annotate(
                name, (x, y), xytext=(0, 7), textcoords="offset points", fontsize=7, ha="center"
            )
    if changes.any():
        axes.plot([], [], color=ORANGE, label="transformer")
    axes.set(xticks=[], yticks=[])
    axes.invert_yaxis()
    axes.set_title(
        f"{feeder.name}: {feeder.n_bus} buses, {load_kw.sum():,.4g} kW (area of a dot: its load)"
    )
    axes.legend(fontsize=9, loc="best")
    return figure


def _by_bus(axes: Axes, feeder: Feeder, values: FloatArray) -> None:
    """Bars, or a line each where there are many buses; (n, 1) or (n, 3)."""
    x, phases = np.arange(feeder.n_bus), values.shape[1]
    for phase in range(phases):
        label = None if phases == 1 else f"phase {ABC[phase]}"
        if feeder.n_bus > MANY:
            axes.plot(x, values[:, phase], ".", ms=2, color=PHASE_COLOURS[phase], label=label)
        else:
            width = 0.8 / phases
            offset = (phase - 0.5 * (phases - 1)) * width
            axes.bar(x + offset, values[:, phase], width, color=PHASE_COLOURS[phase], label=label)


def _name_buses(axes: Axes, feeder: Feeder) -> None:
    axes.set_xlabel("bus")
    if feeder.n_bus <= MANY:
        axes.set_xticks(np.arange(feeder.n_bus), feeder.bus_names, fontsize=8)
    else:
        axes.set_xlabel("bus, in breadth-first order")
