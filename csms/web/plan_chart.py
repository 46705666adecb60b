"""The planner's chart: power planned and metered by quarter hour, and the price below. Pure: numbers to pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, floor, log10

from csms.domain.plan import QUARTER, FleetPlan, QuarterTotal

LEFT_PX, RIGHT_PX, WIDTH_PX = 56.0, 12.0, 1_080.0
POWER_TOP_PX, POWER_HEIGHT_PX = 14.0, 190.0
PRICE_TOP_PX, PRICE_HEIGHT_PX = 234.0, 74.0
HEIGHT_PX = 336.0
PER_H = timedelta(hours=1) / QUARTER
N_TICKS = 4
MAX_SHOWN = 192


@dataclass(frozen=True, slots=True)
class Quarter:
    """kW, import positive; ``None`` where nothing was planned, or nothing metered yet."""

    at: datetime
    planned_kw: float | None
    metered_kw: float | None
    price_eur_per_kwh: float | None


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    kind: str
    """``metered``, ``ahead`` (planned, still to come) or ``planned`` (what had been planned)."""
    title: str


@dataclass(frozen=True, slots=True)
class Tick:
    at_px: float
    label: str


@dataclass(frozen=True, slots=True)
class PlanChart:
    bars: tuple[Bar, ...]
    power_ticks: tuple[Tick, ...]
    price_ticks: tuple[Tick, ...]
    time_ticks: tuple[Tick, ...]
    zero_px: float
    price_path: str
    now_px: float | None


def quarters(plan: FleetPlan | None, past: Sequence[QuarterTotal]) -> list[Quarter]:
    """Past quarter hours as accounted, the coming ones as planned until the last car leaves; at most two days."""
    known: dict[datetime, Quarter] = {}
    for total in past:
        known[total.at] = Quarter(
            total.at,
            total.planned_wh * PER_H / 1e3,
            total.metered_wh * PER_H / 1e3,
            total.import_eur_per_kwh,
        )
    if plan is not None:
        n = max((len(ev.power_w) for ev in plan.evs), default=0)
        for k in range(max(n, 4)):
            at = plan.start + k * QUARTER
            kw = sum(ev.power_w[k] for ev in plan.evs if k < len(ev.power_w)) / 1e3
            metered = known[at].metered_kw if at in known else None
            known[at] = Quarter(at, kw, metered, plan.import_eur_per_kwh[k])
    return [known[at] for at in sorted(known)][-MAX_SHOWN:]


def draw(shown: Sequence[Quarter], now: datetime) -> PlanChart | None:
    """``None`` when there is nothing to show."""
    if not shown:
        return None
    begin, end = shown[0].at, shown[-1].at + QUARTER
    scale_x = (WIDTH_PX - LEFT_PX - RIGHT_PX) / ((end - begin) / QUARTER)

    def x_of(at: datetime) -> float:
        return round(LEFT_PX + (at - begin) / QUARTER * scale_x, 1)

    powers = [v for q in shown for v in (q.planned_kw, q.metered_kw) if v is not None]
    kw_ticks = _ticks(min(0.0, *powers, 0.0), max(1.0, *powers, 1.0))
    prices = [q.price_eur_per_kwh for q in shown if q.price_eur_per_kwh is not None]
    eur_ticks = _ticks(min(0.0, *prices, 0.0), max(0.01, *prices, 0.01), 2)

    def y_of(kw: float) -> float:
        return _scale(kw, kw_ticks, POWER_TOP_PX, POWER_HEIGHT_PX)

    def price_y(eur: float) -> float:
        return _scale(eur, eur_ticks, PRICE_TOP_PX, PRICE_HEIGHT_PX)

    bars = [bar for q in shown for bar in _bars(q, x_of(q.at), scale_x, y_of) if bar.height >= 0.1]
    every_h = max(1, ceil((end - begin) / timedelta(hours=12)))
    hour = begin.replace(minute=0) + timedelta(hours=1 if begin.minute else 0)
    times = []
    while hour < end:
        if hour.hour % every_h == 0:
            times.append(Tick(x_of(hour), f"{hour:%H:%M}"))
        hour += timedelta(hours=1)
    return PlanChart(
        bars=tuple(bars),
        power_ticks=tuple(Tick(y_of(v), f"{v:g}") for v in kw_ticks),
        price_ticks=tuple(Tick(price_y(v), f"{v:g}") for v in eur_ticks),
        time_ticks=tuple(times),
        zero_px=y_of(0.0),
        price_path=_steps([(x_of(q.at), x_of(q.at + QUARTER), price_y(q.price_eur_per_kwh))
                           for q in shown if q.price_eur_per_kwh is not None]),
        now_px=x_of(now) if begin <= now <= end else None,
    )  # fmt: skip


def _bars(quarter: Quarter, x: float, width: float, y_of: Callable[[float], float]) -> list[Bar]:
    def bar(kw: float, kind: str) -> Bar:
        top, foot = y_of(max(kw, 0.0)), y_of(min(kw, 0.0))
        return Bar(x + 0.5, top, max(round(width - 1.0, 2), 0.5), round(foot - top, 1), kind, title)

    title = f"{quarter.at:%H:%M} UTC"
    if quarter.planned_kw is not None:
        title += f", planned {quarter.planned_kw:.1f} kW"
    if quarter.metered_kw is not None:
        title += f", metered {quarter.metered_kw:.1f} kW"
    if quarter.price_eur_per_kwh is not None:
        title += f", {quarter.price_eur_per_kwh:.3f} EUR/kWh"
    out = []
    if quarter.metered_kw is not None:
        out.append(bar(quarter.metered_kw, "metered"))
    if quarter.planned_kw is not None:
        out.append(bar(quarter.planned_kw, "ahead" if quarter.metered_kw is None else "planned"))
    return out


def _steps(parts: Sequence[tuple[float, float, float]]) -> str:
    return " ".join(
        f"{'M' if k == 0 else 'L'}{left:g} {y:g}H{right:g}"
        for k, (left, right, y) in enumerate(parts)
    )


def _ticks(low: float, high: float, n: int = N_TICKS) -> list[float]:
    """Round numbers that enclose both and hold zero."""
    raw = (high - low) / n
    size = 10.0 ** floor(log10(raw))
    step = next(size * k for k in (1.0, 2.0, 5.0, 10.0) if size * k >= raw)
    first, last = floor(low / step), ceil(high / step)
    return [round(k * step, 10) for k in range(first, last + 1)]


def _scale(value: float, ticks: Sequence[float], top_px: float, height_px: float) -> float:
    return round(top_px + height_px * (ticks[-1] - value) / (ticks[-1] - ticks[0]), 1)
