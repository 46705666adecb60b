"""The last known status of each connector."""

from __future__ import annotations

from sqlalchemy import Connection, select

from csms.domain.records import ConnectorRecord
from csms.domain.values import ConnectorStatus
from csms.ids import StationId
from csms.store.codec import from_us, to_us
from csms.store.schema import CONNECTORS
from csms.store.upsert import OnConflict, Rows, Upsert

SINK = Upsert(CONNECTORS, OnConflict.NEWEST)


def rows(record: ConnectorRecord) -> Rows:
    row = (
        record.station_id,
        record.evse_id,
        record.connector_id,
        record.status.value,
        to_us(record.at),
        record.error_code,
        record.info,
    )
    return ((SINK, row),)


def of_station(conn: Connection, station_id: StationId) -> list[ConnectorRecord]:
    c = CONNECTORS.c
    query = select(CONNECTORS).where(c.station_id == station_id).order_by(c.evse_id, c.connector_id)
    return [
        ConnectorRecord(
            station_id=StationId(row.station_id),
            evse_id=row.evse_id,
            connector_id=row.connector_id,
            status=ConnectorStatus(row.status),
            at=from_us(row.at),
            error_code=row.error_code,
            info=row.info,
        )
        for row in conn.execute(query)
    ]
