"""Figures of faults and outages: protection, resilience, black start. Each function draws one result."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from csms.api.plots.palette import BLUE, GREY, ORANGE, RED, panels
from csms.grid.black_start import BlackStartResult
from csms.grid.protection import ProtectionResult
from csms.grid.resilience import ResilienceStudy

NEAR_CTI = 1.3  # pairs with more than this much of the interval are not at issue


def plot_protection(result: ProtectionResult) -> Figure:
    """Fault level by bus without and with the fleet; margin of each pair against fleet size."""
    figure, (upper, lower) = panels(2, height=8.0)
    without, with_fleet = result.fault_ka["without_fleet"], result.fault_ka["with_fleet"]
    names = sorted(without, key=lambda name: (len(name), name))
    place = np.arange(len(names))
    label = f"with {result.fleet_va / 1e6:g} MVA at bus {result.fleet_bus}"
    upper.bar(place - 0.2, [without[n] for n in names], 0.4, color=GREY, label="without fleet")
    upper.bar(place + 0.2, [with_fleet[n] for n in names], 0.4, color=BLUE, label=label)
    step = max(1, len(names) // 33)
    upper.set_xticks(place[::step], names[::step], fontsize=8)
    upper.set(xlabel="bus", ylabel="short-circuit current (kA)", yscale="log")
    upper.set_title("Initial symmetrical short-circuit current")
    upper.legend()
    lost = {f"{x.backup} > {x.primary}": x.fleet_va for x in result.losses}
    size_mva = result.sweep_fleet_va / 1e6
    near = {p: m for p, m in result.sweep_margin_s.items() if m.min() < NEAR_CTI * result.cti_s}
    for pair, margin in (near or result.sweep_margin_s).items():
        colour = RED if pair in lost else GREY
        lower.plot(size_mva, margin, color=colour, lw=1.4 if pair in lost else 1.0)
        if pair in lost:
            lower.plot(lost[pair] / 1e6, result.cti_s, "o", color=RED)
    lower.axhline(result.cti_s, color=ORANGE, ls="--", lw=1, label=f"CTI {result.cti_s:g} s")
    _label_ends(
        lower, size_mva[-1], {p: float(m[-1]) for p, m in (near or result.sweep_margin_s).items()}
    )
    lower.margins(x=0.0)
    lower.set(xlabel="fleet size (MVA)", ylabel="least margin (s)")
    others = len(result.sweep_margin_s) - len(near) if near else 0
    more = f" (ample, left out: {others})" if others else ""
    lower.set_title(f"Margin of backup over primary; circles: where it is lost{more}")
    lower.legend(loc="best")
    return figure


def plot_resilience(study: ResilienceStudy) -> Figure:
    """Demand and service through the outage; energy not served over fleet size and charge."""
    figure, (upper, lower) = panels(2, height=8.0)
    case, around = study.case, study.adequacy
    hours = case.t_s / 3600.0
    upper.plot(hours, case.demand_w / 1e3, color=GREY, ls="--", label="critical demand")
    upper.plot(hours, case.served_w / 1e3, color=BLUE, label="served")
    upper.fill_between(
        hours, case.served_w / 1e3, case.demand_w / 1e3, color=RED, alpha=0.2, lw=0,
        label=f"not served, {case.ens_kwh:.0f} kWh",
    )  # fmt: skip
    upper.set(xlabel="time (h)", ylabel="power (kW)", ylim=(0.0, None))
    upper.set_title("Island through the outage")
    upper.legend(loc="lower left", bbox_to_anchor=(0.12, 0.02))
    mesh = lower.pcolormesh(
        100.0 * around.soc_frac, np.arange(len(around.n_ev)), around.ens_kwh, cmap="YlOrRd"
    )
    lower.set_yticks(np.arange(len(around.n_ev)), [f"{n:.0f}" for n in around.n_ev])
    middle = float(around.ens_kwh.max()) / 2.0
    for i in range(len(around.n_ev)):
        for j, soc in enumerate(around.soc_frac):
            value = around.ens_kwh[i, j]
            ink = "white" if value > 1.4 * middle else "black"
            lower.text(
                100.0 * soc, i, f"{value:.0f}", ha="center", va="center", fontsize=8, color=ink
            )
    lower.grid(visible=False)
    lower.set(xlabel="state of charge at the outage (%)", ylabel="vehicles")
    lower.set_title("Energy not served")
    figure.colorbar(mesh, ax=lower, label="energy not served (kWh)")
    return figure


def plot_black_start(result: BlackStartResult) -> Figure:
    """Power drawn as the blocks are closed, under the fleet's limit."""
    figure, (axes,) = panels(height=4.0)
    last = result.order[-1].t_s if result.order else 60.0
    shown = result.t_s <= max(60.0, 1.6 * last)
    axes.plot(result.t_s[shown], result.limit_w[shown] / 1e3, color=ORANGE, ls="--", label="limit")
    axes.plot(result.t_s[shown], result.drawn_w[shown] / 1e3, color=BLUE, label="drawn")
    top = float(result.limit_w.max()) / 1e3
    for rank, closure in enumerate(result.order, start=1):
        axes.axvline(closure.t_s, color=GREY, lw=0.6)
        axes.annotate(
            f"{rank} {closure.name}", (closure.t_s, 1.0), xycoords=("data", "axes fraction"),
            xytext=(-2, -3), textcoords="offset points", fontsize=8, color=GREY, rotation=90,
            ha="right", va="top",
        )  # fmt: skip
    axes.set(xlabel="time after the outage (s)", ylabel="power (kW)", ylim=(0.0, 1.35 * top))
    dark = ", ".join(left.name for left in result.left_out)
    axes.set_title(
        f"Black start: {len(result.order)} blocks closed in this order"
        + (f"; left dark: {dark}" if dark else "")
    )
    axes.legend(loc="lower right")
    return figure


def _label_ends(axes: Axes, x: float, ends: dict[str, float]) -> None:
    """Names to the right of their lines, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    gap, last = 0.045 * (high - low), -np.inf
    for name, y in sorted(ends.items(), key=lambda item: item[1]):
        last = max(y, last + gap)
        axes.annotate(
            name, (x, last), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8,
            color=GREY, annotation_clip=False,
        )  # fmt: skip
