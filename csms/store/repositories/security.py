"""Security events, and every other message worth keeping."""

from __future__ import annotations

from sqlalchemy import Connection, select

from csms.domain.records import NotificationRecord, SecurityRecord
from csms.ids import StationId
from csms.store.codec import digest, from_json, from_us, to_json, to_us
from csms.store.schema import NOTIFICATIONS, SECURITY_EVENTS
from csms.store.upsert import OnConflict, Rows, Upsert

SINK = Upsert(SECURITY_EVENTS, OnConflict.KEEP)
NOTIFICATION_SINK = Upsert(NOTIFICATIONS, OnConflict.KEEP)


def rows(record: SecurityRecord) -> Rows:
    row = (
        record.station_id,
        record.kind,
        to_us(record.at),
        to_us(record.received),
        record.info,
        record.critical,
    )
    return ((SINK, row),)


def notification_rows(record: NotificationRecord) -> Rows:
    payload = to_json(record.payload)
    row = (
        record.station_id,
        to_us(record.received),
        digest(record.action, payload),
        record.action,
        payload,
    )
    return ((NOTIFICATION_SINK, row),)


def events(conn: Connection, station_id: StationId | None, limit: int) -> list[SecurityRecord]:
    """Newest received first."""
    c = SECURITY_EVENTS.c
    query = select(SECURITY_EVENTS)
    if station_id is not None:
        query = query.where(c.station_id == station_id)
    query = query.order_by(c.received.desc(), c.station_id, c.kind, c.at).limit(limit)
    return [
        SecurityRecord(
            station_id=StationId(row.station_id),
            kind=row.kind,
            at=from_us(row.at),
            received=from_us(row.received),
            info=row.info,
            critical=row.critical,
        )
        for row in conn.execute(query)
    ]


def notifications(
    conn: Connection, station_id: StationId, action: str | None, limit: int
) -> list[NotificationRecord]:
    """Newest received first."""
    c = NOTIFICATIONS.c
    query = select(NOTIFICATIONS).where(c.station_id == station_id)
    if action is not None:
        query = query.where(c.action == action)
    query = query.order_by(c.received.desc(), c.digest).limit(limit)
    return [
        NotificationRecord(
            station_id=StationId(row.station_id),
            action=row.action,
            received=from_us(row.received),
            payload=from_json(row.payload),
        )
        for row in conn.execute(query)
    ]
