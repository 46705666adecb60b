"""Who did what, and the API keys with which."""

from __future__ import annotations

from sqlalchemy import Connection, select

from csms.domain.records import ApiKeyRecord, AuditRecord
from csms.store.codec import (
    digest,
    from_json,
    from_us,
    from_us_or_none,
    to_json,
    to_us,
    to_us_or_none,
)
from csms.store.schema import API_KEYS, AUDIT
from csms.store.upsert import OnConflict, Rows, Upsert

SINK = Upsert(AUDIT, OnConflict.KEEP)
API_KEY_SINK = Upsert(API_KEYS, OnConflict.REPLACE)


def rows(record: AuditRecord) -> Rows:
    detail = to_json(record.detail)
    row = (
        to_us(record.at),
        digest(record.actor, record.action, record.target, detail),
        record.actor,
        record.action,
        record.target,
        detail,
    )
    return ((SINK, row),)


def api_key_rows(record: ApiKeyRecord) -> Rows:
    row = (
        record.key_id,
        record.secret_hash,
        record.role,
        to_us(record.created),
        to_us_or_none(record.revoked),
    )
    return ((API_KEY_SINK, row),)


def entries(conn: Connection, limit: int) -> list[AuditRecord]:
    """Newest first."""
    query = select(AUDIT).order_by(AUDIT.c.at.desc(), AUDIT.c.digest).limit(limit)
    return [
        AuditRecord(
            at=from_us(row.at),
            actor=row.actor,
            action=row.action,
            target=row.target,
            detail=from_json(row.detail),
        )
        for row in conn.execute(query)
    ]


def api_keys(conn: Connection) -> list[ApiKeyRecord]:
    return [
        ApiKeyRecord(
            key_id=row.key_id,
            secret_hash=row.secret_hash,
            role=row.role,
            created=from_us(row.created),
            revoked=from_us_or_none(row.revoked),
        )
        for row in conn.execute(select(API_KEYS).order_by(API_KEYS.c.key_id))
    ]
