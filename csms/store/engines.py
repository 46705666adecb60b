"""Engines for both databases, set up for durability and bounded waits."""

from __future__ import annotations

import os
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool, StaticPool

from csms.domain.errors import InvalidInput

BUSY_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 30.0
_CACHE_KIB = 65_536
_CHECKPOINT_PAGES = 8_000
"""32 MB of log between checkpoints: each one costs two more syncs and rewrites the pages in place."""
_CACHED_STATEMENTS = 256


def parse_url(url: str) -> URL:
    """Accepts ``sqlite:///PATH`` and ``postgresql://USER:PASSWORD@HOST/DATABASE``, with or without a driver.

    Raises ``InvalidInput`` otherwise.
    """
    expected = "expected sqlite:///PATH or postgresql://USER@HOST/DATABASE"
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InvalidInput(f"store URL cannot be read: {expected}") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise InvalidInput(
                f"store URL {url}: {expected}; for a store in memory use InlineStore"
            )
        return parsed.set(drivername="sqlite")
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+asyncpg")
    raise InvalidInput(f"store URL has scheme {parsed.drivername}: {expected}")


def sqlite_writer(url: URL) -> Engine:
    """One connection, for the one thread that writes. The file must exist."""
    return _writing(_sqlite(url, pool_size=1, pragmas=("synchronous=FULL",)))


def sqlite_reader(url: URL, n_connections: int) -> Engine:
    return _sqlite(url, pool_size=n_connections, pragmas=("query_only=ON",))


def memory() -> Engine:
    """A private database in memory, for one thread."""
    connect = partial(_connect, ":memory:", uri=False)
    return _writing(create_engine("sqlite://", creator=connect, poolclass=StaticPool))


def postgres(url: URL, pool_size: int) -> AsyncEngine:
    """``synchronous_commit`` is asked for by name: a commit that returns is on disk whatever the server's default."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        connect_args={
            "timeout": BUSY_TIMEOUT_S,
            "command_timeout": STATEMENT_TIMEOUT_S,
            "server_settings": {"synchronous_commit": "on", "application_name": "csms"},
        },
    )


def create_sqlite_file(url: URL) -> None:
    """Make the file when it is missing, readable by its owner alone, in WAL mode (which the file remembers)."""
    path = Path(str(url.database))
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    conn = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)
    try:
        conn.execute("PRAGMA journal_mode=WAL")
    finally:
        conn.close()


def _writing(engine: Engine) -> Engine:
    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        # taking the write lock at once: a deferred transaction cannot wait for it once it has read
        conn.connection.cursor().execute("BEGIN IMMEDIATE")

    return engine


def _sqlite(url: URL, *, pool_size: int, pragmas: tuple[str, ...]) -> Engine:
    path = str(url.database)
    engine = create_engine(
        url,
        creator=lambda: _connect(f"file:{quote(path)}?mode=rw", uri=True, pragmas=pragmas),
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
    )

    @event.listens_for(engine, "connect")
    def _remember_file(_: Any, record: Any) -> None:
        record.info["inode"] = _inode(path)

    @event.listens_for(engine, "checkout")
    def _same_file(_: Any, record: Any, __: Any) -> None:
        # a removed file would still take commits, and lose them all when it is closed
        if record.info["inode"] != _inode(path):
            raise DisconnectionError(f"the database file {path} was removed or replaced")

    return engine


def _connect(database: str, *, uri: bool, pragmas: tuple[str, ...] = ()) -> sqlite3.Connection:
    conn = sqlite3.connect(
        database,
        uri=uri,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,  # SQLAlchemy's begin and commit decide, not the driver's guess
        check_same_thread=False,
        cached_statements=_CACHED_STATEMENTS,
    )
    for pragma in (
        *pragmas,
        f"cache_size=-{_CACHE_KIB}",
        f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
    ):
        conn.execute(f"PRAGMA {pragma}")
    return conn


def _inode(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
