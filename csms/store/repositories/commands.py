"""Commands and their life cycle."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select, text

from csms.domain.commands import CommandRecord, CommandState
from csms.domain.records import CommandWritten
from csms.ids import CommandId, StationId
from csms.store.codec import (
    finite,
    from_json,
    from_us,
    from_us_or_none,
    to_json,
    to_us,
    to_us_or_none,
)
from csms.store.schema import COMMANDS, OPEN_COMMAND_SQL
from csms.store.upsert import OnConflict, Rows, Upsert

SINK = Upsert(COMMANDS, OnConflict.REPLACE)


def rows(written: CommandWritten) -> Rows:
    record = written.record
    finite("command latency", (record.queue_ms, record.round_trip_ms))
    row = (
        record.command_id,
        record.station_id,
        record.action,
        to_json(record.payload),
        record.issued_by,
        to_us(record.created),
        record.state.value,
        record.status,
        record.reason,
        None if record.answer is None else to_json(record.answer),
        to_us_or_none(record.expires),
        to_us_or_none(record.sent),
        to_us_or_none(record.answered),
        record.queue_ms,
        record.round_trip_ms,
    )
    return ((SINK, row),)


def command(conn: Connection, command_id: CommandId) -> CommandRecord | None:
    row = conn.execute(select(COMMANDS).where(COMMANDS.c.command_id == command_id)).one_or_none()
    return None if row is None else _record(row)


def open_commands(conn: Connection) -> list[CommandRecord]:
    """Oldest first: ids are UUIDv7."""
    query = select(COMMANDS).where(text(OPEN_COMMAND_SQL)).order_by(COMMANDS.c.command_id)
    return [_record(row) for row in conn.execute(query)]


def page(
    conn: Connection, station_id: StationId | None, after: CommandId | None, limit: int
) -> list[CommandRecord]:
    c = COMMANDS.c
    query = select(COMMANDS).order_by(c.command_id.desc()).limit(limit)
    if station_id is not None:
        query = query.where(c.station_id == station_id)
    if after is not None:
        query = query.where(c.command_id < after)
    return [_record(row) for row in conn.execute(query)]


def _record(row: Any) -> CommandRecord:
    return CommandRecord(
        command_id=CommandId(row.command_id),
        station_id=StationId(row.station_id),
        action=row.action,
        payload=from_json(row.payload),
        issued_by=row.issued_by,
        created=from_us(row.created),
        state=CommandState(row.state),
        status=row.status,
        reason=row.reason,
        answer=None if row.answer is None else from_json(row.answer),
        expires=from_us_or_none(row.expires),
        sent=from_us_or_none(row.sent),
        answered=from_us_or_none(row.answered),
        queue_ms=row.queue_ms,
        round_trip_ms=row.round_trip_ms,
    )
