"""Which of the offered schedules a car takes (ISO 15118-2, SAScheduleTuples with SalesTariff). Pure.

With prices that it believes, the cheapest in which it gets its energy before it leaves; an EV fills
the cheap hours of a schedule first. Without, the first, as the charger ranks them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from charger_sim.iso15118.backend import ChargingNeeds, PowerSchedule, PriceEntry
from charger_sim.iso15118.iso2.messages import quantity

DAY_S = 86_400.0
_ROUNDING_FRAC = 1e-6


def read_schedule(row: dict[str, Any], tariff: tuple[PriceEntry, ...]) -> PowerSchedule:
    """An SAScheduleTuple; `tariff` is its prices, () for none to be trusted."""
    entries = row["PMaxSchedule"]["PMaxScheduleEntry"]
    intervals = [each["RelativeTimeInterval"] for each in entries]
    limits = tuple(
        (float(interval["start"]), quantity(each["PMax"]))
        for interval, each in zip(intervals, entries, strict=True)
    )
    last = intervals[-1]
    end_s = float(last["start"]) + last["duration"] if "duration" in last else DAY_S
    return PowerSchedule(row["SAScheduleTupleID"], limits, end_s, tariff)


def choose(offers: Sequence[PowerSchedule], needs: ChargingNeeds) -> int:
    """Index of the schedule to take. `offers` is not empty."""
    if not any(offer.tariff for offer in offers):
        return 0
    worths = [_worth(offer, needs) for offer in offers]
    return min(range(len(offers)), key=lambda k: worths[k])


class _Worth(NamedTuple):
    """Smaller is better, the first difference decides."""

    missing_wh: float
    mean_level: float


def _worth(offer: PowerSchedule, needs: ChargingNeeds) -> _Worth:
    """What the car would lack at departure, and the mean price level of what it takes: infinite without prices."""
    most_w = needs.power_max_w or math.inf
    end_s = min(offer.duration_s, needs.departure_s or math.inf)
    starts = {start for start, _ in offer.limits} | {each.start_s for each in offer.tariff}
    edges = sorted(start for start in starts if start < end_s)
    hours: list[tuple[int, float]] = []
    for start_s, until_s in zip(edges, [*edges[1:], end_s], strict=True):
        power_w = min(_at([*offer.limits], start_s), most_w)
        level = _at([(each.start_s, each.level) for each in offer.tariff], start_s)
        hours.append((int(level), max(power_w, 0.0) * (until_s - start_s) / 3_600.0))
    available_wh = sum(wh for _, wh in hours)
    wanted_wh = available_wh if needs.energy_wh is None else needs.energy_wh
    missing_wh = wanted_wh - available_wh
    missing_wh = missing_wh if missing_wh > _ROUNDING_FRAC * wanted_wh else 0.0
    if not offer.tariff:
        return _Worth(missing_wh, math.inf)
    left_wh, cost = wanted_wh - missing_wh, 0.0
    for level, wh in sorted(hours):
        taken_wh = min(wh, left_wh)
        left_wh -= taken_wh
        cost += level * taken_wh
    return _Worth(missing_wh, cost / max(wanted_wh - missing_wh, 1.0))


def _at(steps: Sequence[tuple[float, float]], at_s: float) -> float:
    """The value in force; before the first step, its value; 0 without any."""
    value = steps[0][1] if steps else 0.0
    for start_s, each in steps:
        if start_s <= at_s:
            value = each
    return value
