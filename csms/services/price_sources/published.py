"""The port `PriceSource` over publications by day: kept on disk, the next source asked when one fails."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from csms.market.errors import PriceTableError
from csms.market.price_points import joined, prices_csv
from csms.market.prices import PriceTable, read_prices_csv
from csms.services.price_sources.delivery_day import (
    DaySource,
    NotPublished,
    delivery_day,
    whole_day,
)

MAX_DAYS = 400
"""Kept on disk per source, and asked for at once."""


class PublishedPrices:
    """Day-ahead prices of the first source that has them. ``folder`` keeps whole days: they never change."""

    def __init__(self, sources: Sequence[DaySource], folder: Path | None = None) -> None:
        if not sources:
            raise ValueError("name at least one source")
        self._sources = tuple(sources)
        self._folder = folder

    @property
    def name(self) -> str:
        return ", else ".join(source.name for source in self._sources)

    async def day(self, day: date) -> tuple[PriceTable, str]:
        """One delivery day and where it came from. Raises PriceTableError with each source's reason."""
        faults: list[PriceTableError] = []
        for source in self._sources:
            kept = self._load(source, day)
            if kept is not None:
                return kept, f"{source.name} (kept)"
            try:
                table = await source.fetch(day)
            except PriceTableError as error:
                faults.append(error)
                continue
            self._keep(source, day, table)
            return table, source.name
        text = "; ".join(str(fault) for fault in faults)
        if all(isinstance(fault, NotPublished) for fault in faults):
            raise NotPublished(text)
        raise PriceTableError(text)

    async def day_ahead(self, start: datetime, end: datetime) -> PriceTable:
        """Whole intervals from the one ``start`` falls in, up to ``end`` or the last day published.

        Raises PriceTableError.
        """
        first, last = delivery_day(start), delivery_day(end - timedelta(microseconds=1))
        if not 0 <= (last - first).days < MAX_DAYS:
            raise PriceTableError(f"{start.isoformat()} to {end.isoformat()}: 1 to {MAX_DAYS} days")
        tables: list[PriceTable] = []
        for offset in range((last - first).days + 1):
            try:
                tables.append((await self.day(first + timedelta(days=offset)))[0])
            except NotPublished:
                if not tables:
                    raise
                break
        table = joined(tables)
        step = timedelta(seconds=table.step_s)
        begin = table.start + (start - table.start) // step * step
        stop = min(end, table.start + step * len(table.price_eur_per_mwh))
        stop = table.start - (table.start - stop) // step * step  # rounded up
        return table.between(begin, stop)

    def _file(self, source: DaySource, day: date) -> Path | None:
        if self._folder is None:
            return None
        stem = re.sub(r"[^a-z0-9]+", "-", source.name.lower())
        return self._folder / f"{stem}_{day.isoformat()}.csv"

    def _load(self, source: DaySource, day: date) -> PriceTable | None:
        """A kept day; a file that does not hold the whole day is as none."""
        file = self._file(source, day)
        if file is None or not file.is_file():
            return None
        with contextlib.suppress(OSError, PriceTableError):
            table = read_prices_csv(file.read_text(encoding="utf-8"), strict=True)
            return whole_day(table, day, source.name)
        return None

    def _keep(self, source: DaySource, day: date, table: PriceTable) -> None:
        file = self._file(source, day)
        if file is None or self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part = file.with_suffix(f".{os.getpid()}.part")
            part.write_text(prices_csv(table), encoding="utf-8")
            part.replace(file)
            stem = file.name.rpartition("_")[0]
            for old in sorted(self._folder.glob(f"{stem}_*.csv"))[:-MAX_DAYS]:
                old.unlink()
        except OSError as error:
            raise PriceTableError(
                f"prices cannot be kept in {self._folder}: {error.strerror}; set prices.folder"
            ) from None
