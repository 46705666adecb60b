"""Posts the day-ahead price anew in every interval, with grid fee and margin on top."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from csms.clock import Clock
from csms.domain.errors import StoreUnavailable
from csms.market.errors import PriceTableError
from csms.market.price_source import PriceSource
from csms.services.live import LiveBus
from csms.services.tariffs import TariffDesk

ACTOR = "day-ahead"
RETRY = timedelta(minutes=5)
LOOK_AHEAD = timedelta(hours=1)
_TENTH_OF_A_CENT = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Markup:
    """What stands between the exchange's price and the driver's, per kWh."""

    grid_fee: float
    margin: float
    export_frac: float
    """Of the exchange's price, paid for energy fed back; never less than nothing."""

    def import_per_kwh(self, eur_per_mwh: float) -> Decimal:
        return _rounded(eur_per_mwh / 1e3 + self.grid_fee + self.margin)

    def export_per_kwh(self, eur_per_mwh: float) -> Decimal:
        return _rounded(max(0.0, eur_per_mwh / 1e3 * self.export_frac))


class PricePosting:
    """Runs beside the tariff desk. While prices are missing, the last posted one stands and an alarm says so."""

    def __init__(
        self, tariffs: TariffDesk, source: PriceSource, markup: Markup, live: LiveBus, clock: Clock
    ) -> None:
        self._tariffs = tariffs
        self._source = source
        self._markup = markup
        self._live = live
        self._clock = clock

    async def run(self) -> None:
        while True:
            again = await self.post_now()
            await asyncio.sleep(max(0.05, (again - self._clock.now()).total_seconds()))

    async def post_now(self) -> datetime:
        """Post the price of this interval; when to come again."""
        now = self._clock.now()
        try:
            table = await self._source.day_ahead(now, now + LOOK_AHEAD)
            price = float(table.price_eur_per_mwh[0])
            imported, exported = (
                self._markup.import_per_kwh(price), self._markup.export_per_kwh(price),
            )  # fmt: skip
            current = self._tariffs.current
            if current is None or (current.import_per_kwh, current.export_per_kwh) != (
                imported, exported,
            ):  # fmt: skip
                await self._tariffs.post(
                    imported, export_per_kwh=exported, actor=ACTOR, why=self._source.name
                )
        except (PriceTableError, StoreUnavailable) as error:
            self._live.publish("alarm", f"price not posted, the last one stands: {error}")
            return now + RETRY
        return table.start + timedelta(seconds=table.step_s)


def _rounded(price: float) -> Decimal:
    return Decimal(price).quantize(_TENTH_OF_A_CENT)
