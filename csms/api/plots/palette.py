"""The colours and frames that all figures share."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, GREY = "#1f6fb4", "#d9730d", "#2e8b57", "#c0392b", "#6b7280"
PURPLE, INK, GRID = "#7b4fa3", "#374151", "#e5e7eb"
PHASE_COLOURS = (BLUE, ORANGE, GREEN)


def panels(
    rows: int = 1, columns: int = 1, *, width: float = 8.0, height: float = 4.4, share_x: bool = False
) -> tuple[Figure, list[Axes]]:  # fmt: skip
    """A figure of ``width`` by ``height`` inches and its axes, row by row."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = list(figure.subplots(rows, columns, sharex=share_x, squeeze=False).ravel())
    for ax in axes:
        ax.grid(visible=True, color=GRID, lw=0.6)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def legend_above(axes: Axes, columns: int) -> None:
    """A legend between title and axes."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, frameon=False, fontsize=8
    )


def shade(level: float) -> tuple[float, float, float]:
    """A blue, light at 0 and dark at 1."""
    light, dark = np.array([0.62, 0.78, 0.92]), np.array([0.03, 0.19, 0.42])
    r, g, b = light + (dark - light) * level
    return float(r), float(g), float(b)
