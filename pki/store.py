"""The certificate store: SQLite, durable before anything is published.

A row is `pending` from before its certificate is signed until the certificate is stored
(`issued`). Rows left pending by a crash become `abandoned`, which revocation treats as revoked: a
certificate may have existed in memory. `revoked` is final.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from pki.errors import NotFoundError, RequestError
from pki.profiles import Role
from pki.record import Record, Status, octets, record_of_row

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS certificate (
  issuer TEXT NOT NULL, serial TEXT NOT NULL, name TEXT NOT NULL, suite TEXT NOT NULL,
  role TEXT NOT NULL, subject TEXT NOT NULL, not_after TEXT NOT NULL, tbs_sha256 TEXT NOT NULL,
  status TEXT NOT NULL, der BLOB NOT NULL, revoked_at TEXT, reason TEXT NOT NULL,
  PRIMARY KEY (issuer, serial)) STRICT;
CREATE INDEX IF NOT EXISTS certificate_name ON certificate (name, status);
CREATE UNIQUE INDEX IF NOT EXISTS certificate_serial ON certificate (serial);
CREATE TABLE IF NOT EXISTS ocsp (
  issuer TEXT NOT NULL, serial TEXT NOT NULL, algorithm TEXT NOT NULL, der BLOB NOT NULL,
  this_update TEXT NOT NULL, next_update TEXT NOT NULL,
  PRIMARY KEY (issuer, serial, algorithm)) STRICT;
CREATE TABLE IF NOT EXISTS crl (
  issuer TEXT NOT NULL, number INTEGER NOT NULL, der BLOB NOT NULL,
  PRIMARY KEY (issuer, number)) STRICT;
CREATE TABLE IF NOT EXISTS audit_head (
  id INTEGER PRIMARY KEY CHECK (id = 0), seq INTEGER NOT NULL, digest TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS pool (
  pool TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY (pool, key)) STRICT;
"""
_COLUMNS: Final = (
    "issuer, serial, name, suite, role, subject, not_after, tbs_sha256, status, der, revoked_at,"
    " reason"
)


class Store:
    """One SQLite file (or ":memory:"); safe to share between threads."""

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA busy_timeout = 10000")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, sql: str, *arguments: object) -> list[tuple[object, ...]]:
        with self._lock:
            return self._db.execute(sql, arguments).fetchall()

    # certificates

    def reserve(self, record: Record) -> None:
        """Store a row before its certificate is signed. Raises RequestError for a used serial."""
        values = (
            record.issuer,
            record.serial_hex,
            record.name,
            record.suite,
            record.role,
            record.subject,
            record.not_after.isoformat(),
            record.tbs_sha256,
            Status.PENDING,
            b"",
            None,
            "",
        )
        marks = ", ".join("?" * len(values))
        try:
            with self._transaction() as db:
                db.execute(f"INSERT INTO certificate ({_COLUMNS}) VALUES ({marks})", values)  # noqa: S608
        except sqlite3.IntegrityError:
            raise RequestError(f"serial {record.serial_hex} is taken") from None

    def complete(self, issuer: str, serial: int, der: bytes) -> None:
        """Store the signed certificate of a pending row."""
        self._change(issuer, serial, Status.PENDING, Status.ISSUED, der=der)

    def revoke(self, issuer: str, serial: int, at: datetime, reason: str) -> None:
        """Raises NotFoundError unless the certificate is issued and not revoked yet."""
        self._change(issuer, serial, Status.ISSUED, Status.REVOKED, at=at, reason=reason)

    def abandon_pending(self, at: datetime) -> list[Record]:
        """Give up every row that a crash has left pending, and tell which."""
        with self._transaction():
            left = self.find(status=Status.PENDING)
            for row in left:
                self._update(row.issuer, row.serial, Status.ABANDONED, None, at, "unspecified")
        return left

    def _change(
        self,
        issuer: str,
        serial: int,
        expected: Status,
        status: Status,
        *,
        der: bytes | None = None,
        at: datetime | None = None,
        reason: str = "",
    ) -> None:
        with self._transaction():
            found = self.get(issuer, serial)
            if found is None or found.status is not expected:
                state = found.status if found else "absent"
                raise NotFoundError(
                    f"certificate {serial:x} of {issuer} is {state}, not {expected}"
                )
            self._update(issuer, serial, status, der, at, reason)

    def _update(
        self,
        issuer: str,
        serial: int,
        status: Status,
        der: bytes | None,
        at: datetime | None,
        reason: str,
    ) -> None:
        self._db.execute(
            "UPDATE certificate SET status = ?, der = coalesce(?, der), revoked_at = ?, reason = ?"
            " WHERE issuer = ? AND serial = ?",
            (status, der, at.isoformat() if at else None, reason, issuer, f"{serial:x}"),
        )

    def get(self, issuer: str, serial: int) -> Record | None:
        """The row of this serial."""
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM certificate WHERE issuer = ? AND serial = ?",  # noqa: S608
            issuer,
            f"{serial:x}",
        )
        return record_of_row(rows[0]) if rows else None

    def find(
        self,
        *,
        issuer: str | None = None,
        name: str | None = None,
        serial: int | None = None,
        role: Role | None = None,
        status: Status | None = None,
    ) -> list[Record]:
        """Rows that match all of what is given, oldest first."""
        wanted = {
            "issuer": issuer,
            "name": name,
            "serial": None if serial is None else f"{serial:x}",
            "role": role,
            "status": status,
        }
        given = {key: value for key, value in wanted.items() if value is not None}
        where = " AND ".join(f"{key} = ?" for key in given) or "1"
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM certificate WHERE {where} ORDER BY rowid",  # noqa: S608
            *given.values(),
        )
        return [record_of_row(row) for row in rows]

    def current(self, name: str) -> Record:
        """The newest certificate in use under `name`. Raises NotFoundError."""
        rows = self.find(name=name, status=Status.ISSUED)
        if not rows:
            raise NotFoundError(f"no certificate in use named {name!r}")
        return rows[-1]

    # revocation answers

    def put_ocsp(
        self,
        record: Record,
        algorithm: str,
        der: bytes,
        this_update: datetime,
        next_update: datetime,
    ) -> None:
        """Keep an answer, unless the certificate was revoked while it was being signed."""
        key = (record.issuer, record.serial_hex)
        times = (this_update.isoformat(), next_update.isoformat())
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO ocsp SELECT ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM"
                " certificate WHERE issuer = ? AND serial = ? AND status = ?)",
                (*key, algorithm, der, *times, *key, record.status),
            )

    def ocsp(self, issuer: str, serial: int, algorithm: str, at: datetime) -> bytes | None:
        """The stored answer if it is still in force at `at`."""
        rows = self._rows(
            "SELECT der FROM ocsp WHERE issuer = ? AND serial = ? AND algorithm = ?"
            " AND this_update <= ? AND next_update > ?",
            issuer,
            f"{serial:x}",
            algorithm,
            at.isoformat(),
            at.isoformat(),
        )
        return octets(rows[0][0]) if rows else None

    def drop_ocsp(self, issuer: str, serial: int) -> None:
        with self._transaction() as db:
            db.execute("DELETE FROM ocsp WHERE issuer = ? AND serial = ?", (issuer, f"{serial:x}"))

    def next_crl_number(self, issuer: str) -> int:
        rows = self._rows("SELECT coalesce(max(number), 0) + 1 FROM crl WHERE issuer = ?", issuer)
        return int(str(rows[0][0]))

    def put_crl(self, issuer: str, number: int, der: bytes) -> None:
        with self._transaction() as db:
            db.execute("INSERT INTO crl VALUES (?, ?, ?)", (issuer, number, der))

    def crl(self, issuer: str) -> bytes | None:
        """The newest list of `issuer`."""
        rows = self._rows(
            "SELECT der FROM crl WHERE issuer = ? ORDER BY number DESC LIMIT 1", issuer
        )
        return octets(rows[0][0]) if rows else None

    # audit head and pools

    def audit_head(self) -> tuple[int, str] | None:
        rows = self._rows("SELECT seq, digest FROM audit_head")
        return (int(str(rows[0][0])), str(rows[0][1])) if rows else None

    def set_audit_head(self, seq: int, digest: str) -> None:
        """Never goes back: another process may have written on."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO audit_head VALUES (0, ?, ?) ON CONFLICT (id) DO UPDATE"
                " SET seq = excluded.seq, digest = excluded.digest WHERE excluded.seq > seq",
                (seq, digest),
            )

    def pool_put(self, pool: str, key: str, value: bytes) -> None:
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO pool VALUES (?, ?, ?)", (pool, key, value))

    def pool_get(self, pool: str, key: str) -> bytes | None:
        rows = self._rows("SELECT value FROM pool WHERE pool = ? AND key = ?", pool, key)
        return octets(rows[0][0]) if rows else None

    def pool_list(self, pool: str, prefix: str) -> list[tuple[str, bytes]]:
        """Entries whose key begins with `prefix`, in the order of their keys."""
        rows = self._rows(
            "SELECT key, value FROM pool WHERE pool = ? AND substr(key, 1, ?) = ? ORDER BY key",
            pool,
            len(prefix),
            prefix,
        )
        return [(str(key), octets(value)) for key, value in rows]

    def pool_delete(self, pool: str, key: str) -> bool:
        """Whether there was such an entry."""
        with self._transaction() as db:
            changed = db.execute("DELETE FROM pool WHERE pool = ? AND key = ?", (pool, key))
            return changed.rowcount > 0
