"""Bulk upserts: one statement for many rows, the same meaning on both databases.

Statements are written by hand, since the ORM costs 30 times as much a row and Core 4 times. Two facts of Python's
``sqlite3`` shape them (both measured; ``tests/bench/store_bench.py``):

- ``executemany`` gives up and retakes the GIL at every row. Beside a busy event loop each retake may take a whole
  switch interval (5 ms), so a batch costs seconds. Here a batch is a few statements of 2**k rows each.
- Binding ``None`` goes through the adapter protocol at almost 1 us a value, three times the cost of the row itself.
  SQLite stores a NaN as NULL, and binding a float is quick, so NULLs travel as NaN; no NaN of a caller gets this
  far, since ``rows`` of each repository refuses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from functools import cache
from itertools import chain
from typing import Any, Protocol

from sqlalchemy import BigInteger, Boolean, Connection, Double, LargeBinary, Table, Text

Row = tuple[Any, ...]
"""Values of a table's columns in their order; the key comes first."""

_NULL = float("nan")
_MAX_SQLITE_PARAMETERS = 8_192
_POSTGRES_TYPES = {
    Text: "text",
    BigInteger: "bigint",
    Double: "float8",
    LargeBinary: "bytea",
    Boolean: "boolean",
}


class Sink(Protocol):
    """Where rows of one kind go."""

    def write(self, conn: Connection, rows: Sequence[Row]) -> None:
        """Apply ``rows`` in their order within the connection's transaction."""
        ...


Rows = Iterable[tuple[Sink, Row]]


class OnConflict(Enum):
    """What happens to a row whose key is already there."""

    REPLACE = "replace"
    FILL = "fill"
    """NULLs leave the stored values; a value replaces them."""
    NEWEST = "newest"
    """Replace unless the stored ``at`` is later."""
    KEEP = "keep"


class Upsert:
    """The sink of one table."""

    def __init__(self, table: Table, policy: OnConflict, *, fixed: tuple[str, ...] = ()) -> None:
        """``fixed`` columns keep their first value whatever the policy."""
        self._table = table
        self._policy = policy
        self._columns = [column.name for column in table.columns]
        self._n_key = len(table.primary_key)
        if [column.name for column in table.primary_key] != self._columns[: self._n_key]:
            raise TypeError(f"table {table.name}: the key columns must come first")
        self._head = f"INSERT INTO {table.name} ({', '.join(map(_quoted, self._columns))}) "
        self._tail = self._on_conflict(fixed)
        self._sqlite_sql = cache(self._sqlite_statement)
        arrays = ", ".join(
            f"${i}::{_POSTGRES_TYPES[type(column.type)]}[]"
            for i, column in enumerate(table.columns, 1)
        )
        source = f"SELECT * FROM unnest({arrays}) "  # noqa: S608 names of our own schema only
        self._postgres_sql = self._head + source + self._tail
        self._max_rows = 1 << (_MAX_SQLITE_PARAMETERS // len(self._columns)).bit_length() - 1

    def write(self, conn: Connection, rows: Sequence[Row]) -> None:
        insert = self._insert_sqlite if conn.dialect.name == "sqlite" else self._insert_postgres
        for distinct in self._rounds(rows):
            insert(conn, distinct)

    def _rounds(self, rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
        """Split so that no statement meets a key twice, which PostgreSQL refuses, keeping each key's order."""
        n = self._n_key
        by_key = {row[:n]: row for row in rows}
        if len(by_key) == len(rows):
            yield rows
        elif self._policy is OnConflict.REPLACE:
            yield list(by_key.values())
        else:
            told: dict[Row, int] = {}
            rounds: list[list[Row]] = []
            for row in rows:
                nth = told.get(row[:n], 0)
                told[row[:n]] = nth + 1
                if nth == len(rounds):
                    rounds.append([])
                rounds[nth].append(row)
            yield from rounds

    def _insert_sqlite(self, conn: Connection, rows: Sequence[Row]) -> None:
        cursor = conn.connection.cursor()  # the driver's own: SQLAlchemy adds 50 us a statement
        at, size = 0, self._max_rows
        while at < len(rows):
            while size > len(rows) - at:
                size >>= 1
            flat = chain.from_iterable(rows[at : at + size])
            cursor.execute(
                self._sqlite_sql(size), [_NULL if value is None else value for value in flat]
            )
            at += size

    def _insert_postgres(self, conn: Connection, rows: Sequence[Row]) -> None:
        columns = tuple(list(column) for column in zip(*rows, strict=True))
        conn.exec_driver_sql(self._postgres_sql, columns)

    def _sqlite_statement(self, n_rows: int) -> str:
        one = f"({', '.join('?' * len(self._columns))})"
        return f"{self._head}VALUES {', '.join([one] * n_rows)} {self._tail}"

    def _on_conflict(self, fixed: tuple[str, ...]) -> str:
        name = self._table.name
        key = ", ".join(map(_quoted, self._columns[: self._n_key]))
        rest = [_quoted(c) for c in self._columns[self._n_key :] if c not in fixed]
        if self._policy is OnConflict.KEEP:
            return f"ON CONFLICT ({key}) DO NOTHING"
        if self._policy is OnConflict.FILL:
            changes = [f"{c} = coalesce(excluded.{c}, {name}.{c})" for c in rest]
        else:
            changes = [f"{c} = excluded.{c}" for c in rest]
        newest = self._policy is OnConflict.NEWEST
        return (
            f"ON CONFLICT ({key}) DO UPDATE SET {', '.join(changes)}"
            f"{f' WHERE excluded.at >= {name}.at' if newest else ''}"
        )


def _quoted(column: str) -> str:
    return f'"{column}"'
