"""Figures of the dynamic studies. Each function draws one result; `save` writes the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from csms.grid.black_start import BlackStartResult
from csms.grid.cascade import CascadeStudy
from csms.grid.fleet_studies import StepStudy, TraceStudy
from csms.grid.frequency import FrequencyResult
from csms.grid.protection import ProtectionResult
from csms.grid.regulation import RegulationStudy
from csms.grid.resilience import ResilienceStudy
from csms.grid.stability import DampingStudy

BLUE, ORANGE, GREEN, RED, GREY = "#1f6fb4", "#d9730d", "#2e8b57", "#c0392b", "#6b7280"
NEAR_CTI = 1.3  # pairs with more than this much of the interval are not at issue
POLICY_COLOURS = {"none": GREY, "simultaneous": RED, "staggered": BLUE, "droop": GREEN}


def save(figure: Figure, path: Path) -> None:
    """Write `figure` as the suffix of `path` says (png, pdf, svg)."""
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=150)


def plot_frequency(result: FrequencyResult) -> Figure:
    """Deviation with nadir, steady state and initial slope marked."""
    figure, (axes,) = _figure(1, height=4.0)
    axes.plot(result.t_s, result.deviation_hz, color=BLUE, label="frequency deviation")
    axes.axhline(
        result.steady_hz, color=GREY, ls="--", lw=1, label=f"end {result.steady_hz:.3f} Hz"
    )
    slope_t = np.array([0.0, min(1.1 * result.nadir_hz / result.rocof_hz_s, result.t_s[-1])])
    axes.plot(
        slope_t,
        result.rocof_hz_s * slope_t,
        color=ORANGE,
        ls=":",
        label=f"RoCoF {result.rocof_hz_s:.3f} Hz/s",
    )
    axes.plot(
        result.nadir_t_s,
        result.nadir_hz,
        "o",
        color=RED,
        label=f"nadir {result.nadir_hz:.4f} Hz at {result.nadir_t_s:.2f} s",
    )
    axes.set(xlabel="time (s)", ylabel=f"deviation from {result.f_nom_hz:g} Hz (Hz)")
    axes.set_title("System frequency response")
    axes.legend(loc="lower right")
    return figure


def plot_cascade(study: CascadeStudy) -> Figure:
    """Frequency and load shed under each policy."""
    figure, (upper, lower) = _figure(2, height=6.5)
    for name, result in study.policies.items():
        colour = POLICY_COLOURS.get(name)
        label = (
            f"{name}: {result.nadir_hz:.3f} to {result.peak_hz:.3f} Hz, {result.trips_per_ev} trips"
        )
        upper.plot(result.t_s, result.f_hz, color=colour, lw=1.2, label=label)
        lower.plot(result.t_s, 100.0 * result.shed_pu, color=colour, lw=1.2, label=name)
    upper.set(ylabel="frequency (Hz)")
    upper.set_title("Loss of generation: what the charging fleet does")
    lower.set(xlabel="time (s)", ylabel="charging shed (% of system load)")
    _legend_above(upper, 2)
    return figure


def plot_regulation(study: RegulationStudy) -> Figure:
    """ACE, frequency and who delivers, with the fleet; the case without it dashed."""
    figure, axes = _figure(3, height=8.0)
    for result, style, label in (
        (study.with_fleet, "-", "with fleet"),
        (study.without_fleet, "--", "without fleet"),
    ):
        trace = result.trace
        settled = result.settling_time_s
        text = "not settled" if settled is None else f"settled in {settled:.0f} s"
        axes[0].plot(
            trace.t_s, trace.ace_pu[:, 0], style, color=BLUE, lw=1.2, label=f"{label}, {text}"
        )
        axes[1].plot(trace.t_s, trace.deviation_hz[:, 0], style, color=BLUE, lw=1.2, label=label)
        axes[2].plot(trace.t_s, trace.units_pu[:, 0], style, color=ORANGE, label=f"units, {label}")
    trace = study.with_fleet.trace
    axes[2].plot(trace.t_s, trace.fleet_pu[:, 0], color=GREEN, label="fleet")
    axes[2].plot(trace.t_s, trace.reserve_pu[:, 0], color=GREY, label="contingency reserve")
    axes[0].set(ylabel="ACE (pu)")
    axes[0].set_title("Secondary regulation of the disturbed area")
    axes[1].set(ylabel="deviation (Hz)")
    axes[2].set(xlabel="time (s)", ylabel="up-regulation (pu)")
    for ax in axes:
        ax.legend(loc="best")
    return figure


def plot_damping(study: DampingStudy) -> Figure:
    """Damping ratio against delay for each gain; circles mark the analytic limit."""
    figure, (axes,) = _figure(1, height=4.5)
    colours = _shades(len(study.gain_pu))
    rows = zip(study.gain_pu, study.damping_ratio, study.delay_limit_s, colours, strict=True)
    for gain, ratio, limit, colour in rows:
        axes.plot(study.delay_s, ratio, color=colour, label=f"{gain:g} pu/pu")
        if limit is not None and limit <= study.delay_s[-1]:
            axes.plot(limit, 0.0, "o", color=colour)
    axes.axhline(0.0, color=GREY, lw=1)
    axes.set(xlabel="fleet delay (s)", ylabel="damping ratio of the swing mode (1)")
    axes.set_title("Damping by fleet droop; circles: delay limit by phase margin")
    axes.legend(title="fleet gain", loc="upper right")
    return figure


def plot_steps(study: StepStudy) -> Figure:
    """A fleet in 1 A steps, with and without shifted curves."""
    figure, (upper, lower) = _figure(2, height=6.5)
    for trace, colour, style, ripple_hz, label in (
        (study.stepped, RED, "-", study.ripple_stepped_hz, "1 A steps, one curve"),
        (study.shifted, BLUE, "-", study.ripple_shifted_hz, "1 A steps, shifted curves"),
        (study.continuous, "black", "--", study.ripple_continuous_hz, "continuous"),
    ):
        text = f"{label}, {1e3 * ripple_hz:.2f} mHz"
        upper.plot(trace.t_s, trace.deviation_hz, style, color=colour, lw=1.2, label=text)
        lower.plot(trace.t_s, trace.fleet_power_w / 1e6, style, color=colour, lw=1.2)
    upper.set(ylabel="deviation (Hz)")
    upper.set_title("Ripple of the last 20 s, peak to peak")
    upper.legend(loc="lower right")
    lower.set(xlabel="time (s)", ylabel="fleet import (MW)")
    return figure


def plot_trace(study: TraceStudy) -> Figure:
    """A measured frequency and the fleet's answer."""
    figure, (upper, lower) = _figure(2, height=6.0)
    minutes = study.response.t_s / 60.0
    upper.plot(minutes, study.f_nom_hz + study.response.deviation_hz, color=BLUE, lw=0.8)
    lower.plot(minutes, study.response.fleet_power_w / 1e6, color=GREEN, lw=0.8)
    upper.set(ylabel="frequency (Hz)")
    upper.set_title(
        f"Measured frequency, {study.n_gaps} gaps ({study.filled_samples} samples filled)"
    )
    lower.set(xlabel="time (min)", ylabel="fleet import (MW)")
    return figure


def plot_protection(result: ProtectionResult) -> Figure:
    """Fault level by bus without and with the fleet; margin of each pair against fleet size."""
    figure, (upper, lower) = _figure(2, height=8.0, share_x=False)
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
    figure, (upper, lower) = _figure(2, height=8.0, share_x=False)
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
    figure, (axes,) = _figure(1, height=4.0)
    last = result.order[-1].t_s if result.order else 60.0
    shown = result.t_s <= max(60.0, 1.6 * last)
    axes.plot(result.t_s[shown], result.limit_w[shown] / 1e3, color=ORANGE, ls="--", label="limit")
    axes.plot(result.t_s[shown], result.drawn_w[shown] / 1e3, color=BLUE, label="drawn")
    for rank, closure in enumerate(result.order):
        axes.axvline(closure.t_s, color=GREY, lw=0.6)
        axes.annotate(
            closure.name, (closure.t_s, 1.0), xycoords=("data", "axes fraction"),
            xytext=(3, -10 - 11 * rank), textcoords="offset points", fontsize=8, color=GREY,
        )  # fmt: skip
    axes.set(xlabel="time after the outage (s)", ylabel="power (kW)", ylim=(0.0, None))
    axes.set_title("Black start")
    axes.legend(loc="lower right")
    return figure


def _figure(rows: int, *, height: float, share_x: bool = True) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(8.0, height), layout="constrained")
    grid = figure.subplots(rows, 1, sharex=share_x, squeeze=False)[:, 0]
    axes = list(grid)
    for ax in axes:
        ax.grid(visible=True, color="#e5e7eb", lw=0.6)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


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


def _legend_above(axes: Axes, columns: int) -> None:
    axes.set_title(axes.get_title(), pad=42)
    axes.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, frameon=False, fontsize=8
    )


def _shades(n: int) -> list[tuple[float, float, float]]:
    """`n` blues from light to dark."""
    light, dark = np.array([0.62, 0.78, 0.92]), np.array([0.03, 0.19, 0.42])
    return [tuple(light + (dark - light) * i / max(n - 1, 1)) for i in range(n)]
