"""From prices, forecast, bids, wear and departures to a power for each car and quarter hour. Pure.

The program of ``csms.market.day_ahead`` is solved over the cars that are plugged in, tried on the feeder by AC, and
solved again with the limits it broke; what still breaks one is cut to what the feeder bears.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from csms.battery.packs import PACKS
from csms.battery.wear import marginal_wear, segment_costs
from csms.dispatch.planner.forecast import Forecast
from csms.dispatch.planner.limits import FeederGuard, merged
from csms.dispatch.planner.needs import Defaults, Learned, Need, PluggedIn, need_of
from csms.dispatch.sight.places import minimum_w
from csms.domain.plan import (
    QUARTER,
    QUARTER_S,
    EvPlan,
    FleetPlan,
    HourBid,
    PlanSummary,
    quarter_of,
)
from csms.grid.network import FloatArray
from csms.ids import EvseKey
from csms.market.day_ahead import (
    FeederLimit,
    PlanInput,
    Vehicles,
    WearSegments,
    equal_segments,
    plan_day,
    uncontrolled,
)

N_SEGMENTS, WEAR_DEPTH = 5, 0.3
TRIALS = 4
"""Times that broken limits are put into the program before the rest is cut."""
EARLIER_EUR_PER_KWH_H = 1e-5
"""Of equally cheap quarter hours, the earlier."""
SHORT_WH = 50.0
"""A shortfall below this is not worth a word."""


@dataclass(frozen=True, slots=True)
class WearTerms:
    """Marginal wear of discharging as an interval over cell models, and the segments the plan reckons with."""

    low_eur_per_kwh: float
    high_eur_per_kwh: float
    segments: WearSegments


def wear_terms(battery_eur_per_kwh: float) -> WearTerms:
    """The twin's interval; segments are convex in depth and cost its upper end at a depth of ``WEAR_DEPTH``."""
    wear = marginal_wear(
        tuple(PACKS), extra_depth=WEAR_DEPTH, price_eur_per_kwh=battery_eur_per_kwh
    )
    shape = segment_costs(N_SEGMENTS)
    depth = np.clip(WEAR_DEPTH - np.arange(N_SEGMENTS) / N_SEGMENTS, 0.0, 1.0 / N_SEGMENTS)
    scale = wear.high_eur_per_kwh * WEAR_DEPTH / float(shape @ depth)
    return WearTerms(
        wear.low_eur_per_kwh, wear.high_eur_per_kwh, equal_segments((scale * shape).tolist())
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The hours ahead; arrays (T,) by quarter hour from that of ``now``."""

    now: datetime
    import_eur_per_kwh: FloatArray
    export_eur_per_kwh: FloatArray
    base: Forecast
    base_margin: float  # times the forecast's error, kept free on the feeder
    import_limit_w: float | None  # at the feeder's source, cars and other load together
    bids: tuple[HourBid, ...]
    price_source: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Planned:
    """A car with its place in the arrays."""

    car: PluggedIn
    need: Need
    intervals: int


def make_plan(
    outlook: Outlook,
    cars: Sequence[PluggedIn],
    learned: Learned,
    defaults: Defaults,
    wear: WearTerms,
    guard: FeederGuard,
) -> FleetPlan:
    """The cheapest plan that the feeder bears. Raises ``PlanError`` and ``SolverError``."""
    start = quarter_of(outlook.now)
    horizon = len(outlook.import_eur_per_kwh)
    notes = list(outlook.notes)
    planned: list[_Planned] = []
    for car in cars:
        need = need_of(car, learned, defaults, outlook.now)
        if isinstance(need, str):
            notes.append(f"{car.key}: {need}")
            continue
        intervals = min(int((need.departure - start) / QUARTER), horizon)
        if intervals < 1:
            notes.append(f"{car.key}: leaves within the quarter hour: it charges as it likes")
            continue
        planned.append(_Planned(car, need, intervals))
    given = _given(outlook, planned, wear, defaults.efficiency, start)
    power_w, cost_of_wear, binding = _solve(given, planned, guard, outlook)
    hours = given.hours
    missing_wh = _missing_wh(given, power_w)
    spot_cost = _cost(power_w, hours, outlook)
    evs = tuple(
        _ev_plan(one, power_w[i], missing_wh[i] / defaults.efficiency, defaults.efficiency)
        for i, one in enumerate(planned)
    )
    return FleetPlan(
        summary=PlanSummary(
            made=outlook.now,
            cars=len(evs),
            energy_wh=float((np.maximum(power_w, 0.0) @ hours).sum()),
            discharged_wh=float((np.maximum(-power_w, 0.0) @ hours).sum()),
            cost_eur=spot_cost,
            wear_eur=cost_of_wear,
            uncontrolled_cost_eur=_cost(uncontrolled(given), hours, outlook),
            shortfalls=sum(ev.note is not None for ev in evs),
            price_source=outlook.price_source,
            notes=tuple(notes),
        ),
        start=start,
        import_eur_per_kwh=tuple(outlook.import_eur_per_kwh.tolist()),
        export_eur_per_kwh=tuple(outlook.export_eur_per_kwh.tolist()),
        base_w=tuple(outlook.base.power_w.tolist()),
        base_rmse_w=float(np.sqrt(np.mean(outlook.base.rmse_w**2))) if outlook.base.days else None,
        wear_low_eur_per_kwh=wear.low_eur_per_kwh,
        wear_high_eur_per_kwh=wear.high_eur_per_kwh,
        evs=evs,
        bids=outlook.bids,
        binding=binding,
    )


def _given(
    outlook: Outlook,
    planned: Sequence[_Planned],
    wear: WearTerms,
    efficiency: float,
    start: datetime,
) -> PlanInput:
    def column(values: list[float]) -> FloatArray:
        return np.array(values, dtype=np.float64)

    n_t = len(outlook.import_eur_per_kwh)
    hours = np.full(n_t, QUARTER_S / 3600.0)
    hours[0] = max((start + QUARTER - outlook.now).total_seconds(), 1.0) / 3600.0
    able = column([p.need.max_discharge_w for p in planned])
    depart = np.array([p.intervals for p in planned], dtype=np.int64)
    limits = []
    if able.any() and outlook.bids:
        limits.append(_reserve(outlook, able, depart, start))
    if outlook.import_limit_w is not None:
        room = np.maximum(outlook.import_limit_w - outlook.base.power_w, 0.0)
        ones = np.ones(len(planned))
        limits.append(FeederLimit("import limit", ones, room, np.full(n_t, -np.inf)))
    earlier = EARLIER_EUR_PER_KWH_H * np.cumsum(hours)
    return PlanInput(
        Vehicles(
            np.zeros(len(planned), np.int64), depart,
            column([p.need.stored_wh for p in planned]), column([p.need.target_wh for p in planned]),
            column([p.need.capacity_wh for p in planned]), column([p.need.reserve_wh for p in planned]),
            column([p.need.max_charge_w for p in planned]), able,
        ),
        hours, outlook.import_eur_per_kwh + earlier, outlook.export_eur_per_kwh, wear.segments,
        tuple(limits), efficiency,
    )  # fmt: skip


def _reserve(
    outlook: Outlook, able: FloatArray, depart: NDArray[np.int64], start: datetime
) -> FeederLimit:
    """Capacity that was bid stays free: those who may discharge keep so much between their power and their limit."""
    n_t = len(outlook.import_eur_per_kwh)
    bid_w = np.zeros(n_t)
    for bid in outlook.bids:
        first = int((bid.at - start) / QUARTER)
        bid_w[max(first, 0) : max(first + 4, 0)] = 1e6 * bid.bid_mw
    there_w = (able[:, None] * (np.arange(n_t) < depart[:, None])).sum(axis=0)
    return FeederLimit(
        "reserve bid", (able > 0).astype(np.float64), np.full(n_t, np.inf), np.minimum(bid_w - there_w, 0.0)
    )  # fmt: skip


def _solve(
    given: PlanInput, planned: Sequence[_Planned], guard: FeederGuard, outlook: Outlook
) -> tuple[FloatArray, float, dict[str, int]]:
    """Power (cars, T), cost of wear and binding limits."""
    n_t = len(given.import_price)
    if not planned:
        return np.zeros((0, n_t)), 0.0, {}
    index: Mapping[EvseKey, int] = {key: i for i, key in enumerate(guard.keys)}
    at = np.array([index[p.car.key] for p in planned])
    base_w = outlook.base.power_w + outlook.base_margin * outlook.base.rmse_w
    limits: dict[str, FeederLimit] = {}
    everyone = np.zeros((len(guard.keys), n_t))
    warm = None
    for trial in range(TRIALS + 1):
        plan = plan_day(_limited(given, limits, at), warm)
        warm = plan.basis
        everyone[at] = _chargeable(plan.power_w, planned)
        borne, broken = guard.breaks(everyone, base_w)
        if not broken or trial == TRIALS:
            break
        limits = merged(limits, broken)
    return borne[at], plan.wear_cost_eur, plan.binding


def _limited(
    given: PlanInput, limits: Mapping[str, FeederLimit], at: NDArray[np.int64]
) -> PlanInput:
    """With the feeder's limits, whose weights are by EVSE, for the cars at ``at``."""
    own = tuple(
        FeederLimit(limit.name, limit.weights[at], limit.max_w, limit.min_w)
        for limit in limits.values()
    )
    return PlanInput(
        given.vehicles, given.interval_h, given.import_price, given.export_price, given.wear,
        (*given.limits, *own), given.efficiency,
    )  # fmt: skip


def _chargeable(power_w: FloatArray, planned: Sequence[_Planned]) -> FloatArray:
    """A car that gets less than it can charge with gets that least; the next plan takes it off what remains."""
    least = np.array([minimum_w(p.car.place) for p in planned])[:, None]
    least = np.minimum(least, np.array([p.need.max_charge_w for p in planned])[:, None])
    return np.where((power_w > 1.0) & (power_w < least), least, power_w)


def _missing_wh(given: PlanInput, power_w: FloatArray) -> FloatArray:
    """In the battery at departure."""
    v, eta = given.vehicles, given.efficiency
    gained = (eta * np.maximum(power_w, 0.0) - np.maximum(-power_w, 0.0) / eta) @ given.hours
    return np.maximum(np.minimum(v.target_wh, v.capacity_wh) - v.energy_wh - gained, 0.0)


def _cost(power_w: FloatArray, hours: FloatArray, outlook: Outlook) -> float:
    kwh = power_w * hours / 1e3
    bought = np.maximum(kwh, 0.0) @ outlook.import_eur_per_kwh
    return float((bought - np.maximum(-kwh, 0.0) @ outlook.export_eur_per_kwh).sum())


def _ev_plan(one: _Planned, power_w: FloatArray, missing_wh: float, efficiency: float) -> EvPlan:
    need = one.need
    note = None
    if missing_wh > SHORT_WH:
        full_h = (need.target_wh - need.stored_wh) / efficiency / max(need.max_charge_w, 1.0)
        note = (
            f"{missing_wh / 1e3:.1f} kWh will lack at {need.departure:%d %b %H:%M} UTC: full power"
            f" for {full_h:.1f} h would be needed, or the feeder does not bear it; it gets what can be had"
        )
    return EvPlan(
        station_id=one.car.key.station_id,
        evse_id=one.car.key.evse_id,
        transaction_id=one.car.transaction_id,
        departure=need.departure,
        departure_source=need.departure_source,
        need_wh=(need.target_wh - need.stored_wh) / efficiency,
        need_source=need.source,
        max_charge_w=need.max_charge_w,
        power_w=tuple(np.rint(power_w[: one.intervals]).astype(int).tolist()),
        missing_wh=float(missing_wh) if note else 0.0,
        note=note,
    )
