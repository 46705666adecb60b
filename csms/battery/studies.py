"""One function per battery study: names and tables in, a result to print, return or draw out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csms.battery.ageing_adequacy import (
    REBASE_DAY,
    ErrorSplit,
    TrajectoryTest,
    read_geisbauer_csv,
    split_error,
    trajectory_test,
)
from csms.battery.calendar_fit import (
    CalendarData,
    CalendarError,
    calendar_error,
    leave_one_condition_out,
    predict_loss_pp,
    read_naumann_csv,
)
from csms.battery.degradation import advance, health, new_fleet
from csms.battery.errors import ExperimentError
from csms.battery.packs import PACKS, get_pack
from csms.battery.statistics.adequacy import BootstrapTest, parametric_bootstrap
from csms.battery.statistics.datasets import (
    BOX_CORROSION,
    OATS,
    PULP,
    SLEEPSTUDY_REACTION_MS,
    SLEEPSTUDY_SUBJECTS,
    SplitPlotTable,
)
from csms.battery.statistics.design_matrix import factorial
from csms.battery.statistics.diagnostics import Diagnostics, diagnose
from csms.battery.statistics.kenward_roger import FTest, adjusted_covariance, f_test
from csms.battery.statistics.mixed_model import MixedModelFit, RandomEffect, fit_reml
from csms.battery.statistics.split_plot import Power, SplitPlotDesign, design, power
from csms.battery.wear import (
    MarginalWear,
    daily_profile,
    marginal_wear,
    segment_costs,
    temperate_year,
)

Float = NDArray[np.float64]
DEGRADATION_PRESETS = ("naumann", "geisbauer", "fleet")
EXPERIMENT_PRESETS = ("box-corrosion", "pulp", "pulp-unbalanced", "oats", "sleepstudy")
# Montgomery's table read by temperature, then replicate, then preparation, without rows 3, 17, 30
PULP_DROPPED_ROWS = (3, 17, 30)
FEW_WHOLE_PLOTS = 4


@dataclass(frozen=True, slots=True)
class CalendarStudy:
    """A pack against calendar data, and how the same law does on conditions it never saw."""

    pack: str
    rmse_pp: float
    max_pp: float
    cross_validated_rmse_pp: float  # leave one condition out, refitted each time
    in_sample: CalendarError
    cross_validated: CalendarError
    error_split: ErrorSplit
    data: CalendarData
    predicted_pp: Float
    how: str


@dataclass(frozen=True, slots=True)
class TrajectoryStudy:
    """Which law of time single cells follow: lack of fit of each against pure error."""

    test: TrajectoryTest
    days: Float  # (n,)
    soc_percent: NDArray[np.int64]
    cell: NDArray[np.int64]
    loss_pp: Float
    since_day: float
    how: str


@dataclass(frozen=True, slots=True)
class LifeStudy:
    """Capacity over the years by pack, and the marginal wear of V2G as an interval."""

    years: Float  # (n,)
    capacity_frac: dict[str, Float]  # driving only
    capacity_v2g_frac: dict[str, Float]
    wear: MarginalWear
    segment_cost_eur_per_kwh: Float
    sources: dict[str, str]


@dataclass(frozen=True, slots=True)
class ExperimentStudy:
    """A mixed-model analysis. `terms`: Kenward-Roger test of each fixed term."""

    name: str
    source: str
    terms: dict[str, FTest]
    variances: dict[str, float]
    at_boundary: tuple[str, ...]
    reml_criterion: float
    iterations: int
    estimates: dict[str, float]
    diagnostics: Diagnostics
    bootstrap: dict[str, BootstrapTest]


@dataclass(frozen=True, slots=True)
class DesignStudy:
    """A randomised split-plot plan and its power over the difference to be found."""

    design: SplitPlotDesign
    power: tuple[Power, ...]
    sd_whole: float
    sd_sub: float


def calendar_study(text: str, *, pack: str = "sony-lfp", margin_pp: float = 1.0) -> CalendarStudy:
    """`text`: the CSV of Naumann et al. Raises AgeingDataError, UnknownPackError."""
    data = read_naumann_csv(text)
    predicted = predict_loss_pp(get_pack(pack), data)
    fitted = calendar_error(predicted, data)
    crossed = calendar_error(leave_one_condition_out(data), data)
    return CalendarStudy(
        pack=pack,
        rmse_pp=fitted.rmse_pp,
        max_pp=fitted.max_pp,
        cross_validated_rmse_pp=crossed.rmse_pp,
        in_sample=fitted,
        cross_validated=crossed,
        error_split=split_error(predicted, data, margin_pp=margin_pp),
        data=data,
        predicted_pp=predicted,
        how="sony-lfp was fitted by least squares on all points of this data (7 constants), so its RMSE"
        " is in-sample; the cross-validated figure refits without the condition predicted",
    )


def trajectory_study(text: str) -> TrajectoryStudy:
    """`text`: the CSV of Geisbauer et al. (LFP, 60 C). Raises AgeingDataError, ExperimentError."""
    data = read_geisbauer_csv(text)
    return TrajectoryStudy(
        trajectory_test(data), data.days, data.soc_percent, data.cell, data.loss_pp, REBASE_DAY,
        "a lack of fit far beyond the pure error is systematic: the law is wrong, not the measurement",
    )  # fmt: skip


def life_study(
    packs: Sequence[str] = tuple(PACKS),
    *,
    years: int = 10,
    drive_depth: float = 0.3,
    extra_depth: float = 0.3,
    price_eur_per_kwh: float = 100.0,
) -> LifeStudy:
    """Capacity by year of a commuter's car, without and with V2G."""
    soc = np.stack([daily_profile(drive_depth, 0.0), daily_profile(drive_depth, extra_depth)])
    temp = temperate_year()
    base: dict[str, Float] = {}
    v2g: dict[str, Float] = {}
    for name in packs:
        state, path = new_fleet(name, 2), [np.ones(2)]
        for _ in range(years):
            state = advance(state, soc, temp, 1.0)
            path.append(health(state).capacity_frac)
        base[name], v2g[name] = np.array(path).T
    wear = marginal_wear(
        packs, drive_depth=drive_depth, extra_depth=extra_depth, years=years,
        price_eur_per_kwh=price_eur_per_kwh, temperature_c=temp,
    )  # fmt: skip
    return LifeStudy(
        np.arange(years + 1.0), base, v2g, wear, segment_costs(5),
        {name: get_pack(name).source for name in packs},
    )  # fmt: skip


def experiment_study(
    preset: str, *, rng: np.random.Generator | None = None, replicates: int = 999
) -> ExperimentStudy:
    """Analyse a published split-plot table.

    With an `rng`, terms tested against 4 whole plots or fewer per level also get a bootstrap p value.
    Raises ExperimentError for an unknown preset.
    """
    if preset == "sleepstudy":
        return _sleepstudy()
    tables = {"box-corrosion": BOX_CORROSION, "pulp": PULP, "oats": OATS, "pulp-unbalanced": PULP}
    if preset not in tables:
        raise ExperimentError(f"no preset {preset!r}; there are {', '.join(EXPERIMENT_PRESETS)}")
    table = tables[preset]
    keep = np.arange(len(table.response))
    if preset == "pulp-unbalanced":
        as_printed = keep.reshape(3, 3, 4).transpose(2, 0, 1).ravel()
        keep = np.sort(np.delete(as_printed, np.array(PULP_DROPPED_ROWS) - 1))
    return _analyse(preset, table, keep, rng, replicates)


def design_study(
    whole_levels: Sequence[str],
    sub_levels: Sequence[str],
    *,
    replicates: int,
    sd_whole: float,
    sd_sub: float,
    differences: Sequence[float],
    rng: np.random.Generator,
) -> DesignStudy:
    """A randomised plan with its power for each of the `differences`. Raises ExperimentError."""
    plan = design(whole_levels, sub_levels, replicates=replicates, rng=rng)
    found = tuple(
        power(
            len(whole_levels), len(sub_levels), replicates=replicates, difference=d,
            sd_whole=sd_whole, sd_sub=sd_sub,
        )
        for d in differences
    )  # fmt: skip
    return DesignStudy(plan, found, sd_whole, sd_sub)


def _analyse(
    name: str,
    table: SplitPlotTable,
    keep: NDArray[np.int64],
    rng: np.random.Generator | None,
    replicates: int,
) -> ExperimentStudy:
    whole, sub = table.factors
    factors = {k: [v[i] for i in keep] for k, v in table.factors.items()}
    matrix = factorial(factors, [whole, sub, f"{whole}:{sub}"])
    effects = [RandomEffect(k, [v[i] for i in keep]) for k, v in table.strata.items()]
    fit = fit_reml(table.response[keep], matrix.x, effects)
    adjusted = adjusted_covariance(fit)
    terms = {t: f_test(fit, matrix.contrast(t), adjusted=adjusted) for t in matrix.columns}
    boot: dict[str, BootstrapTest] = {}
    if rng is not None and terms[whole].df_den <= FEW_WHOLE_PLOTS:
        boot[whole] = parametric_bootstrap(
            fit, matrix.contrast(whole), effects, rng, replicates=replicates
        )
    return _study(name, table.source, fit, terms, {"intercept": float(fit.beta[0])}, boot)


def _sleepstudy() -> ExperimentStudy:
    n_day = SLEEPSTUDY_REACTION_MS.shape[1]
    subject = np.repeat(SLEEPSTUDY_SUBJECTS, n_day)
    day = np.tile(np.arange(float(n_day)), len(SLEEPSTUDY_SUBJECTS))
    x = np.column_stack([np.ones_like(day), day])
    fit = fit_reml(
        SLEEPSTUDY_REACTION_MS.ravel(), x, [RandomEffect("subject", subject.tolist(), x)]
    )
    terms = {"day": f_test(fit, np.array([[0.0, 1.0]]))}
    estimates = {"intercept": float(fit.beta[0]), "day": float(fit.beta[1])}
    source = "Belenky et al. 2003, doi:10.1046/j.1365-2869.2003.00337.x"
    return _study("sleepstudy", source, fit, terms, estimates, {})


def _study(
    name: str,
    source: str,
    fit: MixedModelFit,
    terms: dict[str, FTest],
    estimates: dict[str, float],
    boot: dict[str, BootstrapTest],
) -> ExperimentStudy:
    return ExperimentStudy(
        name, source, terms, fit.variances, fit.at_boundary, fit.reml_criterion, fit.iterations,
        estimates, diagnose(fit), boot,
    )  # fmt: skip
