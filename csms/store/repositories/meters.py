"""Meter values: one wide row for each EVSE and instant, and the signed values as they came."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, tuple_

from csms.domain.records import MeterRecord
from csms.domain.values import MeterReading
from csms.ids import EvseKey, StationId, TransactionId
from csms.store.codec import digest, finite, from_us, to_us
from csms.store.schema import METER_VALUES, SIGNED_METER_VALUES
from csms.store.upsert import OnConflict, Rows, Upsert

SINK = Upsert(METER_VALUES, OnConflict.FILL, fixed=("received",))
SIGNED_SINK = Upsert(SIGNED_METER_VALUES, OnConflict.KEEP)

_NO_PHASES = (None, None, None)

Phases = tuple[float | None, float | None, float | None]


def rows(record: MeterRecord) -> Rows:
    reading = record.reading
    station_id, evse_id = record.evse
    at = to_us(reading.at)
    values: tuple[float | None, ...] = (
        reading.power_w,
        *(reading.power_by_phase_w or _NO_PHASES),
        reading.reactive_var,
        reading.energy_import_wh,
        reading.energy_export_wh,
        *(reading.voltage_v or _NO_PHASES),
        *(reading.current_a or _NO_PHASES),
        reading.frequency_hz,
        reading.soc_frac,
        reading.power_offered_w,
        reading.current_offered_a,
    )
    finite("meter value", values)
    row = (
        station_id,
        evse_id,
        at,
        to_us(record.received),
        record.transaction_id,
        reading.context,
        *values,
    )
    if not reading.signed:
        return ((SINK, row),)
    return (
        (SINK, row),
        *(
            (SIGNED_SINK, (station_id, evse_id, at, i, digest(signed), signed.encode()))
            for i, signed in enumerate(reading.signed)
        ),
    )


def between(
    conn: Connection, evse: EvseKey, since: datetime, until: datetime, limit: int
) -> list[MeterRecord]:
    """Oldest first, ``since <= at < until``."""
    c = METER_VALUES.c
    span = (to_us(since), to_us(until))
    query = (
        select(METER_VALUES)
        .where(c.station_id == evse.station_id, c.evse_id == evse.evse_id)
        .where(c.at >= span[0], c.at < span[1])
        .order_by(c.at)
        .limit(limit)
    )
    found = conn.execute(query).all()
    if not found:
        return []
    signed = _signed(conn, evse, found[0].at, found[-1].at)
    return [_record(evse, row, tuple(signed.get(row.at, ()))) for row in found]


def evses(conn: Connection) -> list[EvseKey]:
    """Those with meter values, by one look-up each: the key index is skipped through, not scanned."""
    c = METER_VALUES.c
    key = tuple_(c.station_id, c.evse_id)
    first = select(c.station_id, c.evse_id).order_by(c.station_id, c.evse_id).limit(1)
    found: list[EvseKey] = []
    query = first
    while (row := conn.execute(query).one_or_none()) is not None:
        found.append(EvseKey(StationId(row.station_id), row.evse_id))
        query = first.where(key > (row.station_id, row.evse_id))
    return found


def prune(conn: Connection, evse: EvseKey, before: datetime) -> int:
    """Delete what was metered earlier than ``before``; returns the number of instants deleted."""
    until = to_us(before)
    for table in (SIGNED_METER_VALUES, METER_VALUES):
        deleted = conn.execute(
            delete(table).where(
                table.c.station_id == evse.station_id,
                table.c.evse_id == evse.evse_id,
                table.c.at < until,
            )
        )
    return deleted.rowcount


def _signed(conn: Connection, evse: EvseKey, first: int, last: int) -> dict[int, list[str]]:
    c = SIGNED_METER_VALUES.c
    query = (
        select(c.at, c.signed)
        .where(c.station_id == evse.station_id, c.evse_id == evse.evse_id)
        .where(c.at >= first, c.at <= last)
        .order_by(c.at, c.ordinal, c.digest)
    )
    by_instant: dict[int, list[str]] = defaultdict(list)
    for row in conn.execute(query):
        by_instant[row.at].append(bytes(row.signed).decode())
    return by_instant


def _record(evse: EvseKey, row: Any, signed: tuple[str, ...]) -> MeterRecord:
    reading = MeterReading(
        at=from_us(row.at),
        context=row.context,
        power_w=row.power_w,
        power_by_phase_w=_phases(row.power_l1_w, row.power_l2_w, row.power_l3_w),
        reactive_var=row.reactive_var,
        energy_import_wh=row.energy_import_wh,
        energy_export_wh=row.energy_export_wh,
        voltage_v=_phases(row.voltage_l1_v, row.voltage_l2_v, row.voltage_l3_v),
        current_a=_phases(row.current_l1_a, row.current_l2_a, row.current_l3_a),
        frequency_hz=row.frequency_hz,
        soc_frac=row.soc_frac,
        power_offered_w=row.power_offered_w,
        current_offered_a=row.current_offered_a,
        signed=signed,
    )
    return MeterRecord(
        evse=evse,
        reading=reading,
        received=from_us(row.received),
        transaction_id=None if row.transaction_id is None else TransactionId(row.transaction_id),
    )


def _phases(l1: float | None, l2: float | None, l3: float | None) -> Phases | None:
    return None if l1 is None and l2 is None and l3 is None else (l1, l2, l3)
