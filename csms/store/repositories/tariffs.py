"""Prices as they were posted."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import Connection, select

from csms.domain.records import TariffPosted
from csms.domain.tariff import Tariff
from csms.store.codec import from_us, to_us
from csms.store.schema import TARIFFS
from csms.store.upsert import OnConflict, Rows, Upsert

SINK = Upsert(TARIFFS, OnConflict.KEEP)


def rows(record: TariffPosted) -> Rows:
    tariff = record.tariff
    for price in (tariff.import_per_kwh, tariff.export_per_kwh):
        if not price.is_finite():
            raise ValueError(f"a price: expected a finite number, got {price}")
    row = (
        to_us(tariff.since),
        str(tariff.import_per_kwh),
        str(tariff.export_per_kwh),
        tariff.currency,
    )
    return ((SINK, row),)


def posted(conn: Connection, limit: int) -> list[Tariff]:
    """The last ones, oldest first."""
    query = select(TARIFFS).order_by(TARIFFS.c.since.desc()).limit(limit)
    found = [
        Tariff(
            since=from_us(row.since),
            import_per_kwh=Decimal(row.import_per_kwh),
            export_per_kwh=Decimal(row.export_per_kwh),
            currency=row.currency,
        )
        for row in conn.execute(query)
    ]
    return found[::-1]
