"""Day-ahead plan of a fleet: least cost of energy, grid fees and wear, inside the feeder's limits.

A linear program over the intervals in which each vehicle is plugged in. Wear is convex and piecewise
linear in the energy discharged per stay: exact for one dip per stay, an upper bound for several,
because smaller cycles wear less. Discharging is closed in intervals of negative export price, where
the program would otherwise burn energy by charging and discharging at once.

A departure that cannot be met is met as far as possible and listed in `shortfalls`; it never makes the
whole plan fail. Solved by HiGHS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csms.market._plan_program import Basis, build, solve
from csms.market.errors import PlanError

Float = NDArray[np.float64]
Int = NDArray[np.int64]
MAX_CELLS = 5_000_000  # vehicles times intervals
SHORTFALL_TOLERANCE_WH = 1.0


@dataclass(frozen=True, slots=True)
class WearSegments:
    """Cost of discharging within one stay. Segment j covers `width_frac` of the battery.

    `cost_eur_per_kwh` (k,), per kWh at the meter, must not decrease: discharging deeper wears more.
    """

    width_frac: float
    cost_eur_per_kwh: Float


@dataclass(frozen=True, slots=True)
class Vehicles:
    """Arrays (n,). A vehicle may draw in intervals arrive <= t < depart."""

    arrive: Int
    depart: Int
    energy_wh: Float  # in the battery on arrival
    target_wh: Float  # wanted at departure
    capacity_wh: Float
    reserve_wh: Float  # never discharged below (unless it arrives below)
    max_charge_w: Float
    max_discharge_w: Float  # zero: not able to discharge

    def __len__(self) -> int:
        return len(self.arrive)


@dataclass(frozen=True, slots=True)
class FeederLimit:
    """weights' power <= max_w and >= min_w in each interval, power > 0 is import."""

    name: str
    weights: Float  # (n_vehicles,), 1 for those behind the limit
    max_w: Float  # (n_intervals,), at least 0
    min_w: Float  # (n_intervals,), at most 0


@dataclass(frozen=True, slots=True)
class PlanInput:
    """What the planner is told. Prices in EUR/kWh, (n_intervals,)."""

    vehicles: Vehicles
    interval_h: float | Float  # one for all, or (n_intervals,): the first may have begun
    import_price: Float  # energy and grid fee
    export_price: Float  # what a kWh fed back earns, fees deducted
    wear: WearSegments
    limits: tuple[FeederLimit, ...] = ()
    efficiency: float = 0.95  # one way

    @property
    def hours(self) -> Float:
        """(n_intervals,)"""
        return np.broadcast_to(np.asarray(self.interval_h, np.float64), len(self.import_price))


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A departure that cannot be met."""

    vehicle: int
    missing_wh: float
    reason: str  # "stay too short" or "feeder limit"


@dataclass(frozen=True, slots=True)
class Plan:
    """A schedule per vehicle and what it is expected to cost."""

    power_w: Float  # (n_vehicles, n_intervals), > 0 charging
    energy_end_wh: Float  # (n_vehicles,)
    energy_cost_eur: float  # import paid less export earned
    wear_cost_eur: float
    discharged_kwh: float  # at the meter
    shortfalls: tuple[Shortfall, ...]
    binding: dict[str, int]  # limit -> intervals at which it binds
    iterations: int
    basis: Basis


def plan_day(given: PlanInput, warm: Basis | None = None) -> Plan:
    """The cheapest plan. Raises PlanError for an input that cannot be stated, SolverError otherwise.

    ``warm``: the basis of a plan for the same vehicles and hours whose limits were the first of these; it is used up.
    """
    _check(given)
    v = given.vehicles
    program = build(given)
    x, iterations, basis = solve(program, warm)
    n, t = len(v), len(given.import_price)
    charge, discharge = np.zeros((n, t)), np.zeros((n, t))
    charge[program.vehicle, program.interval] = 1e3 * x[: program.n_pairs]
    discharge[program.vehicle, program.interval] = 1e3 * x[program.n_pairs : 2 * program.n_pairs]
    power = charge - discharge
    h = given.hours
    gained = (given.efficiency * charge - discharge / given.efficiency) @ h
    end = v.energy_wh + gained
    missing = np.maximum(np.minimum(v.target_wh, v.capacity_wh) - end, 0.0)
    until = np.r_[0.0, np.cumsum(h)]
    stay_h = until[v.depart] - until[v.arrive]
    reach = np.minimum(v.energy_wh + given.efficiency * v.max_charge_w * stay_h, v.capacity_wh)
    shortfalls = tuple(
        Shortfall(
            int(i),
            float(missing[i]),
            "stay too short"
            if reach[i] < v.target_wh[i] - SHORTFALL_TOLERANCE_WH
            else "feeder limit",
        )
        for i in np.flatnonzero(missing > SHORTFALL_TOLERANCE_WH)
    )
    return Plan(
        power_w=power,
        energy_end_wh=end,
        energy_cost_eur=float(
            ((charge * given.import_price - discharge * given.export_price) @ h).sum() / 1e3
        ),
        wear_cost_eur=float(program.wear_cost @ x[program.wear_columns]),
        discharged_kwh=float((discharge @ h).sum() / 1e3),
        shortfalls=shortfalls,
        binding={
            limit.name: int((limit.weights @ power >= limit.max_w - 1.0).sum())
            + int((limit.weights @ power <= limit.min_w + 1.0)[limit.min_w < 0].sum())
            for limit in given.limits
        },
        iterations=iterations,
        basis=basis,
    )


def uncontrolled(given: PlanInput) -> Float:
    """(n_vehicles, n_intervals) power in W: full power from arrival until the target is reached."""
    _check(given)
    v, h = given.vehicles, given.hours
    need = np.maximum(np.minimum(v.target_wh, v.capacity_wh) - v.energy_wh, 0.0) / given.efficiency
    at = np.arange(len(h))[None, :]
    here = (at >= v.arrive[:, None]) & (at < v.depart[:, None])
    until = np.r_[0.0, np.cumsum(h)]
    since_h = until[None, :-1] - until[v.arrive][:, None]
    left = need[:, None] - since_h * v.max_charge_w[:, None]
    return np.where(here, np.clip(left / h, 0.0, v.max_charge_w[:, None]), 0.0)


def _check(given: PlanInput) -> None:
    v, t = given.vehicles, len(given.import_price)
    n = len(v)
    columns = {
        "arrive": v.arrive, "depart": v.depart, "energy_wh": v.energy_wh, "target_wh": v.target_wh,
        "capacity_wh": v.capacity_wh, "reserve_wh": v.reserve_wh, "max_charge_w": v.max_charge_w,
        "max_discharge_w": v.max_discharge_w,
    }  # fmt: skip
    for name, column in columns.items():
        if column.shape != (n,) or not np.isfinite(column).all() or (column < 0).any():
            raise PlanError(f"{name}: {n} finite values of at least 0 expected, not {column.shape}")
    if n * t > MAX_CELLS:
        raise PlanError(f"{n} vehicles times {t} intervals exceeds {MAX_CELLS}")
    _refuse(
        "departs before it arrives or after the horizon", (v.depart < v.arrive) | (v.depart > t)
    )
    _refuse("holds more than its capacity", v.energy_wh > v.capacity_wh * (1 + 1e-9))
    for name, price in (("import_price", given.import_price), ("export_price", given.export_price)):
        if price.shape != (t,) or not np.isfinite(price).all():
            raise PlanError(f"{name}: {t} finite values expected")
    if (given.export_price > given.import_price + 1e-12).any():
        k = int(np.argmax(given.export_price > given.import_price + 1e-12))
        raise PlanError(f"interval {k}: a kWh fed back earns more than it costs: money without end")
    if np.shape(given.interval_h) not in ((), (t,)):
        raise PlanError(f"interval_h: one value or {t} expected, not {np.shape(given.interval_h)}")
    if not 0.0 < given.efficiency <= 1.0 or not (given.hours > 0.0).all():
        raise PlanError("need 0 < efficiency <= 1 and interval_h > 0")
    wear = given.wear.cost_eur_per_kwh
    if not len(wear) or (np.diff(wear) < 0).any() or (wear < 0).any():
        raise PlanError("wear cost per segment must be at least 0 and must not decrease")
    for limit in given.limits:
        _check_limit(limit, n, t)


def _check_limit(limit: FeederLimit, n: int, t: int) -> None:
    if limit.weights.shape != (n,) or limit.max_w.shape != (t,) or limit.min_w.shape != (t,):
        raise PlanError(f"limit {limit.name!r}: {n} weights and {t} bounds expected")
    bad = (limit.max_w < 0) | (limit.min_w > 0)
    if bad.any():
        raise PlanError(
            f"limit {limit.name!r}, interval {int(np.argmax(bad))}: other load alone exceeds it;"
            " no schedule of vehicles can help"
        )


def _refuse(what: str, bad: NDArray[np.bool_]) -> None:
    if bad.any():
        raise PlanError(f"vehicle {int(np.argmax(bad))} {what}")


def equal_segments(cost_eur_per_kwh: Sequence[float]) -> WearSegments:
    """Segments of equal width over the whole battery."""
    return WearSegments(1.0 / len(cost_eur_per_kwh), np.asarray(cost_eur_per_kwh, dtype=np.float64))
