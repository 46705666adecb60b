"""What the publications share: they are asked for one delivery day of one bidding zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from csms.market.errors import PriceTableError
from csms.market.prices import PriceTable

MARKET_ZONE = ZoneInfo("Europe/Brussels")
"""The delivery day of the coupled European market is a CET/CEST day in every bidding zone."""
MAX_BYTES = 2 * 1024 * 1024
"""Of one answer; a day of quarter hours takes some 20 kB."""
TIMEOUT_S = 20.0
"""For one day, retries and all."""
_AREA = re.compile(r"^[A-Z]{2,4}([-_][A-Z]{2})?\d?[A-Z]?$")


class DaySource(Protocol):
    """One publication of one bidding zone."""

    @property
    def name(self) -> str: ...

    async def fetch(self, day: date) -> PriceTable:
        """All intervals of the delivery day; ``PriceTableError`` for whatever goes wrong."""
        ...


class NotPublished(PriceTableError):
    """The day has no prices yet (day-ahead appears about 13:00 CET), or never had."""


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Begin and end of a delivery day, aware UTC: 23 and 25 hours apart when the clocks change."""

    def midnight(of: date) -> datetime:
        return datetime(of.year, of.month, of.day, tzinfo=MARKET_ZONE).astimezone(UTC)

    return midnight(day), midnight(day + timedelta(days=1))


def delivery_day(at: datetime) -> date:
    """The delivery day that an instant falls in."""
    return at.astimezone(MARKET_ZONE).date()


def check_area(area: str) -> str:
    """A bidding zone as people write it (NL, DK1, DE-LU). Raises PriceTableError."""
    tidy = area.upper().replace("_", "-")
    if not _AREA.match(tidy):
        raise PriceTableError(f"area {area!r}: expected a bidding zone such as NL, DK1 or DE-LU")
    return tidy


def whole_day(table: PriceTable, day: date, name: str) -> PriceTable:
    """The table cut to the delivery day. Raises PriceTableError when it does not cover it."""
    begin, end = day_bounds(day)
    try:
        return table.between(begin, end)
    except PriceTableError as error:
        raise PriceTableError(f"{name}: {day.isoformat()} is not whole: {error}") from None
