"""From records to rows: which repository writes down which record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection

from csms.domain.errors import InvalidInput
from csms.domain.records import (
    ApiKeyRecord,
    AuditRecord,
    CommandWritten,
    ConnectorRecord,
    MeterRecord,
    NotificationRecord,
    PlanMade,
    ProfileInstalled,
    ProfileRemoved,
    QuarterAccounted,
    Record,
    SecurityRecord,
    SessionAccounted,
    StationRecord,
    TariffPosted,
    TokenRecord,
    TransactionRecord,
    VariableRecord,
)
from csms.store.repositories import (
    audit,
    commands,
    connectors,
    meters,
    plans,
    profiles,
    security,
    stations,
    tariffs,
    tokens,
    transactions,
    variables,
)
from csms.store.upsert import Row, Rows, Sink

Ticket = list[tuple[Sink, Row]]
"""The rows of one ``commit`` call: all of them become durable, or none."""

_ROWS: dict[type, Callable[[Any], Rows]] = {
    StationRecord: stations.rows,
    ConnectorRecord: connectors.rows,
    TokenRecord: tokens.rows,
    TransactionRecord: transactions.rows,
    MeterRecord: meters.rows,
    CommandWritten: commands.rows,
    ProfileInstalled: profiles.installed_rows,
    ProfileRemoved: profiles.removed_rows,
    VariableRecord: variables.rows,
    SecurityRecord: security.rows,
    NotificationRecord: security.notification_rows,
    AuditRecord: audit.rows,
    ApiKeyRecord: audit.api_key_rows,
    TariffPosted: tariffs.rows,
    PlanMade: plans.plan_rows,
    QuarterAccounted: plans.quarter_rows,
    SessionAccounted: plans.session_rows,
}

_ORDER: tuple[Sink, ...] = (
    stations.SINK,
    connectors.SINK,
    tokens.SINK,
    transactions.SINK,
    meters.SINK,
    meters.SIGNED_SINK,
    commands.SINK,
    profiles.SINK,
    variables.SINK,
    security.SINK,
    security.NOTIFICATION_SINK,
    audit.SINK,
    audit.API_KEY_SINK,
    tariffs.SINK,
    plans.SINK,
    plans.QUARTER_SINK,
    plans.SESSION_SINK,
)
"""The same for every group, so that two writers never wait for each other crosswise."""


def ticket(records: Sequence[Record]) -> Ticket:
    """Raises ``InvalidInput`` naming the record that cannot be stored."""
    rows: Ticket = []
    for record in records:
        try:
            rows.extend(_ROWS[type(record)](record))
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidInput(f"{type(record).__name__} cannot be stored: {error}") from error
    return rows


def apply(conn: Connection, tickets: Sequence[Ticket]) -> None:
    """Write the rows of all tickets, gathered by sink, in the connection's transaction."""
    by_sink: dict[Sink, list[Row]] = {}
    for rows in tickets:
        for sink, row in rows:
            known = by_sink.get(sink)
            if known is None:
                by_sink[sink] = [row]
            else:
                known.append(row)
    for sink in _ORDER:
        if sink in by_sink:
            sink.write(conn, by_sink[sink])
