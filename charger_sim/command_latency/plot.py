"""The measured distribution over the modelled one, and the stages beside each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from charger_sim.command_latency.report import Curves, Report
from charger_sim.command_latency.stages import Float

BLUE, ORANGE, GREY, INK = "#1f6fb4", "#d9730d", "#6b7280", "#374151"
DPI = 150


def save(report: Report, curves: Curves, path: Path) -> None:
    """As the suffix of ``path`` says (png, svg, pdf). Raises ``ValueError`` for another one."""
    figure = Figure(figsize=(10.0, 8.2), layout="constrained")
    versions = ", ".join(report.versions)
    figure.suptitle(
        f"Set-points to {report.stations} stations, OCPP {versions}, link {report.link}"
    )
    FigureCanvasAgg(figure)
    top, bottom = figure.subplots(2, 1, height_ratios=(3, 2))
    total = report.total
    _curve(top, curves.modelled_s, "model (csms study latency)", total.modelled_ms.p50, ORANGE, "-")
    _curve(
        top, curves.measured_s, f"measured, {report.followed} commands",
        total.measured_ms.p50, BLUE, "-",
    )  # fmt: skip
    right_ms = 1.15 * max(total.measured_ms.p999, total.modelled_ms.p999)
    top.set(
        xlim=(0.0, right_ms),
        ylim=(0.0, 1.02),
        xlabel="from the command to the car's converter (ms)",
        ylabel="share of commands that have arrived",
    )
    _legend_above(top, 1)
    _stages(bottom, report)
    for axes in (top, bottom):
        axes.grid(visible=True, color="#e5e7eb", lw=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=DPI)


def _curve(axes: Axes, values_s: Float, label: str, p50: float, colour: str, dash: str) -> None:
    shown = values_s[:: max(1, len(values_s) // 4_000)]
    share = np.arange(1, len(shown) + 1) / len(shown)
    axes.step(
        1e3 * shown,
        share,
        dash,
        where="post",
        color=colour,
        lw=1.8,
        label=f"{label}: median {p50:.0f} ms",
    )


def _stages(axes: Axes, report: Report) -> None:
    """Medians as bars, 99th percentiles as whiskers."""
    rows = np.arange(len(report.stages))
    for offset, colour, label, figures in (
        (-0.2, BLUE, "measured", [stage.measured_ms for stage in report.stages]),
        (0.2, GREY, "model", [stage.modelled_ms for stage in report.stages]),
    ):
        p50 = np.array([0.0 if each is None else each.p50 for each in figures])
        p99 = np.array([0.0 if each is None else each.p99 for each in figures])
        axes.barh(rows + offset, p50, 0.36, color=colour, label=f"{label}: median, line to p99")
        axes.hlines(rows + offset, p50, p99, color=colour, lw=1.2)
        for row, median, far in zip(rows, p50, p99, strict=True):
            if far > 0.0:
                axes.text(
                    far, row + offset, f"  {median:.1f} / {far:.1f}", va="center", fontsize=7,
                    color=INK,
                )  # fmt: skip
    names = [stage.name + (" (drawn)" if stage.emulated else "") for stage in report.stages]
    axes.set_yticks(rows, names)
    axes.invert_yaxis()
    axes.set(xlabel="time in the stage (ms)")
    axes.set_xlim(right=1.2 * axes.get_xlim()[1])
    _legend_above(axes, 2)


def _legend_above(axes: Axes, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, frameon=False)
