"""The plot of a driver's battery report."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from csms.api.plots.palette import BLUE, GREEN, GREY, RED, panels
from csms.battery.driver_report import DriverReport


def plot_driver_report(report: DriverReport) -> Figure:
    """Capacity over time as a band over the cell models, with and without feeding back; the money."""
    fed_back = report.exported_kwh > 0.0
    figure, axes = panels(1, 2 if fed_back else 1, width=10.0 if fed_back else 7.0)
    left = axes[0]
    with_v2g = 100.0 * np.array(list(report.path_capacity_frac.values()))
    left.fill_between(
        report.path_days, with_v2g.min(axis=0), with_v2g.max(axis=0), color=BLUE, alpha=0.3,
        lw=0, label="your battery, by what cell it may have",
    )  # fmt: skip
    if fed_back:
        spared = 100.0 * np.array(list(report.path_without_v2g_frac.values()))
        left.plot(report.path_days, spared.min(axis=0), color=GREY, ls="--", lw=1)
        left.plot(
            report.path_days, spared.max(axis=0), color=GREY, ls="--", lw=1,
            label="had nothing been fed back",
        )  # fmt: skip
    left.set(xlabel="days since the first session", ylabel="capacity (% of new)")
    left.set_ylim(top=100.2)
    left.legend(fontsize=8, loc="lower left")
    low, high = report.range_km
    left.set_title(f"A full charge takes you {low:.0f} to {high:.0f} km", fontsize=10)
    if fed_back:
        right = axes[1]
        cheap, dear = report.v2g_cost_eur
        right.bar(["earned"], [report.v2g_earned_eur], color=GREEN)
        middle = 0.5 * (cheap + dear)
        right.bar(
            ["battery wear"], [middle], yerr=[[middle - cheap], [dear - middle]], color=RED,
            alpha=0.6, capsize=6,
        )  # fmt: skip
        right.text(
            0, report.v2g_earned_eur, f"{report.v2g_earned_eur:.2f}", ha="center", va="bottom"
        )
        right.text(1.08, dear, f"{cheap:.2f} to {dear:.2f}", ha="left", va="bottom")
        right.set(ylabel="EUR", xlim=(-0.6, 1.9))
        right.margins(y=0.15)
        right.set_title(f"{report.exported_kwh:.0f} kWh fed back to the grid", fontsize=10)
    return figure
