"""What controlled charging saves over a year: uncontrolled, time of use, real-time price, and V2G.

Hourly, one session per car and day. The planned strategies are planned day by day with prices known a
day ahead, inside the feeder's limit less what earlier days have already committed; the uncontrolled and
the time-of-use cars know nothing of the feeder, and the hours in which they overload it are counted.
"""

from __future__ import annotations

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
from csms.market.sessions import Sessions

Float = NDArray[np.float64]
HORIZON_H = 48
TINY = 1e-6  # EUR/kWh and hour: of equally cheap hours, the earlier


@dataclass(frozen=True, slots=True)
class FleetTerms:
    """The cars, their chargers, the feeder and what the grid charges."""

    capacity_kwh: float = 60.0
    charger_kw: float = 11.0
    efficiency: float = 0.95
    reserve_frac: float = 0.3
    leave_frac: float = 0.8  # charge at departure
    grid_fee_eur_per_kwh: float = 0.05  # on import; what is fed back earns the spot price
    feeder_kw_per_car: float = 3.0


@dataclass(frozen=True, slots=True)
class StrategyResult:
    """Per car and year unless said otherwise."""

    cost_eur: float  # energy and fees, less earnings, plus wear of discharging
    energy_cost_eur: float
    wear_eur: float
    charged_kwh: float
    discharged_kwh: float
    saving_frac: float  # of the uncontrolled cost
    peak_kw_per_car: float  # highest hour of the whole fleet
    overload_hours: int  # hours of the year above the feeder's limit
    shortfalls: int  # departures not met, whole fleet
    missing_kwh: float  # energy they lacked, whole fleet
    mean_load_kw: Float  # (24,) mean over the year of the fleet's power per car, by UTC hour


@dataclass(frozen=True, slots=True)
class SavingsStudy:
    """The four strategies on the same sessions and prices."""

    uncontrolled: StrategyResult
    tou: StrategyResult
    rtp: StrategyResult
    v2g: StrategyResult
    n_cars: int
    n_days: int
    mean_price_eur_per_kwh: float


def savings(
    price_eur_per_kwh: Float,
    tou_price_eur_per_kwh: Float,
    sessions: Sessions,
    terms: FleetTerms,
    wear: WearSegments,
) -> SavingsStudy:
    """Both prices (24 * n_days,), hourly; the last day of sessions is left out, its night has no price.

    The time-of-use cars pay their tariff, all others the hourly price; grid fees on top. Raises
    PlanError for shapes that do not match, SolverError otherwise.
    """
    n_days, n_cars = sessions.arrive_h.shape
    hours = 24 * n_days
    if price_eur_per_kwh.shape != (hours,) or tou_price_eur_per_kwh.shape != (hours,):
        raise PlanError(f"{hours} hourly prices for {n_days} days, not {price_eur_per_kwh.shape}")
    if n_days < 2 or not np.isfinite(price_eur_per_kwh).all():
        raise PlanError("at least two days of finite prices are needed")
    ledger = {name: _Ledger(hours) for name in ("uncontrolled", "tou", "rtp", "v2g")}
    cap_kw = terms.feeder_kw_per_car * n_cars
    for day in range(n_days - 1):
        window = slice(24 * day, 24 * day + HORIZON_H)
        cars = _vehicles(sessions, day, terms)
        spot, tou = price_eur_per_kwh[window], tou_price_eur_per_kwh[window]
        base = _given(cars, spot, terms, wear, None)
        ledger["uncontrolled"].add(window, uncontrolled(base), spot, terms, cars)
        ledger["tou"].add(window, _cheapest(cars, tou, terms), tou, terms, cars)
        for name, able in (("rtp", False), ("v2g", True)):
            book = ledger[name]
            committed = book.load_kw[window] * 1e3
            limit = FeederLimit(
                "feeder", np.ones(n_cars),
                np.maximum(cap_kw * 1e3 - committed, 0.0), np.minimum(-cap_kw * 1e3 - committed, 0.0),
            )  # fmt: skip
            plan = plan_day(_given(cars, spot, terms, wear, limit, discharge=able))
            book.add(window, plan.power_w, spot, terms, cars, wear_eur=plan.wear_cost_eur)
    scale = 365.0 / ((n_days - 1) * n_cars)
    base_cost = ledger["uncontrolled"].cost
    results = {name: book.result(scale, n_cars, cap_kw, base_cost) for name, book in ledger.items()}
    return SavingsStudy(
        **results, n_cars=n_cars, n_days=n_days - 1,
        mean_price_eur_per_kwh=float(price_eur_per_kwh.mean()),
    )  # fmt: skip


class _Ledger:
    """Running account of one strategy."""

    def __init__(self, hours: int) -> None:
        self.load_kw = np.zeros(hours)
        self.energy = self.wear = self.charged = self.discharged = self.missing = 0.0
        self.shortfalls = 0

    @property
    def cost(self) -> float:
        return self.energy + self.wear

    def add(
        self,
        window: slice,
        power_w: Float,
        price: Float,
        terms: FleetTerms,
        cars: Vehicles,
        *,
        wear_eur: float = 0.0,
    ) -> None:
        charge, discharge = np.maximum(power_w, 0.0) / 1e3, np.maximum(-power_w, 0.0) / 1e3
        self.load_kw[window] += power_w.sum(axis=0) / 1e3
        paid = charge * (price + terms.grid_fee_eur_per_kwh) - discharge * price
        self.energy += float(paid.sum())
        self.wear += wear_eur
        self.charged += float(charge.sum())
        self.discharged += float(discharge.sum())
        gained = (terms.efficiency * charge - discharge / terms.efficiency).sum(axis=1)
        missing = (cars.target_wh - cars.energy_wh) / 1e3 - gained
        self.shortfalls += int((missing > 0.01).sum())
        self.missing += float(missing[missing > 0.01].sum())

    def result(self, scale: float, n_cars: int, cap_kw: float, base: float) -> StrategyResult:
        return StrategyResult(
            cost_eur=self.cost * scale,
            energy_cost_eur=self.energy * scale,
            wear_eur=self.wear * scale,
            charged_kwh=self.charged * scale,
            discharged_kwh=self.discharged * scale,
            saving_frac=1.0 - self.cost / base if base > 0.0 else 0.0,
            peak_kw_per_car=float(self.load_kw.max()) / n_cars,
            overload_hours=int((np.abs(self.load_kw) > cap_kw * (1 + 1e-6)).sum()),
            shortfalls=self.shortfalls,
            missing_kwh=self.missing,
            mean_load_kw=self.load_kw.reshape(-1, 24).mean(axis=0) / n_cars,
        )


def _vehicles(sessions: Sessions, day: int, terms: FleetTerms) -> Vehicles:
    """Whole hours inside the stay; what cannot be charged in it at full power is not asked for."""
    arrive = np.ceil(sessions.arrive_h[day]).astype(np.int64)
    depart = np.floor(sessions.arrive_h[day] + sessions.stay_h[day]).astype(np.int64)
    depart = np.clip(depart, arrive, HORIZON_H)
    n = len(arrive)
    room = (terms.leave_frac - 0.1) * terms.capacity_kwh
    reach = terms.charger_kw * terms.efficiency * (depart - arrive)
    need = np.minimum(np.minimum(sessions.energy_kwh[day], room), reach)
    target = np.full(n, terms.leave_frac * terms.capacity_kwh)
    rating = np.full(n, terms.charger_kw * 1e3)
    return Vehicles(
        arrive, depart, (target - need) * 1e3, target * 1e3, np.full(n, terms.capacity_kwh * 1e3),
        np.full(n, terms.reserve_frac * terms.capacity_kwh * 1e3), rating, rating,
    )  # fmt: skip


def _given(
    cars: Vehicles,
    price: Float,
    terms: FleetTerms,
    wear: WearSegments,
    limit: FeederLimit | None,
    *,
    discharge: bool = False,
) -> PlanInput:
    able = cars.max_discharge_w if discharge else np.zeros(len(cars))
    vehicles = Vehicles(
        cars.arrive, cars.depart, cars.energy_wh, cars.target_wh, cars.capacity_wh,
        cars.reserve_wh, cars.max_charge_w, able,
    )  # fmt: skip
    return PlanInput(
        vehicles, 1.0, price + terms.grid_fee_eur_per_kwh, price, wear,
        () if limit is None else (limit,), terms.efficiency,
    )  # fmt: skip


def _cheapest(cars: Vehicles, price: Float, terms: FleetTerms) -> Float:
    """Each car alone: its cheapest hours first, the earlier of equally cheap ones."""
    at = np.arange(len(price))
    rank = np.argsort(price + TINY * at, kind="stable")
    here = (at >= cars.arrive[:, None]) & (at < cars.depart[:, None])
    room = np.where(here, cars.max_charge_w[:, None], 0.0)[:, rank]
    need = (cars.target_wh - cars.energy_wh) / terms.efficiency
    before = np.cumsum(room, axis=1) - room
    power = np.empty_like(room)
    power[:, rank] = np.clip(need[:, None] - before, 0.0, room)
    return power
