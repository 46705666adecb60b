"""The device model as reported or set; in OCPP 1.6 the configuration keys."""

from __future__ import annotations

from sqlalchemy import Connection, select

from csms.domain.records import VariableRecord
from csms.ids import StationId
from csms.store.codec import from_us, to_us
from csms.store.schema import VARIABLES
from csms.store.upsert import OnConflict, Rows, Upsert

SINK = Upsert(VARIABLES, OnConflict.REPLACE)


def rows(record: VariableRecord) -> Rows:
    row = (
        record.station_id,
        record.component,
        record.variable,
        record.evse_id,
        record.instance,
        record.attribute,
        record.value,
        to_us(record.at),
        record.mutability,
        record.unit,
    )
    return ((SINK, row),)


def of_station(conn: Connection, station_id: StationId) -> list[VariableRecord]:
    query = (
        select(VARIABLES)
        .where(VARIABLES.c.station_id == station_id)
        .order_by(*VARIABLES.primary_key.columns)
    )
    return [
        VariableRecord(
            station_id=StationId(row.station_id),
            component=row.component,
            variable=row.variable,
            value=row.value,
            at=from_us(row.at),
            evse_id=row.evse_id,
            instance=row.instance,
            attribute=row.attribute,
            mutability=row.mutability,
            unit=row.unit,
        )
        for row in conn.execute(query)
    ]
