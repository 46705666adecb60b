"""Numbers that must never be given out twice."""

from __future__ import annotations

from sqlalchemy import Connection, text

TRANSACTION_NUMBER = "transaction_number"

_RESERVE = text(
    "INSERT INTO counters (name, value) VALUES (:name, :size)"
    " ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value"
)


def reserve(conn: Connection, name: str, size: int) -> range:
    """The next ``size`` numbers of the counter; the first ever is 1."""
    last: int = conn.execute(_RESERVE, {"name": name, "size": size}).scalar_one()
    return range(last - size + 1, last + 1)
