"""One day planned for a table of cars: what the plan costs beside charging at once, and which departures fail."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csms.market.day_ahead import (
    FeederLimit,
    PlanInput,
    Vehicles,
    WearSegments,
    plan_day,
    uncontrolled,
)
from csms.market.errors import PlanError

Float = NDArray[np.float64]
MAX_CARS = 2_000
COLUMNS = ("arrive_h", "depart_h", "energy_kwh", "target_kwh", "capacity_kwh", "charger_kw")


@dataclass(frozen=True, slots=True)
class MissedDeparture:
    """A car that cannot have what it asked for; it gets all that it can."""

    car: int  # row of the table, from 1
    missing_kwh: float
    why: str


@dataclass(frozen=True, slots=True)
class DayAheadStudy:
    """Costs in EUR for the day, wear of feeding back included. Power arrays (n_intervals,), kW, all cars."""

    cost_eur: float
    wear_eur: float
    uncontrolled_cost_eur: float
    saving_frac: float
    discharged_kwh: float
    missed: tuple[MissedDeparture, ...]
    limit_kw: float
    n_cars: int
    interval_h: float
    price_eur_per_kwh: Float
    planned_kw: Float
    uncontrolled_kw: Float


def read_cars_csv(text: str) -> dict[str, Float]:
    """The columns of COLUMNS by name, (n_cars,). Hours from the begin of the prices.

    Raises PlanError naming row and column.
    """
    reader = csv.DictReader(io.StringIO(text))
    missing = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
    if missing:
        raise PlanError(f"cars: no column {', '.join(missing)}; expected {', '.join(COLUMNS)}")
    rows: list[list[float]] = []
    for number, row in enumerate(reader, 2):
        if len(rows) >= MAX_CARS:
            raise PlanError(f"cars: more than {MAX_CARS} rows")
        values = []
        for column in COLUMNS:
            try:
                value = float(row[column] or "")
            except ValueError:
                value = math.nan
            if not math.isfinite(value):
                raise PlanError(
                    f"cars: row {number}, column {column}: {row[column]!r} is no number"
                )
            values.append(value)
        rows.append(values)
    if not rows:
        raise PlanError("cars: the table holds no row under its header")
    return dict(zip(COLUMNS, np.array(rows).T, strict=True))


def day_ahead_study(
    cars: dict[str, Float],
    price_eur_per_kwh: Float,
    interval_h: float,
    wear_eur_per_kwh: Float,
    *,
    limit_kw_per_car: float = 3.0,
    grid_fee_eur_per_kwh: float = 0.05,
    discharge: bool = True,
) -> DayAheadStudy:
    """Plan the cars inside one feeder limit. A departure that cannot be met is reported with its reason and
    planned as far as it goes. Raises PlanError naming the car, SolverError."""
    n_t, n = len(price_eur_per_kwh), len(cars["arrive_h"])
    for at, (arrive, depart) in enumerate(zip(cars["arrive_h"], cars["depart_h"], strict=True), 1):
        if not 0.0 <= arrive < depart:
            raise PlanError(f"car {at}: leaves at {depart:g} h, before it arrives at {arrive:g} h")
    arrive = np.minimum(np.ceil(cars["arrive_h"] / interval_h), n_t).astype(np.int64)
    depart = np.minimum(np.floor(cars["depart_h"] / interval_h), n_t).astype(np.int64)
    depart = np.maximum(depart, arrive)
    rating = 1e3 * cars["charger_kw"]
    capacity = 1e3 * cars["capacity_kwh"]
    vehicles = Vehicles(
        arrive, depart, 1e3 * cars["energy_kwh"], 1e3 * cars["target_kwh"], capacity,
        np.minimum(0.2 * capacity, 1e3 * cars["energy_kwh"]), rating, rating * float(discharge),
    )  # fmt: skip
    limit_kw = limit_kw_per_car * n
    limit = FeederLimit(
        "feeder", np.ones(n), np.full(n_t, 1e3 * limit_kw), np.full(n_t, -1e3 * limit_kw)
    )
    given = PlanInput(
        vehicles, interval_h, price_eur_per_kwh + grid_fee_eur_per_kwh, price_eur_per_kwh,
        WearSegments(1.0 / len(wear_eur_per_kwh), wear_eur_per_kwh), (limit,),
    )  # fmt: skip
    plan, at_once = plan_day(given), uncontrolled(given)
    before = float(((at_once * given.import_price).sum()) * interval_h / 1e3)
    cost = plan.energy_cost_eur + plan.wear_cost_eur
    return DayAheadStudy(
        cost_eur=cost,
        wear_eur=plan.wear_cost_eur,
        uncontrolled_cost_eur=before,
        saving_frac=1.0 - cost / before if before > 0.0 else 0.0,
        discharged_kwh=plan.discharged_kwh,
        missed=tuple(
            MissedDeparture(s.vehicle + 1, s.missing_wh / 1e3, s.reason) for s in plan.shortfalls
        ),
        limit_kw=limit_kw,
        n_cars=n,
        interval_h=interval_h,
        price_eur_per_kwh=price_eur_per_kwh,
        planned_kw=plan.power_w.sum(axis=0) / 1e3,
        uncontrolled_kw=at_once.sum(axis=0) / 1e3,
    )
