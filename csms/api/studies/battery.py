"""Studies of batteries: degradation, and experiments on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta

from csms.api.studies.study import LazyPlots, Params, Study, StudyError, all_figures
from csms.battery.packs import PACKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from csms.battery import studies

    Degradation = studies.CalendarStudy | studies.LifeStudy | studies.TrajectoryStudy

plots = LazyPlots("battery")
MAX_FILE_BYTES = 4 * 1024 * 1024


class DegradationParams(Params, frozen=True, kw_only=True):
    preset: Annotated[
        str, Meta(max_length=20, description="naumann, geisbauer: against data; fleet: ten years.")
    ] = "fleet"
    data: Annotated[
        str,
        Meta(max_length=4096, description="The CSV of Naumann or Geisbauer et al. (by preset)."),
    ] = ""
    pack: Annotated[str, Meta(max_length=40, description="Cell model.")] = "sony-lfp"
    margin_pp: Annotated[
        float, Meta(gt=0, le=10, description="Equivalence margin, stated beforehand, pp.")
    ] = 1.0
    years: Annotated[int, Meta(ge=1, le=30)] = 10
    price_eur_per_kwh: Annotated[float, Meta(gt=0, le=10_000)] = 100.0


class ExperimentParams(Params, frozen=True, kw_only=True):
    preset: Annotated[
        str,
        Meta(
            max_length=20,
            description="box-corrosion, pulp, pulp-unbalanced, oats, sleepstudy, or design.",
        ),
    ] = "box-corrosion"
    bootstrap: Annotated[
        int,
        Meta(ge=0, le=10_000, description="Replicates of the parametric bootstrap; 0 for none."),
    ] = 0
    replicates: Annotated[int, Meta(ge=2, le=100, description="Chambers' runs (design).")] = 4
    sd_whole: Annotated[float, Meta(ge=0, description="Chamber to chamber, pp (design).")] = 0.5
    sd_sub: Annotated[float, Meta(gt=0, description="Cell to cell, pp (design).")] = 0.3
    seed: Annotated[int, Meta(ge=0)] = 1


def _read(path: str) -> str:
    file = Path(path)
    if not path or not file.is_file():
        raise StudyError(f"data: {path!r} is no file; this preset needs the CSV of the data")
    if file.stat().st_size > MAX_FILE_BYTES:
        raise StudyError(f"data: {path} is larger than {MAX_FILE_BYTES} bytes")
    return file.read_text(encoding="utf-8")


def run_degradation(params: DegradationParams) -> Degradation:
    from csms.battery import studies  # a second of scipy.stats: only for who asks

    if params.preset == "geisbauer":
        return studies.trajectory_study(_read(params.data))
    if params.preset == "naumann":
        return studies.calendar_study(
            _read(params.data), pack=params.pack, margin_pp=params.margin_pp
        )
    if params.preset == "fleet":
        return studies.life_study(
            tuple(PACKS), years=params.years, price_eur_per_kwh=params.price_eur_per_kwh
        )
    raise StudyError(
        f"preset {params.preset!r}: expected {' or '.join(studies.DEGRADATION_PRESETS)}"
    )


def run_experiment(params: ExperimentParams) -> studies.ExperimentStudy | studies.DesignStudy:
    from csms.battery import studies

    rng = np.random.default_rng(params.seed)
    if params.preset == "design":
        return studies.design_study(
            ("25 C", "40 C", "55 C"), ("no V2G", "V2G evening", "V2G day"),
            replicates=params.replicates, sd_whole=params.sd_whole, sd_sub=params.sd_sub,
            differences=tuple(np.linspace(0.1, 2.0, 20)), rng=rng,
        )  # fmt: skip
    return studies.experiment_study(
        params.preset, rng=rng if params.bootstrap else None, replicates=params.bootstrap or 999
    )


def _plot_degradation(study: Degradation) -> Figure:
    from csms.battery import studies

    if isinstance(study, studies.TrajectoryStudy):
        return plots.plot_trajectory(study)
    if isinstance(study, studies.CalendarStudy):
        return plots.plot_calendar(study)
    return plots.plot_life(study)


def _plot_experiment(study: studies.ExperimentStudy | studies.DesignStudy) -> Figure:
    from csms.battery import studies

    if isinstance(study, studies.DesignStudy):
        return plots.plot_design(study)
    return plots.plot_experiment(study)


STUDIES: tuple[Study[Any, Any], ...] = (
    Study(
        "degradation", "Battery ageing: a cell model against data, or ten years of a fleet.",
        DegradationParams, run_degradation, all_figures, _plot_degradation, files=("data",),
    ),
    Study(
        "experiment", "Split-plot ageing experiments: design with power, mixed-model analysis.",
        ExperimentParams, run_experiment, all_figures, _plot_experiment,
    ),
)  # fmt: skip
