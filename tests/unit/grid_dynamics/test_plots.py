"""Every figure is drawn, says its units, and shows what the result holds."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from csms.api.plots import dynamics, resilience
from csms.api.plots.output import save
from csms.grid.black_start import LoadBlock, black_start
from csms.grid.cascade import cascade_study
from csms.grid.feeder_file import builtin
from csms.grid.fleet_response import make_fleet
from csms.grid.fleet_studies import step_study, trace_study
from csms.grid.frequency_cases import frequency_study
from csms.grid.frequency_trace import GapPolicy, clean_trace
from csms.grid.protection import ieee33_relays, protection_study
from csms.grid.regulation import regulation_study
from csms.grid.resilience import FleetPool, resilience_study
from csms.grid.stability import damping_study


def protection_figure() -> Figure:
    """The 33-bus study."""
    feeder = builtin("ieee33")
    return resilience.plot_protection(
        protection_study(feeder, ieee33_relays(feeder), fleet_bus="24", sweep_points=5)
    )


def trace_figure() -> Figure:
    """A short trace with one gap."""
    f_hz = np.array([50.0, 49.9, np.nan, 49.8, 50.0])
    trace = clean_trace(f_hz, 2.0, GapPolicy("hold", 2.0))
    return dynamics.plot_trace(trace_study(make_fleet(3, gain_w_per_hz=1e4), trace))


def black_start_figure() -> Figure:
    """Two blocks."""
    blocks = (LoadBlock("hospital", 120e3, 0), LoadBlock("shelter", 80e3, 1))
    return resilience.plot_black_start(
        black_start(blocks, FleetPool(n_ev=80), outage_h=0.5, step_limit_w=300e3)
    )


FIGURES: dict[str, Callable[[], Figure]] = {
    "frequency": lambda: dynamics.plot_frequency(frequency_study()),
    "cascade": lambda: dynamics.plot_cascade(
        cascade_study(np.random.default_rng(0), n_ev=20, t_end_s=10.0)
    ),
    "regulation": lambda: dynamics.plot_regulation(regulation_study()),
    "damping": lambda: dynamics.plot_damping(damping_study(delays_s=(0.0, 0.5, 1.0))),
    "steps": lambda: dynamics.plot_steps(step_study(n_ev=50)),
    "trace": trace_figure,
    "protection": protection_figure,
    "resilience": lambda: resilience.plot_resilience(resilience_study()),
    "black start": black_start_figure,
}


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_axes_have_units_and_the_file_is_a_picture(name: str, tmp_path: Path) -> None:
    figure = FIGURES[name]()
    path = tmp_path / "figure.png"
    save(figure, path, footer="test")
    assert path.read_bytes().startswith(b"\x89PNG")
    for axes in figure.axes:
        for label in (axes.get_xlabel(), axes.get_ylabel()):
            assert label in {"", "bus", "vehicles"} or re.search(r"\([^)]+\)$", label), label
        assert axes.get_ylabel() or axes.get_xlabel()


def test_the_nadir_marker_is_the_result() -> None:
    result = frequency_study()
    (axes,) = dynamics.plot_frequency(result).axes
    marker = next(line for line in axes.lines if "nadir" in str(line.get_label()))
    assert marker.get_xydata() == pytest.approx(np.array([[result.nadir_t_s, result.nadir_hz]]))
