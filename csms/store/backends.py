"""Where the synchronous writer and reads run: in threads (SQLite), in greenlets (PostgreSQL), or right here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.util import greenlet_spawn

from csms.store import engines
from csms.store.look_ups import LookUps
from csms.store.schema import METADATA

T = TypeVar("T")

_N_READERS = 4
_POSTGRES_POOL_SIZE = 6
"""One for the writer, the others for reads."""


class Backend(Protocol):
    """Runs synchronous work; errors of the database pass through as SQLAlchemy raises them."""

    async def write(self, work: Callable[[Engine], T]) -> T: ...

    async def read(self, query: Callable[[Connection], T]) -> T: ...

    async def look_up(self, query: Callable[[Connection], T]) -> T:
        """``read`` for the few rows of one key: the reads that messages and connections wait for."""
        ...

    async def close(self) -> None: ...


class SqliteBackend:
    """One thread writes, a few read: WAL lets them work side by side."""

    def __init__(self, url: URL) -> None:
        self._writer = engines.sqlite_writer(url)
        self._reader = engines.sqlite_reader(url, _N_READERS)
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._read_threads = ThreadPoolExecutor(_N_READERS, thread_name_prefix="store-read")
        self._look_ups = LookUps(self._reader, self._read_threads)

    async def write(self, work: Callable[[Engine], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._write_thread, work, self._writer)

    async def read(self, query: Callable[[Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._read_threads, _read, self._reader, query)

    async def look_up(self, query: Callable[[Connection], T]) -> T:
        return await self._look_ups.read(query)

    async def close(self) -> None:
        # in their own threads, after whatever is still queued there
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._read_threads, self._reader.dispose)
        await loop.run_in_executor(self._write_thread, self._writer.dispose)
        self._read_threads.shutdown(wait=False)
        self._write_thread.shutdown(wait=False)


class PostgresBackend:
    """The same synchronous code, suspended at each wait by SQLAlchemy's greenlets."""

    def __init__(self, url: URL) -> None:
        self._engine = engines.postgres(url, _POSTGRES_POOL_SIZE)

    async def write(self, work: Callable[[Engine], T]) -> T:
        return await greenlet_spawn(work, self._engine.sync_engine)

    async def read(self, query: Callable[[Connection], T]) -> T:
        return await greenlet_spawn(_read, self._engine.sync_engine, query)

    look_up = read

    async def close(self) -> None:
        await self._engine.dispose()


class InlineBackend:
    """In memory, in the caller's own turn: no thread, no wait, the same order every time."""

    def __init__(self) -> None:
        self._engine = engines.memory()
        METADATA.create_all(self._engine)

    async def write(self, work: Callable[[Engine], T]) -> T:
        return work(self._engine)

    async def read(self, query: Callable[[Connection], T]) -> T:
        return _read(self._engine, query)

    look_up = read

    async def close(self) -> None:
        self._engine.dispose()


def _read(engine: Engine, query: Callable[[Connection], T]) -> T:
    with engine.connect() as conn:
        return query(conn)
