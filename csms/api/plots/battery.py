"""Figures of the battery studies. Each function draws one result."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from csms.api.plots.palette import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, panels, shade
from csms.battery.studies import (
    CalendarStudy,
    DesignStudy,
    ExperimentStudy,
    LifeStudy,
    TrajectoryStudy,
)

COLOURS = (BLUE, GREEN, ORANGE, RED, PURPLE, GREY)


def plot_calendar(study: CalendarStudy) -> Figure:
    """Measured (points) and modelled (lines) loss by temperature at each charge."""
    data = study.data
    temps = np.unique(data.temperature_c)
    figure, axes = panels(1, len(temps), width=2.6 * len(temps))
    for ax, temp in zip(axes, temps, strict=True):
        for soc in np.unique(data.soc_frac):
            here = (data.temperature_c == temp) & (data.soc_frac == soc)
            if here.any():
                tone = shade(float(soc))
                days = data.days[here]
                ax.plot(days, data.loss_pp[here], ".", ms=3, color=tone)
                label = f"{100 * soc:g}%"
                ax.plot(days, study.predicted_pp[here], "-", lw=1.2, color=tone, label=label)
        ax.set(xlabel="days stored", title=f"{temp:g} °C")
    top = max(ax.get_ylim()[1] for ax in axes)
    for ax in axes:
        ax.set_ylim(min(-1.0, float(data.loss_pp.min()) - 0.3), top)
    axes[0].set_ylabel("capacity loss (percentage points)")
    fullest = max(axes, key=lambda ax: len(ax.get_legend_handles_labels()[0]))
    fullest.legend(title="charge", fontsize=7, title_fontsize=8, ncols=2, loc="upper left")
    figure.suptitle(
        f"{study.pack}: RMSE {study.rmse_pp:.2f} pp, on unseen conditions"
        f" {study.cross_validated_rmse_pp:.2f} pp",
        fontsize=11,
    )
    return figure


def plot_trajectory(study: TrajectoryStudy) -> Figure:
    """Loss of single cells by charge, with the best line through each charge under both laws of time."""
    figure, axes = panels(1, 2, width=10.0)
    start = study.since_day
    for ax, power, name, found in (
        (axes[0], 0.5, "root of time", study.test.sqrt_time),
        (axes[1], 1.0, "time", study.test.linear_time),
    ):
        for soc in np.unique(study.soc_percent):
            here, tone = study.soc_percent == soc, shade(float(soc) / 100.0)
            x, y = study.days[here] ** power - start**power, study.loss_pp[here]
            smooth = np.linspace(start, float(study.days.max()), 100)
            ax.plot(study.days[here], y, ".", ms=3, color=tone)
            line = float(x @ y / (x @ x)) * (smooth**power - start**power)
            ax.plot(smooth, line, lw=1.2, color=tone, label=f"{soc}%")
        test = found.test
        ax.set(xlabel="days stored")
        ax.set_title(
            f"{name}: lack of fit F({test.df_num:.0f}, {test.df_den:.0f}) = {test.F:.0f},"
            f" pure error {found.pure_error_sd:.2f} pp",
            fontsize=9,
        )
    axes[0].set_ylabel(f"capacity loss since day {start:g} (percentage points)")
    axes[0].legend(title="charge", fontsize=7, title_fontsize=8)
    return figure


def plot_life(study: LifeStudy) -> Figure:
    """Capacity over the years, and the marginal wear as an interval."""
    figure, (left, right) = panels(1, 2, width=11.0)
    for colour, name in zip(COLOURS, study.capacity_frac, strict=False):
        left.plot(study.years, 100.0 * study.capacity_frac[name], color=colour, label=name)
        left.plot(study.years, 100.0 * study.capacity_v2g_frac[name], "--", color=colour)
    left.set(xlabel="years", ylabel="capacity (% of new)")
    left.set_title("driving only; dashed: with V2G", fontsize=10)
    left.legend(fontsize=8)
    rows = study.wear.by_pack
    cost = [100.0 * r.wear_eur_per_kwh for r in rows]
    colours = [RED if r.pessimistic else BLUE for r in rows]
    bars = right.barh([r.pack for r in rows], cost, color=colours)
    right.bar_label(bars, fmt="%.2f", padding=3)
    right.margins(x=0.15)
    right.set(xlabel="marginal wear (ct per kWh discharged)")
    right.set_title("red: pessimistic bound", fontsize=10)
    return figure


def plot_experiment(study: ExperimentStudy) -> Figure:
    """Residual diagnostics: against fitted values, and against normal scores."""
    figure, (left, right) = panels(1, 2, width=10.0)
    d = study.diagnostics
    left.axhline(0.0, color=GREY, lw=1)
    left.plot(d.fitted, d.scaled_residual, "o", ms=4, color=BLUE)
    left.set(xlabel="fitted (unit of the response)", ylabel="scaled residual (1)")
    right.plot(d.normal_score, d.ordered_residual, "o", ms=4, color=BLUE)
    ends = np.array([d.normal_score[0], d.normal_score[-1]])
    right.plot(ends, ends, color=GREY, lw=1)
    right.set(xlabel="normal score (1)", ylabel="ordered scaled residual (1)")
    right.set_title(f"Shapiro-Wilk p = {d.shapiro_p:.3f}", fontsize=10)
    terms = "   ".join(f"{n}: F = {t.F:.2f}, p = {t.p:.3g}" for n, t in study.terms.items())
    figure.suptitle(f"{study.name}   {terms}", fontsize=10)
    return figure


def plot_design(study: DesignStudy) -> Figure:
    """Power of the three tests over the difference to be found."""
    figure, (axes,) = panels(1, 1, width=7.0)
    size = [p.difference for p in study.power]
    names = {"whole": "chamber temperature", "sub": "V2G profile", "interaction": "interaction"}
    for (name, label), colour in zip(names.items(), (RED, BLUE, GREEN), strict=True):
        axes.plot(size, [100.0 * getattr(p, name) for p in study.power], color=colour, label=label)
    axes.axhline(80.0, color=GREY, ls="--", lw=1)
    axes.set(xlabel="difference between two levels (unit of the response)", ylabel="power (%)")
    axes.set_ylim(0.0, 102.0)
    title = f"{study.design.n_runs} chamber runs, {study.design.n_cells} cells"
    axes.set_title(title, fontsize=10)
    axes.legend(fontsize=8)
    return figure
