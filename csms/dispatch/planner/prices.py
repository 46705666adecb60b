"""Day-ahead prices as the planner takes them: one for each quarter hour ahead, and a CSV file as their source."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csms.domain.plan import QUARTER, QUARTER_S
from csms.market.errors import PriceTableError
from csms.market.prices import PriceTable, read_prices_csv

Float = NDArray[np.float64]
MAX_FILE_BYTES = 64 * 1024 * 1024
PER_DAY = 96
MAX_STEP_S = 3_600

OffLoop = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs blocking work where it does not hold up the event loop."""


@dataclass(frozen=True, slots=True)
class QuarterPrices:
    """EUR/kWh (n,) without fees; ``known`` of them are published, the rest repeat the day before."""

    spot_eur_per_kwh: Float
    known: int


def quarter_prices(
    table: PriceTable, start: datetime, n: int, earlier: Mapping[datetime, float]
) -> QuarterPrices:
    """``n`` prices from ``start``, a whole quarter hour. ``earlier``: EUR/kWh known from before.

    Raises ``PriceTableError`` when the table does not cover ``start`` or its step does not fit quarter hours.
    """
    if table.step_s > MAX_STEP_S:
        raise PriceTableError(
            f"a price every {table.step_s / 3600:g} h: day-ahead prices are hourly or finer; rows are missing"
        )
    price = table.price_eur_per_mwh / 1e3
    if table.step_s % QUARTER_S == 0:
        price = np.repeat(price, table.step_s // QUARTER_S)
    elif QUARTER_S % table.step_s == 0:
        k = QUARTER_S // table.step_s
        price = price[: len(price) // k * k].reshape(-1, k).mean(axis=1)
    else:
        raise PriceTableError(f"a step of {table.step_s} s does not fit quarter hours")
    offset = (start - table.start).total_seconds() / QUARTER_S
    if offset != int(offset):
        raise PriceTableError(
            f"prices begin at {table.start.isoformat()}, not on a quarter hour of {start.isoformat()}"
        )
    first = int(offset)
    if not 0 <= first < len(price):
        end = table.start + timedelta(seconds=QUARTER_S * len(price))
        raise PriceTableError(
            f"no price for {start.isoformat()}: they run from {table.start.isoformat()} to"
            f" {end.isoformat()}; bring newer ones"
        )
    known = price[first : first + n]
    out = np.empty(n)
    out[: len(known)] = known
    for k in range(len(known), n):
        if k >= PER_DAY:
            out[k] = out[k - PER_DAY]
        else:
            out[k] = earlier.get(start + (k - PER_DAY) * QUARTER, float(known.mean()))
    return QuarterPrices(out, len(known))


class FilePrices:
    """A CSV file, read again whenever it changes. See ``csms.market.prices`` for what it may look like."""

    def __init__(self, path: Path, zone: str | None, off_loop: OffLoop) -> None:
        self._path = path
        self._zone = zone
        self._off_loop = off_loop
        self._read: tuple[tuple[int, int], PriceTable] | None = None

    @property
    def name(self) -> str:
        return f"file {self._path.name}"

    async def day_ahead(self, start: datetime, end: datetime) -> PriceTable:
        table: PriceTable = await self._off_loop(self._load)
        stop = table.start + timedelta(seconds=table.step_s * len(table.price_eur_per_mwh))
        if not table.start <= start < stop:
            raise PriceTableError(
                f"{self.name} covers {table.start.isoformat()} to {stop.isoformat()}, not"
                f" {start.isoformat()}; bring newer prices"
            )
        step = timedelta(seconds=table.step_s)
        first = table.start + (start - table.start) // step * step
        last = min(stop, table.start - (table.start - end.astimezone(UTC)) // step * step)
        return table.between(first, max(last, first + step))

    def _load(self) -> PriceTable:
        try:
            stat = self._path.stat()
            if stat.st_size > MAX_FILE_BYTES:
                raise PriceTableError(f"{self.name}: larger than {MAX_FILE_BYTES} bytes")
            mark = (stat.st_mtime_ns, stat.st_size)
            if self._read is None or self._read[0] != mark:
                table = read_prices_csv(self._path.read_text("utf-8"), zone=self._zone)
                self._read = mark, table
        except (OSError, UnicodeDecodeError) as error:
            raise PriceTableError(f"{self.name} cannot be read: {error}") from error
        except PriceTableError as error:
            raise PriceTableError(f"{self.name}: {error}") from error
        return self._read[1]
