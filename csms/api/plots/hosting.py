"""Figures of the hosting-capacity study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from csms.api.plots.palette import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, legend_above, panels
from csms.grid.stochastic_hosting import StochasticHosting, wilson

if TYPE_CHECKING:
    from csms.api.studies.hosting import HostingStudy

KW = 1e-3
MANY = 60
OUT_OF_SIGHT = 30.0  # times the median capacity


def plot_hosting(study: HostingStudy) -> Figure:
    """Random placements, or bus by bus, or the voltage against the load added at one place."""
    if study.stochastic is not None:
        return _plot_stochastic(study, study.stochastic)
    return _plot_by_bus(study) if study.by_bus else _plot_sweep(study)


def _plot_sweep(study: HostingStudy) -> Figure:
    sweep, found = study.sweep, study.capacity
    controlled = found.controlled
    rows = 1 if controlled is None else 2
    figure, axes = panels(rows, height=4.4 if rows == 1 else 7.0, share_x=True)
    upper, added = axes[0], KW * sweep.added_w
    curves = [
        ("AC", BLUE, "-", sweep.ac_v_pu, found.ac_w),
        ("LinDistFlow (too optimistic)", ORANGE, "--", sweep.lindistflow_v_pu, found.lindistflow_w),
    ]
    if controlled is not None and study.control is not None and sweep.controlled_v_pu is not None:
        curves.append(
            (f"AC with {study.control.name}", GREEN, "-", sweep.controlled_v_pu, controlled.connected_w)
        )  # fmt: skip
    for name, colour, style, v_pu, capacity_w in curves:
        ends = np.isfinite(capacity_w)
        label = f"{name}: {KW * capacity_w:,.1f} kW" if ends else f"{name}: no limit"
        upper.plot(added, v_pu, style, color=colour, label=label, zorder=3)
        if ends:
            upper.plot(KW * capacity_w, study.limit_v_pu, "o", color=colour, zorder=4)
    upper.axhline(study.limit_v_pu, color=RED, lw=1, ls=":", label=f"limit {study.limit_v_pu:g} pu")
    upper.set(ylabel="lowest voltage (pu)", ylim=_around(study, [curve[3] for curve in curves]))
    where = "spread over all buses" if study.where == "uniform" else f"at bus {study.where}"
    upper.set_title(f"{study.feeder.name}: charging load that may be connected {where}")
    upper.legend(loc="upper right", fontsize=9)
    if controlled is not None and sweep.served_w is not None and sweep.q_var is not None:
        lower = axes[1]
        lower.plot(added, added, color=GREY, lw=1, ls="--", label="connected (kW)")
        lower.plot(added, KW * sweep.served_w, color=GREEN, label="served (kW)")
        lower.plot(KW * controlled.connected_w, KW * controlled.served_w, "o", color=GREEN)
        if sweep.q_var.any():
            lower.plot(added, -KW * sweep.q_var, color=PURPLE, label="reactive power given (kvar)")
        lower.set(ylabel="power of the chargers (kW, kvar)", ylim=(0.0, None))
        lower.legend(loc="upper left", fontsize=9)
    axes[-1].set(xlabel="charging load connected (kW)", xlim=(0.0, added[-1]))
    return figure


def _around(study: HostingStudy, curves: list[np.ndarray]) -> tuple[float, float]:
    """From well below the limit to above the highest voltage: what collapses further down is out of the picture."""
    top = max(float(np.nanmax(curve)) for curve in curves)
    span = max(top - study.limit_v_pu, 0.01)
    return study.limit_v_pu - 1.2 * span, top + 0.25 * span


def _plot_by_bus(study: HostingStudy) -> Figure:
    figure, (axes,) = panels(width=10.0, height=4.8)
    cases = list(study.by_bus.values())
    x = np.arange(len(cases))
    series = [
        ("AC: what the feeder bears", BLUE, [one.ac_w for one in cases]),
        ("LinDistFlow: too optimistic", ORANGE, [one.lindistflow_w for one in cases]),
    ]
    if study.control is not None:
        connected = [one.controlled.connected_w for one in cases if one.controlled]
        series.append((f"AC with {study.control.name}", GREEN, connected))
    many, width = len(cases) > MANY, 0.8 / len(series)
    for k, (label, colour, watts) in enumerate(series):
        offset = (k - 0.5 * (len(series) - 1)) * width
        if many:
            axes.plot(x, KW * np.array(watts), ".", ms=5 - k, color=colour, label=label)
        else:
            axes.bar(x + offset, KW * np.array(watts), width, color=colour, label=label)
    step = max(1, len(cases) // 40)
    axes.set_xticks(x[::step], list(study.by_bus)[::step], fontsize=8, rotation=90 if many else 0)
    axes.set(xlabel="bus", ylabel="charging load connected (kW)", yscale="log")
    if many:  # the first metres behind the source bear anything
        usual = float(np.median([one.ac_w for one in cases]))
        axes.set_ylim(top=min(axes.get_ylim()[1], OUT_OF_SIGHT * max(usual, 1.0) * KW))
    axes.margins(x=0.01)
    axes.set_title(f"{study.feeder.name}: load at one bus until {study.limit_v_pu:g} pu")
    axes.legend(fontsize=9)
    return figure


def _plot_stochastic(study: HostingStudy, plain: StochasticHosting) -> Figure:
    figure, (upper, lower) = panels(2, height=7.2, share_x=True)
    cases = [("no control", BLUE, plain)]
    if study.stochastic_controlled is not None and study.control is not None:
        cases.append((study.control.name, GREEN, study.stochastic_controlled))
    for name, colour, drawn in cases:
        _bands(upper, lower, name, colour, drawn)
    count = len(plain.capacity)
    upper.axhline(study.limit_v_pu, color=RED, ls=":", lw=1, label=f"limit {study.limit_v_pu:g} pu")
    lowest = max(float(min(drawn.min_v_pu.min() for *_, drawn in cases)), study.limit_v_pu - 0.15)
    upper.set(ylabel="lowest voltage (pu)", ylim=(lowest - 0.005, None))
    upper.set_title(
        f"{study.feeder.name}: {count:,} random placements of EVs of {KW * study.ev_w:g} kW"
    )
    upper.legend(fontsize=9, loc="upper right")
    lower.axhline(5.0, color=GREY, lw=1, ls="--")
    lower.set(
        xlabel="number of EVs", ylabel="placements below the limit (%)", ylim=(0.0, 100.0),
        xlim=(0.0, max(float(drawn.counts[-1]) for *_, drawn in cases)),
    )  # fmt: skip
    legend_above(lower, 1)
    return figure


def _bands(upper: Axes, lower: Axes, name: str, colour: str, drawn: StochasticHosting) -> None:
    low, middle, high = drawn.min_v_pu.T
    upper.fill_between(drawn.counts, low, high, color=colour, alpha=0.18, lw=0)
    upper.plot(drawn.counts, middle, color=colour, label=f"{name}: median, band 5% to 95%")
    safe, (least, most) = drawn.percentile(5.0), drawn.percentile_band(5.0)
    evs = np.arange(int(drawn.counts[-1]) + 1)
    breach = np.array([(drawn.capacity < count).mean() for count in evs])
    band = 100.0 * wilson(breach, len(drawn.capacity))
    lower.fill_between(evs, band[:, 0], band[:, 1], color=colour, alpha=0.25, lw=0)
    lower.plot(
        evs, 100.0 * breach, color=colour,
        label=f"{name}: 95% of placements take {safe:.0f} EVs ({least:.0f} to {most:.0f})",
    )  # fmt: skip
    lower.plot(safe, 5.0, "o", color=colour)
