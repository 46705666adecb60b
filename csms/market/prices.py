"""Day-ahead price tables out of CSV text: evenly spaced, aware UTC, never a NaN.

What is wrong with a table is either repaired and counted (the default) or refused (`strict`):

| finding | repaired as |
|---|---|
| rows out of order | sorted |
| row repeated with the same price | dropped |
| row repeated with another price | the later row stands |
| row without a time | dropped |
| price empty or not a number | treated as missing |
| up to `max_gap_h` hours missing | linear interpolation |
| ISO and slashed dates mixed | read each by its own form; day or month first is decided by the rows
  whose day exceeds 12 |

A longer gap, slashed dates whose order no row decides, and a local time that does not exist are always
refused, with the row.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from csms.market.errors import PriceTableError

MAX_ROWS = 1_000_000
SLASHED = re.compile(r"^(\d{1,2})/(\d{1,2})/(\d{4})[ T](\d{1,2}):(\d{2})(?::(\d{2}))?$")


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Evenly spaced prices. `repairs`: what was mended, by kind."""

    start: datetime  # aware UTC, begin of the first interval
    step_s: int
    price_eur_per_mwh: NDArray[np.float64]  # (n,)
    repairs: dict[str, int]

    def times(self) -> list[datetime]:
        """Begin of each interval, aware UTC."""
        step = timedelta(seconds=self.step_s)
        return [self.start + k * step for k in range(len(self.price_eur_per_mwh))]

    def between(self, start: datetime, end: datetime) -> PriceTable:
        """The intervals from `start` up to `end`. Raises PriceTableError when not all are held."""
        first = (start - self.start).total_seconds() / self.step_s
        last = (end - self.start).total_seconds() / self.step_s
        n = len(self.price_eur_per_mwh)
        if first < 0 or last > n or first != int(first) or last != int(last) or last <= first:
            stop = self.start + timedelta(seconds=self.step_s * n)
            raise PriceTableError(
                f"{start.isoformat()} to {end.isoformat()} is not inside the table"
                f" ({self.start.isoformat()} to {stop.isoformat()}, step {self.step_s} s)"
            )
        values = self.price_eur_per_mwh[int(first) : int(last)]
        return PriceTable(start, self.step_s, values, dict(self.repairs))

    def year(self, year: int, zone: str = "UTC") -> PriceTable:
        """One calendar year in the local time of `zone`: 8760 or 8784 hours."""
        tz = _zone(zone)
        start, end = datetime(year, 1, 1, tzinfo=tz), datetime(year + 1, 1, 1, tzinfo=tz)
        return self.between(start.astimezone(UTC), end.astimezone(UTC))

    def local_hours(self, zone: str) -> list[datetime]:
        """Begin of each interval in local time: 23 and 25 hours on the days the clock changes."""
        tz = _zone(zone)
        return [t.astimezone(tz) for t in self.times()]


def read_prices_csv(
    text: str,
    *,
    time_column: str | None = None,
    price_column: str | None = None,
    zone: str | None = None,
    day_first: bool | None = None,
    strict: bool = False,
    max_gap_h: float = 3.0,
) -> PriceTable:
    """Read a table with a header.

    Columns are found by name ("UTC" before any other time, then "price") unless given. Times with an
    offset, or under a column named UTC, are taken as such; others need `zone` (IANA name). Raises
    PriceTableError naming row and text.
    """
    reader = csv.reader(io.StringIO(text))
    header = [h.strip().lstrip("\ufeff") for h in next(reader, [])]
    t_at = _column(header, time_column, ("utc", "datetime", "time", "date", "mtu"))
    p_at = _column(header, price_column, ("price", "eur"))
    if "utc" in header[t_at].lower():
        zone = zone or "UTC"
    rows: list[tuple[int, str, str]] = []
    for number, row in enumerate(reader, 2):
        if number > MAX_ROWS:
            raise PriceTableError(f"more than {MAX_ROWS} rows")
        if row:
            cells = [*row, *[""] * len(header)]
            rows.append((number, cells[t_at].strip(), cells[p_at].strip()))
    if not rows:
        raise PriceTableError("the table holds no row under its header")
    return _assemble(rows, zone, day_first, strict=strict, max_gap_h=max_gap_h)


def _assemble(
    rows: list[tuple[int, str, str]],
    zone: str | None,
    day_first: bool | None,
    *,
    strict: bool,
    max_gap_h: float,
) -> PriceTable:
    repairs: Counter[str] = Counter()

    def repair(kind: str, row: int, text: str) -> None:
        if strict:
            raise PriceTableError(f"row {row}: {kind}: {text!r}")
        repairs[kind] += 1

    order = _day_first([(n, t) for n, t, _ in rows], day_first)
    if order is not None and any(t and not SLASHED.match(t) for _, t, _ in rows):
        repair("mixed date formats", *next((n, t) for n, t, _ in rows if SLASHED.match(t)))
    tz = _zone(zone) if zone else None
    seen: dict[datetime, tuple[int, float]] = {}
    stamps: set[datetime] = set()  # with and without a price: they tell the step
    latest: datetime | None = None
    for number, when_text, price_text in rows:
        if not when_text:
            repair("row without a time", number, price_text)
            continue
        when = _when(number, when_text, tz, order)
        price = _price(price_text)
        if price is None:
            repair("price missing", number, price_text)
            stamps.add(when)
            continue
        again = _second_autumn_hour(when, tz, seen)
        when = again or when
        if when in seen:
            same = seen[when][1] == price
            repair("repeated row" if same else "repeated row, other price", number, when_text)
        elif latest is not None and when < latest:
            repair("row out of order", number, when_text)
        seen[when] = (number, price)
        latest = when if latest is None else max(latest, when)
    return _even(seen, stamps | seen.keys(), repairs, repair, max_gap_h)


def _even(
    seen: dict[datetime, tuple[int, float]],
    stamps: set[datetime],
    repairs: Counter[str],
    repair: Callable[[str, int, str], None],
    max_gap_h: float,
) -> PriceTable:
    if len(seen) < 2:
        raise PriceTableError("fewer than two rows hold a time and a price")
    times = sorted(seen)
    gaps = Counter((b - a).total_seconds() for a, b in pairwise(sorted(stamps)))
    step = max(gaps, key=lambda gap: (gaps[gap], -gap))
    values: list[float] = []
    for a, b in pairwise(times):
        gap = (b - a).total_seconds()
        here, there = seen[a][1], seen[b][1]
        n = round(gap / step)
        if n < 1 or n * step != gap:
            raise PriceTableError(
                f"row {seen[b][0]}: {gap:g} s after row {seen[a][0]}, not a multiple of {step:g} s"
            )
        if gap - step > max_gap_h * 3600.0:
            raise PriceTableError(
                f"row {seen[b][0]}: {(gap - step) / 3600.0:g} hours missing before"
                f" {b.isoformat()}; at most {max_gap_h:g} are filled"
            )
        values.extend(here + (there - here) * k / n for k in range(n))
        for _ in range(n - 1):
            repair("interval filled", seen[b][0], b.isoformat())
    values.append(seen[times[-1]][1])
    return PriceTable(times[0], int(step), np.array(values), dict(repairs))


def _column(header: list[str], name: str | None, wanted: tuple[str, ...]) -> int:
    if name is not None:
        if name not in header:
            raise PriceTableError(f"no column {name!r}; the header is {header}")
        return header.index(name)
    for word in wanted:
        for at, column in enumerate(header):
            if word in column.lower():
                return at
    raise PriceTableError(f"no column named like {' or '.join(wanted)}; the header is {header}")


def _day_first(rows: list[tuple[int, str]], given: bool | None) -> bool | None:
    """Whether slashed dates put the day first; None without slashed dates."""
    day = month = None
    slashed = None
    for number, text in rows:
        match = SLASHED.match(text)
        if match:
            slashed = slashed or (number, text)
            day = day or (number if int(match[1]) > 12 else None)
            month = month or (number if int(match[2]) > 12 else None)
    if slashed is None:
        return None
    if day and month:
        raise PriceTableError(f"row {day} puts the day first, row {month} the month")
    if given is not None:
        return given
    if not (day or month):
        raise PriceTableError(
            f"row {slashed[0]}: {slashed[1]!r} may be day or month first: say which"
        )
    return bool(day)


def _when(row: int, text: str, zone: ZoneInfo | None, day_first: bool | None) -> datetime:
    match = SLASHED.match(text)
    try:
        if match:
            first, second, year, hour, minute, sec = (int(g or 0) for g in match.groups())
            day, month = (first, second) if day_first else (second, first)
            when = datetime(year, month, day, hour, minute, sec)  # noqa: DTZ001 - zone set below
        else:
            when = datetime.fromisoformat(text)
    except ValueError:
        raise PriceTableError(f"row {row}: {text!r} is not a date and time") from None
    if when.tzinfo is not None:
        return when.astimezone(UTC)
    if zone is None:
        raise PriceTableError(f"row {row}: {text!r} has no offset: name the time zone")
    if zone.key == "UTC":
        return when.replace(tzinfo=UTC)
    local = when.replace(tzinfo=zone)
    at = local.astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) != when:
        raise PriceTableError(f"row {row}: {text!r} does not exist in {zone.key} (clock change)")
    return at


def _second_autumn_hour(
    when: datetime, zone: ZoneInfo | None, seen: dict[datetime, tuple[int, float]]
) -> datetime | None:
    """The later of two equal local times, when the earlier one is already there."""
    if zone is None or zone.key == "UTC" or when not in seen:
        return None
    later = when.astimezone(zone).replace(fold=1).astimezone(UTC)
    return later if later != when and later not in seen else None


def _price(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise PriceTableError(f"no time zone {name!r}") from None
