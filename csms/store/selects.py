"""Statements that are made once: SQLAlchemy takes longer to build a look-up than SQLite to run it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, Table, bindparam, select


def by_key(table: Table) -> Select[Any]:
    """The row of a primary key; the parameters are named as the key's columns."""
    return select(table).where(*(column == bindparam(column.name) for column in table.primary_key))
