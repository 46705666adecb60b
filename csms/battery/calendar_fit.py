"""Calendar ageing data of Naumann et al. against a parameter pack: fit, error, cross-validation."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from csms.battery.errors import AgeingDataError
from csms.battery.packs import Pack, calendar_features

Float = NDArray[np.float64]
MAX_ROWS = 100_000
COLUMNS = ("temperature_c", "storage_soc_fraction", "elapsed_days", "capacity_ah")


@dataclass(frozen=True, slots=True)
class CalendarData:
    """Storage tests; arrays (n_obs,). Loss is relative to each condition's first capacity."""

    temperature_c: Float
    soc_frac: Float
    days: Float
    loss_pp: Float  # percentage points
    condition: NDArray[np.int64]  # 0..n_conditions-1
    labels: tuple[str, ...]  # of the conditions


@dataclass(frozen=True, slots=True)
class CalendarError:
    """Errors of a model on the data, in percentage points of the first capacity."""

    rmse_pp: float
    max_pp: float
    bias_pp: float
    by_condition_pp: dict[str, float]  # RMSE


@dataclass(frozen=True, slots=True)
class CalendarFit:
    """Constants of the Sony LFP calendar law fitted to data."""

    coefficients: tuple[float, ...]
    exponent: float
    rmse_pp: float


def read_naumann_csv(text: str) -> CalendarData:
    """Parse the table; AgeingDataError names row and column of the first bad value."""
    reader = csv.DictReader(io.StringIO(text))
    missing = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
    if missing:
        raise AgeingDataError(f"no column {', '.join(missing)}; found {reader.fieldnames}")
    rows: list[list[float]] = []
    for number, row in enumerate(reader, 2):
        if number > MAX_ROWS:
            raise AgeingDataError(f"more than {MAX_ROWS} rows")
        rows.append([_number(row[c], number, c) for c in COLUMNS])
    if not rows:
        raise AgeingDataError("the table holds no row")
    table = np.array(rows)
    table = table[np.lexsort((table[:, 2], table[:, 1], table[:, 0]))]
    pairs, condition = np.unique(table[:, :2], axis=0, return_inverse=True)
    first = np.searchsorted(condition, np.arange(len(pairs)))
    labels = tuple(f"{t:g} C, {100 * s:g}%" for t, s in pairs)
    late = np.flatnonzero(table[first, 2] > 0.0)
    if len(late):
        raise AgeingDataError(f"condition {labels[late[0]]}: no capacity at day 0")
    return CalendarData(
        temperature_c=table[:, 0],
        soc_frac=table[:, 1],
        days=table[:, 2],
        loss_pp=100.0 * (1.0 - table[:, 3] / table[first, 3][condition]),
        condition=condition.astype(np.int64),
        labels=labels,
    )


def predict_loss_pp(pack: Pack, data: CalendarData) -> Float:
    """Loss by calendar ageing in percentage points, (n_obs,)."""
    rate = pack.calendar(data.temperature_c + 273.15, data.soc_frac)
    return np.asarray(100.0 * rate * data.days**pack.calendar_exponent)


def calendar_error(predicted_pp: Float, data: CalendarData) -> CalendarError:
    """How far a prediction is from the data."""
    error = predicted_pp - data.loss_pp
    by = {label: _rms(error[data.condition == index]) for index, label in enumerate(data.labels)}
    return CalendarError(_rms(error), float(np.abs(error).max()), float(error.mean()), by)


def fit_calendar(data: CalendarData, keep: NDArray[np.bool_] | None = None) -> CalendarFit:
    """Least squares of the Sony LFP calendar law on the observations `keep` (all by default)."""
    keep = np.ones(len(data.days), bool) if keep is None else keep
    features = calendar_features(data.temperature_c + 273.15, data.soc_frac)[keep]
    years, loss = data.days[keep] / 365.0, data.loss_pp[keep]

    def residual(v: Float) -> Float:
        return np.asarray(np.exp(np.clip(features @ v[1:], -50.0, 20.0)) * years ** v[0] - loss)

    start = np.array([0.5, 1.0, -4.5, 2.0, 1.4, -1.2, 3.0])
    found = least_squares(residual, start)
    if not found.success:
        raise AgeingDataError(f"the calendar law could not be fitted: {found.message}")
    return CalendarFit(tuple(map(float, found.x[1:])), float(found.x[0]), _rms(found.fun))


def evaluate_fit(fit: CalendarFit, data: CalendarData) -> Float:
    """Loss in percentage points by a fit, (n_obs,)."""
    features = calendar_features(data.temperature_c + 273.15, data.soc_frac)
    years = data.days / 365.0
    return np.asarray(np.exp(features @ np.array(fit.coefficients)) * years**fit.exponent)


def leave_one_condition_out(data: CalendarData) -> Float:
    """Loss of each condition predicted by a fit that never saw it, percentage points, (n_obs,)."""
    predicted = np.empty_like(data.loss_pp)
    for index in range(len(data.labels)):
        out = data.condition == index
        predicted[out] = evaluate_fit(fit_calendar(data, ~out), data)[out]
    return predicted


def _rms(values: Float) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _number(text: str | None, row: int, column: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise AgeingDataError(f"row {row}, column {column}: {text!r} is not a number")
    return value
