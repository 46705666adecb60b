"""Transactions as the domain merged them."""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import Any

import msgspec
from sqlalchemy import Connection, select, tuple_

from csms.domain.records import TransactionRecord
from csms.domain.transaction import Register, Span, Transaction
from csms.domain.values import IdToken
from csms.ids import StationId, TransactionId
from csms.store.codec import (
    from_us,
    from_us_or_none,
    to_json,
    to_us,
    to_us_or_none,
)
from csms.store.schema import TRANSACTIONS
from csms.store.selects import by_key
from csms.store.upsert import OnConflict, Rows, Upsert

SINK = Upsert(TRANSACTIONS, OnConflict.REPLACE)

_BY_KEY = by_key(TRANSACTIONS)
_NO_SPAN = (None, None, None, None)
_FIRST_INSTANT_US = -62_135_596_800_000_000
"""0001-01-01: a transaction without any instant is listed last."""


def rows(record: TransactionRecord) -> Rows:
    tx = record.transaction
    token = tx.token
    started = to_us_or_none(tx.started)
    last_at = to_us_or_none(tx.last_at)
    row = (
        tx.station_id,
        tx.transaction_id,
        tx.evse_id,
        tx.connector_id,
        None if token is None else token.value,
        None if token is None else token.kind,
        started,
        to_us_or_none(tx.ended),
        tx.stopped_reason,
        tx.charging_state,
        tx.operation_mode,
        tx.remote_start_id,
        *_span_columns(tx.imported),
        *_span_columns(tx.exported),
        to_json(tx.seq_seen) if tx.seq_seen else "[]",
        last_at,
        to_us_or_none(tx.received),
        tx.suspect,
        started if started is not None else last_at if last_at is not None else _FIRST_INSTANT_US,
    )
    return ((SINK, row),)


def transaction(
    conn: Connection, station_id: StationId, transaction_id: TransactionId
) -> Transaction | None:
    key = {"station_id": station_id, "transaction_id": transaction_id}
    row = conn.execute(_BY_KEY, key).one_or_none()
    return None if row is None else from_row(row)


def open_transactions(conn: Connection) -> list[Transaction]:
    c = TRANSACTIONS.c
    query = select(TRANSACTIONS).where(c.ended.is_(None)).order_by(c.station_id, c.transaction_id)
    return [from_row(row) for row in conn.execute(query)]


def page(
    conn: Connection,
    station_id: StationId | None,
    after: tuple[datetime, str, str] | None,
    limit: int,
) -> list[Transaction]:
    """Newest first by (started, station, transaction id); one whose start was not told counts by its last instant."""
    c = TRANSACTIONS.c
    query = select(TRANSACTIONS).limit(limit)
    if station_id is None:
        query = query.order_by(c.sort_at.desc(), c.station_id.desc(), c.transaction_id.desc())
        if after is not None:
            last = (to_us(after[0]), after[1], after[2])
            query = query.where(tuple_(c.sort_at, c.station_id, c.transaction_id) < last)
    else:
        query = query.where(c.station_id == station_id).order_by(
            c.sort_at.desc(), c.transaction_id.desc()
        )
        if after is not None:
            query = query.where(tuple_(c.sort_at, c.transaction_id) < (to_us(after[0]), after[2]))
    return [from_row(row) for row in conn.execute(query)]


def started_16(
    conn: Connection,
    station_id: StationId,
    connector_id: int,
    token_key: str,
    at: datetime,
    meter_wh: float,
) -> Transaction | None:
    """By (station, connector, idTag, timestamp, meterStart); OCPP 1.6 connectors are EVSEs here.

    A reading older than the start replaces ``meterStart`` as the first of the span: the four others then decide.
    """
    c = TRANSACTIONS.c
    started = to_us(at)
    query = (
        select(TRANSACTIONS)
        .where(c.station_id == station_id, c.evse_id == connector_id)
        # a range of one instant: given two equalities SQLite searches the whole station by the key instead
        .where(c.sort_at >= started, c.sort_at <= started)
        .order_by(c.sort_at, c.transaction_id)
    )
    for row in conn.execute(query):
        tx = from_row(row)
        first = tx.imported.first if tx.imported else None
        same_meter = first is None or first.wh == meter_wh or first.at < at
        if tx.started == at and tx.token and tx.token.key == token_key and same_meter:
            return tx
    return None


def _span_columns(
    span: Span | None,
) -> tuple[int, float, int, float] | tuple[None, None, None, None]:
    if span is None:
        return _NO_SPAN
    first, last = span.first, span.last
    if not isfinite(first.wh + last.wh):
        raise ValueError(f"register: expected finite Wh, got {first.wh} and {last.wh}")
    return to_us(first.at), first.wh, to_us(last.at), last.wh


def from_row(row: Any) -> Transaction:
    """A row of ``TRANSACTIONS``."""
    return Transaction(
        station_id=StationId(row.station_id),
        transaction_id=TransactionId(row.transaction_id),
        evse_id=row.evse_id,
        connector_id=row.connector_id,
        token=None
        if row.token_value is None
        else IdToken(value=row.token_value, kind=row.token_kind),
        started=from_us_or_none(row.started),
        ended=from_us_or_none(row.ended),
        stopped_reason=row.stopped_reason,
        charging_state=row.charging_state,
        operation_mode=row.operation_mode,
        remote_start_id=row.remote_start_id,
        imported=_span(
            row.import_first_at, row.import_first_wh, row.import_last_at, row.import_last_wh
        ),
        exported=_span(
            row.export_first_at, row.export_first_wh, row.export_last_at, row.export_last_wh
        ),
        seq_seen=msgspec.json.decode(row.seq_seen, type=tuple[tuple[int, int], ...]),
        last_at=from_us_or_none(row.last_at),
        received=from_us_or_none(row.received),
        suspect=row.suspect,
    )


def _span(
    first_at: int | None, first_wh: float, last_at: int | None, last_wh: float
) -> Span | None:
    if first_at is None or last_at is None:
        return None
    return Span(
        first=Register(at=from_us(first_at), wh=first_wh),
        last=Register(at=from_us(last_at), wh=last_wh),
    )
