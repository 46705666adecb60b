"""Id tokens and what they may do."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from csms.domain.records import TokenRecord
from csms.domain.values import IdToken, TokenStatus
from csms.store.codec import from_us_or_none, to_us_or_none
from csms.store.schema import TOKENS
from csms.store.selects import by_key
from csms.store.upsert import OnConflict, Rows, Upsert

SINK = Upsert(TOKENS, OnConflict.REPLACE)

_BY_KEY = by_key(TOKENS)


def rows(record: TokenRecord) -> Rows:
    token = record.token
    row = (
        token.key,
        token.value,
        token.kind,
        record.status.value,
        to_us_or_none(record.expires),
        record.group,
    )
    return ((SINK, row),)


def all_tokens(conn: Connection) -> list[TokenRecord]:
    return [_record(row) for row in conn.execute(select(TOKENS).order_by(TOKENS.c.token_key))]


def token(conn: Connection, key: str) -> TokenRecord | None:
    row = conn.execute(_BY_KEY, {"token_key": key}).one_or_none()
    return None if row is None else _record(row)


def _record(row: Any) -> TokenRecord:
    return TokenRecord(
        token=IdToken(value=row.value, kind=row.kind),
        status=TokenStatus(row.status),
        expires=from_us_or_none(row.expires),
        group=row.group,
    )
