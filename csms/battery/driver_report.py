"""What the twin of a vehicle tells its driver: health, range lost, what feeding back cost and what it earned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from csms.battery.degradation import health
from csms.battery.errors import BatteryError, HistoryError
from csms.battery.packs import PACKS, get_pack
from csms.battery.vehicle_twin import Reading, VehicleTwin, start_twin, update_twin

Float = NDArray[np.float64]
DAYS_PER_YEAR = 365.25
END_OF_LIFE_FRAC = 0.8
STEPS = 60
"""Points of the path that is drawn."""


@dataclass(frozen=True, slots=True)
class Car:
    """What the chargers do not know of the vehicle."""

    battery_kwh: float = 60.0
    kwh_per_100_km: float = 18.0
    battery_eur_per_kwh: float = 100.0
    """What a new battery costs; it is worth nothing at 80% of its capacity."""

    def __post_init__(self) -> None:
        for name in ("battery_kwh", "kwh_per_100_km", "battery_eur_per_kwh"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0.0):
                raise BatteryError(f"{name}: {value}, expected more than 0")

    @property
    def range_km(self) -> float:
        return self.battery_kwh / self.kwh_per_100_km * 100.0


@dataclass(frozen=True, slots=True)
class DriverReport:
    """Intervals (low, high) are over the cell models considered: which cell a car has is seldom known for sure."""

    days: float
    capacity_frac: tuple[float, float]
    range_km: tuple[float, float]
    range_lost_km_per_year: tuple[float, float]
    equivalent_full_cycles: float
    exported_kwh: float
    v2g_wear_frac: tuple[float, float]  # capacity that would still be there without feeding back
    v2g_cost_eur: tuple[float, float]
    v2g_earned_eur: float
    high_charge_frac: float  # share of the time above 80%
    packs: tuple[str, ...]
    path_days: Float  # (n,)
    path_capacity_frac: dict[str, Float]  # by pack
    path_without_v2g_frac: dict[str, Float]
    text: str


def driver_report(
    readings: Sequence[Reading],
    car: Car,
    *,
    earned_eur: float = 0.0,
    packs: Sequence[str] = tuple(PACKS),
    notes: Sequence[str] = (),
) -> DriverReport:
    """Fold the metered history into twins, and once more as if nothing had ever been fed back.

    `notes` go under the text. Raises HistoryError for an empty or unsorted history, UnknownPackError.
    """
    if len(readings) < 2:
        raise HistoryError("empty history: fewer than two metered states of charge of this vehicle")
    plain = without_export(readings)
    days, path = _path(readings, packs)
    _, spared = _path(plain, packs) if any(r.exported_wh for r in readings) else (days, path)
    now = {name: float(values[-1]) for name, values in path.items()}
    wear = {name: max(0.0, float(spared[name][-1]) - now[name]) for name in now}
    span = float(days[-1])
    capacity, worn = _interval(list(now.values())), _interval(list(wear.values()))
    per_year = DAYS_PER_YEAR / max(span, 1.0) * car.range_km
    price = car.battery_kwh * car.battery_eur_per_kwh / (1.0 - END_OF_LIFE_FRAC)
    twin = start_twin(readings, (next(iter(now)),))
    cycles = health(next(iter(twin.twins.values())), twin.last.temperature_c)
    report = DriverReport(
        days=span,
        capacity_frac=capacity,
        range_km=(capacity[0] * car.range_km, capacity[1] * car.range_km),
        range_lost_km_per_year=((1.0 - capacity[1]) * per_year, (1.0 - capacity[0]) * per_year),
        equivalent_full_cycles=float(cycles.equivalent_full_cycles[0]),
        exported_kwh=sum(r.exported_wh for r in readings) / 1e3,
        v2g_wear_frac=worn,
        v2g_cost_eur=(worn[0] * price, worn[1] * price),
        v2g_earned_eur=earned_eur,
        high_charge_frac=_high_charge(readings),
        packs=tuple(now),
        path_days=days,
        path_capacity_frac=path,
        path_without_v2g_frac=spared,
        text="",
    )
    return replace(report, text=_text(report, car, notes))


def without_export(readings: Sequence[Reading]) -> list[Reading]:
    """The same stays, but the charge never falls while energy is fed back: what it fell by is left out until the
    car has charged it again."""
    plain: list[Reading] = []
    held = 0.0
    for before, reading in zip([None, *readings], readings, strict=False):
        if before is not None:
            change = reading.soc_frac - before.soc_frac
            if reading.exported_wh > 0.0 and change < 0.0:
                held -= change
            elif change > 0.0:
                held = max(0.0, held - change)
        plain.append(replace(reading, soc_frac=min(1.0, reading.soc_frac + held), exported_wh=0.0))
    return plain


def _path(readings: Sequence[Reading], packs: Sequence[str]) -> tuple[Float, dict[str, Float]]:
    """Capacity by pack at up to STEPS instants, the last reading among them."""
    at = np.unique(np.linspace(0, len(readings) - 1, min(STEPS, len(readings))).astype(int))
    twin = start_twin(readings[:1], packs)
    days, path = [0.0], {name: [1.0] for name in twin.twins}
    for begin, end in pairwise(at):
        twin = update_twin(twin, readings[begin + 1 : end + 1])
        days.append((readings[end].t_s - readings[0].t_s) / 86400.0)
        for name, capacity in _capacity(twin).items():
            path[name].append(capacity)
    return np.array(days), {name: np.array(values) for name, values in path.items()}


def _capacity(twin: VehicleTwin) -> dict[str, float]:
    return {
        name: float(health(state, twin.last.temperature_c).capacity_frac[0])
        for name, state in twin.twins.items()
    }


def _high_charge(readings: Sequence[Reading]) -> float:
    span = np.diff([r.t_s for r in readings])
    full = np.array([r.soc_frac > 0.8 for r in readings[:-1]])
    return float(span[full].sum() / span.sum()) if span.sum() > 0 else 0.0


def _interval(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)


def _text(report: DriverReport, car: Car, notes: Sequence[str]) -> str:
    low, high = (100.0 * x for x in report.capacity_frac)
    near, far = report.range_km
    least, most = report.range_lost_km_per_year
    chemistry = ", ".join(sorted({get_pack(name).chemistry for name in report.packs}))
    lines = [
        f"After {report.days:.0f} days your battery should hold {low:.1f} to {high:.1f}% of what it held when new:",
        f"a full charge takes you {near:.0f} to {far:.0f} km, of {car.range_km:.0f} km when new.",
        f"At this pace you lose {least:.1f} to {most:.1f} km of range a year.",
        f"It has been through {report.equivalent_full_cycles:.0f} equivalent full cycles.",
    ]
    if report.exported_kwh > 0.0:
        cheap, dear = report.v2g_cost_eur
        balance = (report.v2g_earned_eur - dear, report.v2g_earned_eur - cheap)
        verdict = (
            "it paid" if balance[0] >= 0.0 else
            "it did not pay" if balance[1] <= 0.0 else
            "whether it paid depends on the cell"
        )  # fmt: skip
        lines.append(
            f"You gave {report.exported_kwh:.0f} kWh back to the grid. That wore the battery by"
            f" {cheap:.2f} to {dear:.2f} EUR and earned {report.v2g_earned_eur:.2f} EUR: {verdict}."
        )
    share = 100.0 * report.high_charge_frac
    advice = ": charging later would spare it." if share > 30.0 else "."
    lines.append(f"It stood above 80% charge for {share:.0f}% of the time{advice}")
    lines.append(f"Cells considered: {chemistry}; a wide interval means that we do not know yours.")
    return "\n".join([*lines, *notes])
