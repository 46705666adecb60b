"""Figures as files and as bytes, each with its origin in the footer."""

from __future__ import annotations

from importlib.metadata import version
from io import BytesIO
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

DPI = 150


def save(figure: Figure, path: Path, *, footer: str) -> None:
    """Write ``figure`` as the suffix of ``path`` says (png, svg, pdf). Raises ``ValueError`` for another one."""
    _sign(figure, footer)
    figure.savefig(path, dpi=DPI)


def png(figure: Figure, *, footer: str) -> bytes:
    _sign(figure, footer)
    buffer = BytesIO()
    figure.savefig(buffer, dpi=DPI, format="png")
    return buffer.getvalue()


def _sign(figure: Figure, footer: str) -> None:
    FigureCanvasAgg(figure)
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0.0, 0.03, 1.0, 0.97))  # room for the footer
    text = f"{footer}   v2g-csms {version('v2g-csms')}"
    figure.text(0.995, 0.002, text, ha="right", va="bottom", fontsize=6, color="#9ca3af")
