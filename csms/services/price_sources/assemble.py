"""The configured price sources."""

from __future__ import annotations

from csms.services.price_sources.delivery_day import DaySource
from csms.services.price_sources.entsoe import EntsoeSource
from csms.services.price_sources.nordpool import NordPoolSource
from csms.services.price_sources.published import PublishedPrices
from csms.settings.model import Prices


def day_source(kind: str, area: str, options: Prices) -> DaySource:
    """``entsoe`` or ``nordpool``. Raises PriceTableError for an area that cannot be."""
    if kind == "entsoe":
        token = options.entsoe_token.get_secret_value() if options.entsoe_token else ""
        return EntsoeSource(area, token)
    if kind == "nordpool":
        return NordPoolSource(area)
    raise ValueError(f"source {kind!r}: expected entsoe or nordpool")


def configured(options: Prices) -> PublishedPrices | None:
    """``None`` where no source is named. Raises PriceTableError."""
    if not options.sources:
        return None
    sources = [day_source(kind, options.area, options) for kind in options.sources]
    return PublishedPrices(sources, options.folder)
