"""Whose fault a failed statement is: the data's, which only its own caller must hear of, or the database's."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError

from csms.domain.errors import DomainError, InvalidInput, StoreUnavailable

_DATA_SQLSTATES = ("22", "23")
"""Classes "data exception" and "integrity constraint violation" (SQL:2016, 24.1)."""
_SQLITE_DATA_ERRORS = (sqlite3.IntegrityError, sqlite3.DataError)


def is_data_fault(error: Exception) -> bool:
    """Whether the rows themselves were refused, so that other rows may pass."""
    if isinstance(error, sqlite3.Error):
        return isinstance(error, _SQLITE_DATA_ERRORS)
    if not isinstance(error, DBAPIError):
        # the driver could not even bind a value: too large an integer, a lone surrogate
        return isinstance(error, ValueError | TypeError | OverflowError)
    if isinstance(error.orig, sqlite3.Error):
        return is_data_fault(error.orig)
    cause = error.orig.__cause__ if error.orig is not None else None
    sqlstate = getattr(cause, "sqlstate", None)
    if sqlstate is None:  # asyncpg's own refusal to encode an argument
        return isinstance(cause, ValueError)
    return str(sqlstate).startswith(_DATA_SQLSTATES)


def refusal(error: Exception) -> DomainError:
    """What the caller is told. The statement's parameters are left out: they may hold secrets."""
    reason = _reason(error)
    if is_data_fault(error):
        return InvalidInput(f"the database refused the record: {reason}")
    return StoreUnavailable(f"the database is not available: {reason}")


def _reason(error: Exception) -> str:
    text = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    return text.splitlines()[0] if text else type(error).__name__
