"""Charging sessions of a fleet, drawn from distributions of arrival, stay and energy."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from csms.market.errors import PlanError

Float = NDArray[np.float64]
MAX_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class SessionModel:
    """Weights of arrival by quarter hour (96,), and quantile tables of stay and energy.

    `stay_h` and `energy_kwh` (n,): ascending quantiles at equal steps of probability.
    """

    name: str
    arrival_weight: Float
    stay_h: Float
    energy_kwh: Float
    source: str


@dataclass(frozen=True, slots=True)
class Sessions:
    """Arrays (n_days, n_cars). Times in hours after the first midnight of the day of arrival."""

    arrive_h: Float
    stay_h: Float
    energy_kwh: Float


def _bump(hour: Float, centre: float, width: float) -> Float:
    return np.asarray(np.exp(-0.5 * (((hour - centre + 12.0) % 24.0 - 12.0) / width) ** 2))


_QUARTER = np.arange(96) / 4.0
_U = np.linspace(0.005, 0.995, 100)
BUILT_IN_HOME: Final = SessionModel(
    "built-in home",
    0.75 * _bump(_QUARTER, 17.8, 1.8) / 1.8 + 0.25 * _bump(_QUARTER, 14.0, 4.0) / 4.0,
    2.0 + 16.0 * _U**0.6,
    1.5 + 13.0 * (-np.log(1.0 - _U)) ** 0.85,
    "the project's own: most arrive around 18 h and stay the night; no measured data in it",
)


def read_session_model(
    arrival_csv: str, stay_csv: str, energy_csv: str, *, column: str, source: str
) -> SessionModel:
    """A model out of three tables: weight by arrival time; stay (h) and energy (kWh) exceeded by a share
    of events in percent. `column` names the kind of place ("private"). Raises PlanError.
    """
    times, weight = _read(arrival_csv, column, "arrival", as_time=True)
    if len(weight) != 96 or (np.diff(times) <= 0).any():
        raise PlanError(f"arrival: 96 ascending quarter hours expected, found {len(weight)}")
    return SessionModel(
        column, weight, _quantiles(stay_csv, column, "stay"),
        _quantiles(energy_csv, column, "energy"), source,
    )  # fmt: skip


def draw_sessions(
    model: SessionModel,
    n_days: int,
    n_cars: int,
    rng: np.random.Generator,
    *,
    max_stay_h: float = 23.0,
) -> Sessions:
    """One session per car and day; stay and energy share a factor: who needs more stays longer."""
    size = (n_days, n_cars)
    p = model.arrival_weight / model.arrival_weight.sum()
    arrive = (rng.choice(96, size=size, p=p) + rng.uniform(size=size)) / 4.0
    common, own = rng.uniform(size=size), rng.uniform(size=size)
    u_energy = np.where(rng.uniform(size=size) < 0.5, common, own)
    grid = (np.arange(len(model.stay_h)) + 0.5) / len(model.stay_h)
    stay = np.interp(common, grid, model.stay_h)
    grid = (np.arange(len(model.energy_kwh)) + 0.5) / len(model.energy_kwh)
    stay = np.minimum(stay, max_stay_h)
    stay[:-1] = np.minimum(stay[:-1], 24.0 + arrive[1:] - arrive[:-1])  # gone before it comes again
    return Sessions(arrive, stay, np.interp(u_energy, grid, model.energy_kwh))


def _quantiles(text: str, column: str, what: str) -> Float:
    """Ascending quantiles out of "value exceeded by x percent of events"."""
    _, value = _read(text, column, what, as_time=False)
    if len(value) < 10 or (value < 0).any():
        raise PlanError(f"{what}: at least 10 values of 0 or more expected")
    return np.sort(value)


def _read(text: str, column: str, what: str, *, as_time: bool) -> tuple[Float, Float]:
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    names = list(reader.fieldnames or ())
    if column not in names:
        raise PlanError(f"{what}: no column {column!r}; the header is {names}")
    keys, values = [], []
    for number, row in enumerate(reader, 2):
        if number > MAX_ROWS:
            raise PlanError(f"{what}: more than {MAX_ROWS} rows")
        try:
            key = row[names[0]] or ""
            hour, _, minute = key.partition(":")
            keys.append(float(hour) + float(minute) / 60.0 if as_time else float(key))
            values.append(float(row[column] or ""))
        except ValueError:
            raise PlanError(f"{what}: row {number} does not hold two numbers") from None
    return np.array(keys), np.array(values)
