"""Systematic model error told from measurement noise, on published ageing data."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csms.battery.calendar_fit import CalendarData
from csms.battery.errors import AgeingDataError
from csms.battery.statistics.adequacy import Equivalence, LackOfFit, equivalence, lack_of_fit
from csms.battery.statistics.kenward_roger import adjusted_covariance, f_test
from csms.battery.statistics.mixed_model import RandomEffect, fit_reml

Float = NDArray[np.float64]
REBASE_DAY = 39.0
MAX_ROWS = 10_000
COLUMNS = ("State-of-Charge", "Cell Identity Number", "Days Passed", "Discharge Capacity")


@dataclass(frozen=True, slots=True)
class ReplicatedAgeing:
    """Single cells measured over time, (n_obs,). Loss in percentage points since `REBASE_DAY`."""

    soc_percent: NDArray[np.int64]
    cell: NDArray[np.int64]
    days: Float
    loss_pp: Float


@dataclass(frozen=True, slots=True)
class TrajectoryTest:
    """Lack of fit of two time laws against pure error."""

    sqrt_time: LackOfFit
    linear_time: LackOfFit
    n_cells: int


@dataclass(frozen=True, slots=True)
class ErrorSplit:
    """Error of a model on calendar data, taken apart (percentage points)."""

    bias: Equivalence  # mean error over conditions, tested against the margin
    systematic_sd_pp: float  # between conditions, at the mean time
    noise_sd_pp: float  # within a condition, about its own smooth error
    systematic_share: float  # of the mean square error
    rmse_pp: float


def read_geisbauer_csv(text: str) -> ReplicatedAgeing:
    """Parse the table of single cells; AgeingDataError names row and column."""
    reader = csv.DictReader(io.StringIO(text))
    missing = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
    if missing:
        raise AgeingDataError(f"no column {', '.join(missing)}; found {reader.fieldnames}")
    rows: list[tuple[float, ...]] = []
    for number, row in enumerate(reader, 2):
        if number > MAX_ROWS:
            raise AgeingDataError(f"more than {MAX_ROWS} rows")
        try:
            rows.append(tuple(float(row[c]) for c in COLUMNS))
        except (TypeError, ValueError):
            raise AgeingDataError(f"row {number}: a number is missing") from None
    table = np.array(rows).reshape(-1, 4)
    base = {int(r[1]): r[3] for r in table if r[2] == REBASE_DAY}
    later = table[table[:, 2] > REBASE_DAY]
    without = sorted({int(c) for c in later[:, 1]} - base.keys())
    if without or not len(later):
        raise AgeingDataError(f"cells without a capacity at day {REBASE_DAY:g}: {without}")
    start = np.array([base[int(c)] for c in later[:, 1]])
    return ReplicatedAgeing(
        later[:, 0].astype(np.int64), later[:, 1].astype(np.int64), later[:, 2],
        100.0 * (1.0 - later[:, 3] / start),
    )  # fmt: skip


def trajectory_test(data: ReplicatedAgeing) -> TrajectoryTest:
    """Is the loss since day 39 proportional to the root of time, or to time, at each charge?

    Cells of one charge age at their own rate (a random slope); pure error is what is left within a
    cell. Raises ExperimentError without replicates.
    """
    condition = [f"{s}|{t:g}" for s, t in zip(data.soc_percent, data.days, strict=True)]

    def against(clock: Float) -> LackOfFit:
        model = np.where(
            data.soc_percent[:, None] == np.unique(data.soc_percent), clock[:, None], 0.0
        )
        slope = RandomEffect("cell rate", data.cell.tolist(), clock[:, None])
        return lack_of_fit(data.loss_pp, condition, model, [slope])

    return TrajectoryTest(
        against(np.sqrt(data.days) - np.sqrt(REBASE_DAY)),
        against(data.days - REBASE_DAY),
        len(np.unique(data.cell)),
    )


def split_error(predicted_pp: Float, data: CalendarData, *, margin_pp: float = 1.0) -> ErrorSplit:
    """Take the error of a model apart: a smooth error of each condition, and scatter about it.

    The error of a condition grows with the root of time (a random slope about a common one); `bias`
    tests its value at the mean root of time against +-`margin_pp`, stated beforehand.
    """
    clock = np.sqrt(data.days)
    mean = float(clock.mean())
    error = predicted_pp - data.loss_pp
    scaled = (clock / mean)[:, None]
    fit = fit_reml(error, scaled, [RandomEffect("condition", data.condition.tolist(), scaled)])
    adjusted = adjusted_covariance(fit)
    test = f_test(fit, np.eye(1), adjusted=adjusted)
    systematic = fit.variances["condition"] * float(np.mean(scaled**2))
    systematic += float(fit.beta[0]) ** 2 * float(np.mean(scaled**2))
    noise = fit.variances["residual"]
    return ErrorSplit(
        equivalence(
            float(fit.beta[0]), float(np.sqrt(adjusted.phi_adjusted[0, 0])), test.df_den, margin_pp
        ),
        float(np.sqrt(fit.variances["condition"])),
        float(np.sqrt(noise)),
        systematic / (systematic + noise),
        float(np.sqrt(np.mean(error**2))),
    )
