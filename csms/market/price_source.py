"""Where prices come from: a file, ENTSO-E, Nord Pool. The port that the planner asks."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from csms.market.prices import PriceTable


class PriceSource(Protocol):
    """Day-ahead prices of one bidding zone, EUR/MWh."""

    @property
    def name(self) -> str:
        """For messages and the page, such as ``file nl-2026.csv`` or ``ENTSO-E NL``; no secret in it."""
        ...

    async def day_ahead(self, start: datetime, end: datetime) -> PriceTable:
        """What is published of ``start`` to ``end`` (aware); may end earlier, must cover ``start``.

        Raises ``PriceTableError`` saying what is missing or wrong, with the remedy. A source that talks to a network
        bounds its own time and says failures of transport as ``PriceTableError`` too.
        """
        ...
