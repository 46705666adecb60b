"""Figure of a feeder over a series of loads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from csms.api.plots.palette import BLUE, GREY, ORANGE, panels

if TYPE_CHECKING:
    from csms.api.studies.profile import ProfileStudy


def plot_profile(study: ProfileStudy) -> Figure:
    """Lowest voltage, load and losses over time."""
    figure, (top, middle, bottom) = panels(3, height=7.5, share_x=True)
    hours = study.t_s / 3600.0
    marker = "o" if len(hours) == 1 else None
    top.plot(hours, study.min_v_pu, color=BLUE, marker=marker)
    top.set(ylabel="lowest voltage (pu)")
    top.set_title(
        f"{study.feeder.name}: {len(hours)} steps, lowest voltage {study.min_v_pu.min():.4f} pu"
    )
    middle.plot(hours, study.load_w / 1e3, color=GREY, marker=marker)
    middle.set(ylabel="load (kW)")
    bottom.plot(hours, study.loss_w / 1e3, color=ORANGE, marker=marker)
    bottom.set(ylabel="losses (kW)", xlabel="time (h)")
    return figure
