"""Stations that are let in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from csms.domain.records import StationRecord
from csms.ids import StationId
from csms.store.codec import from_us_or_none, to_us_or_none
from csms.store.schema import STATIONS
from csms.store.selects import by_key
from csms.store.upsert import OnConflict, Rows, Upsert

SINK = Upsert(STATIONS, OnConflict.FILL)

_BY_KEY = by_key(STATIONS)


def rows(record: StationRecord) -> Rows:
    row = (
        record.station_id,
        record.password_hash,
        record.security_profile,
        record.enabled,
        record.version,
        record.vendor,
        record.model,
        record.serial,
        record.firmware,
        to_us_or_none(record.booted_at),
        record.can_discharge,
    )
    return ((SINK, row),)


def all_stations(conn: Connection) -> list[StationRecord]:
    return [_record(row) for row in conn.execute(select(STATIONS).order_by(STATIONS.c.station_id))]


def station(conn: Connection, station_id: StationId) -> StationRecord | None:
    row = conn.execute(_BY_KEY, {"station_id": station_id}).one_or_none()
    return None if row is None else _record(row)


def _record(row: Any) -> StationRecord:
    return StationRecord(
        station_id=StationId(row.station_id),
        password_hash=row.password_hash,
        security_profile=row.security_profile,
        enabled=row.enabled,
        version=row.version,
        vendor=row.vendor,
        model=row.model,
        serial=row.serial,
        firmware=row.firmware,
        booted_at=from_us_or_none(row.booted_at),
        can_discharge=row.can_discharge,
    )
