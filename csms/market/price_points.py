"""Published intervals as a price table, and a table as CSV that `read_prices_csv` takes back unchanged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from csms.market.errors import PriceTableError
from csms.market.prices import PriceTable

STEPS_S = (900, 1800, 3600)


@dataclass(frozen=True, slots=True)
class PricePoint:
    """One published interval: aware begin, length in s, EUR/MWh."""

    start: datetime
    length_s: int
    eur_per_mwh: float


def table_from_points(points: Iterable[PricePoint]) -> PriceTable:
    """A gapless table at the finest length published; a longer interval is held over its parts.

    The day on which a market goes from hours to quarter hours is one such. Nothing is interpolated: a
    hole in a publication is an error, so that another source may be asked. Raises PriceTableError.
    """
    ordered = sorted(points, key=lambda p: p.start)
    if not ordered:
        raise PriceTableError("no price was published")
    step = min(p.length_s for p in ordered)
    values: list[float] = []
    due = ordered[0].start
    for point in ordered:
        when = point.start.astimezone(UTC).isoformat()
        if point.length_s not in STEPS_S:
            raise PriceTableError(f"{when}: an interval of {point.length_s} s, expected {STEPS_S}")
        if not math.isfinite(point.eur_per_mwh):
            raise PriceTableError(f"{when}: the price is not a number")
        if point.start != due:
            kind = "no price" if point.start > due else "a second price"
            at = min(point.start, due).astimezone(UTC).isoformat()
            raise PriceTableError(f"{kind} for {at}")
        values += [point.eur_per_mwh] * (point.length_s // step)
        due = point.start + timedelta(seconds=point.length_s)
    return PriceTable(ordered[0].start.astimezone(UTC), step, np.array(values), {})


def joined(tables: Sequence[PriceTable]) -> PriceTable:
    """Tables that follow one another as one. Raises PriceTableError when they do not."""
    return table_from_points(
        PricePoint(start, table.step_s, float(price))
        for table in tables
        for start, price in zip(table.times(), table.price_eur_per_mwh, strict=True)
    )


def prices_csv(table: PriceTable) -> str:
    """Two columns: begin of the interval in UTC, EUR/MWh."""
    rows = ["Datetime (UTC),Price (EUR/MWh)"]
    for start, price in zip(table.times(), table.price_eur_per_mwh, strict=True):
        rows.append(f"{start:%Y-%m-%d %H:%M},{float(price)!r}")
    return "\n".join(rows) + "\n"
