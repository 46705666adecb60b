"""Figures of the frequency studies. Each function draws one result."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from csms.api.plots.palette import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    legend_above,
    panels,
    shade,
)  # fmt: skip
from csms.grid.cascade import CascadeStudy
from csms.grid.fleet_studies import StepStudy, TraceStudy
from csms.grid.frequency import FrequencyResult
from csms.grid.mixed_fleet import MixedFleetStudy
from csms.grid.regulation import RegulationStudy
from csms.grid.stability import DampingStudy
from csms.grid.swing import FloatArray

NEAR_S = 60.0
POLICY_COLOURS = {"none": GREY, "simultaneous": RED, "staggered": BLUE, "droop": GREEN}


def plot_frequency(result: FrequencyResult) -> Figure:
    """Deviation with nadir, steady state and initial slope marked."""
    figure, (axes,) = panels(height=4.0)
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
    axes.legend(loc="best")
    return figure


def plot_mixed_fleet(study: MixedFleetStudy) -> Figure:
    """Deviation with the fleet and without; what the fleet gives."""
    figure, (upper, lower) = panels(2, height=6.5, share_x=True)
    upper.plot(
        study.t_s, study.without_hz, color=GREY, ls="--",
        label=f"without fleet, nadir {study.nadir_without_hz:.3f} Hz",
    )  # fmt: skip
    upper.plot(
        study.t_s,
        study.deviation_hz,
        color=BLUE,
        label=f"with fleet, nadir {study.nadir_hz:.3f} Hz",
    )
    upper.set(ylabel=f"deviation from {study.f_nom_hz:g} Hz (Hz)")
    upper.set_title(f"{study.n_ev:,} vehicles, each with a curve of its own")
    upper.legend(loc="best")
    lower.plot(study.t_s, study.relief_w / 1e6, color=GREEN)
    lower.set(xlabel="time (s)", ylabel="relief by the fleet (MW)")
    return figure


def plot_cascade(study: CascadeStudy) -> Figure:
    """Frequency and load shed under each policy."""
    figure, (upper, lower) = panels(2, height=6.5, share_x=True)
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
    upper.set_title(upper.get_title(), pad=42)
    legend_above(upper, 2)
    return figure


def plot_regulation(study: RegulationStudy) -> Figure:
    """ACE, frequency and who delivers, with the fleet; the case without it dashed."""
    figure, axes = panels(3, height=8.0, share_x=True)
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
    """Damping ratio against delay for each droop; circles mark the analytic limit."""
    figure, (axes,) = panels(height=4.5)
    for k, (gain, droop, limit) in enumerate(
        zip(study.gain_pu, study.droop_pu, study.limits, strict=True)
    ):
        colour = shade(k / max(len(study.gain_pu) - 1, 1))
        label = f"{100 * droop:.3g}% droop, gain {gain:.3g}: "
        label += "any delay" if limit.delay_s is None else f"{limit.delay_s:.2f} s"
        axes.plot(study.delay_s, study.damping_ratio[k], color=colour, label=label)
        if limit.delay_s is not None and limit.delay_s <= study.delay_s[-1]:
            axes.plot(limit.delay_s, 0.0, "o", color=colour)
    low = min(0.0, axes.get_ylim()[0])
    axes.axhspan(low, 0.0, color=RED, alpha=0.07, lw=0)
    axes.text(0.01, 0.02, "oscillation grows", color=RED, fontsize=8, transform=axes.transAxes)
    axes.axhline(0.0, color=GREY, lw=1)
    axes.set(
        xlim=(0.0, study.delay_s[-1]), ylim=(low, None),
        xlabel="delay of the fleet (s)", ylabel="damping ratio of the swing mode (1)",
    )  # fmt: skip
    axes.set_title(
        f"Damping by a fleet of {study.fleet_share_pu:g} pu; circles: delay at which it oscillates"
    )
    axes.legend(title="droop of each vehicle: delay limit", loc="upper right", fontsize=8)
    return figure


def plot_steps(study: StepStudy) -> Figure:
    """A fleet in 1 A steps, with and without shifted curves."""
    figure, (upper, lower) = panels(2, height=6.5, share_x=True)
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
    """A measured frequency and the fleet's answer: the whole recording, and the minutes around its lowest point."""
    response = study.response
    figure, axes = panels(2, 2, width=11.0, height=6.0)
    f_hz = study.f_nom_hz + response.deviation_hz
    power_mw = response.fleet_power_w / 1e6
    lowest = int(np.argmin(f_hz))
    near = np.abs(response.t_s - response.t_s[lowest]) <= NEAR_S
    from_lowest = response.t_s - response.t_s[lowest]
    for column, (t, pick) in enumerate(((response.t_s / 60.0, slice(None)), (from_lowest, near))):
        axes[column].plot(t[pick], f_hz[pick], color=BLUE, lw=0.9)
        axes[2 + column].plot(t[pick], power_mw[pick], color=GREEN, lw=0.9)
    axes[0].set_title(
        f"Recorded frequency, {study.n_gaps} gaps ({study.filled_samples} samples filled)"
    )
    axes[0].set(ylabel="frequency (Hz)", ylim=_usual(f_hz))
    axes[1].set_title(f"Around its lowest point, {study.min_hz:.3f} Hz")
    axes[1].set(ylabel="frequency (Hz)")
    axes[2].set(xlabel="time (min)", ylabel="fleet import (MW)", ylim=_usual(power_mw))
    axes[3].set(xlabel="time from the lowest point (s)", ylabel="fleet import (MW)")
    return figure


def _usual(values: FloatArray) -> tuple[float, float]:
    """Limits that all but the outermost half percent keep, so that one event does not flatten the rest."""
    low, high = np.percentile(values, [0.5, 99.5])
    room = 0.25 * max(high - low, 1e-6)
    return float(low - room), float(high + room)
