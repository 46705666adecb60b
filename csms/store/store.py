"""Stores: a journal and a history over one database."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from csms.domain.errors import DomainError, StoreUnavailable
from csms.domain.ports import History, Journal, PlanHistory
from csms.store import engines, migrate
from csms.store.backends import Backend, InlineBackend, PostgresBackend, SqliteBackend
from csms.store.faults import refusal
from csms.store.group import MAX_PENDING_ROWS, GroupCommit
from csms.store.history import StoredHistory
from csms.store.journal import Commit, StoredJournal
from csms.store.plan_history import StoredPlanHistory
from csms.store.repositories import counters, meters
from csms.store.rows import Ticket
from csms.store.writer import transact, write_group

T = TypeVar("T")

TRANSACTION_NUMBERS_A_BLOCK = 1_000
_DATABASE_ERRORS = (SQLAlchemyError, sqlite3.Error, OSError, OverflowError, UnicodeError)


class Store:
    """``journal`` to write, ``history`` and ``plans`` to read, over one database.

    Every call of ``commit`` commits alone, unless ``commit`` says how a ticket is written.
    """

    journal: Journal
    history: History
    plans: PlanHistory

    def __init__(self, backend: Backend, commit: Commit | None = None) -> None:
        self._backend = backend
        self.journal = StoredJournal(commit or self._commit, self._reserve)
        self.history = StoredHistory(self._read, self._look_up)
        self.plans = StoredPlanHistory(self._read)

    async def prune(self, before: datetime) -> int:
        """Delete meter values of instants before ``before``, EVSE by EVSE so that writing goes on in between.

        Returns the number of instants deleted.
        """
        deleted = 0
        for evse in await self._read(meters.evses):
            deleted += await self._write(partial(meters.prune, evse=evse, before=before))
        return deleted

    async def close(self) -> None:
        """Let go of the database."""
        await self._backend.close()

    async def _commit(self, ticket: Ticket) -> None:
        (outcome,) = await self._write_group((ticket,))
        if outcome is not None:
            raise outcome

    async def _write_group(self, tickets: Sequence[Ticket]) -> list[DomainError | None]:
        return await self._backend.write(lambda engine: write_group(engine, tickets))

    async def _reserve(self) -> range:
        return await self._write(
            lambda conn: counters.reserve(
                conn, counters.TRANSACTION_NUMBER, TRANSACTION_NUMBERS_A_BLOCK
            )
        )

    async def _write(self, work: Callable[[Connection], T]) -> T:
        try:
            return await self._backend.write(lambda engine: transact(engine, work))
        except _DATABASE_ERRORS as error:
            raise refusal(error) from error

    async def _read(self, query: Callable[[Connection], T]) -> T:
        try:
            return await self._backend.read(query)
        except _DATABASE_ERRORS as error:
            raise refusal(error) from error

    async def _look_up(self, query: Callable[[Connection], T]) -> T:
        try:
            return await self._backend.look_up(query)
        except _DATABASE_ERRORS as error:
            raise refusal(error) from error


class InlineStore(Store):
    """In memory, in the caller's own turn: no threads, no waits, so that a simulation in virtual time repeats."""

    def __init__(self) -> None:
        super().__init__(InlineBackend())


class GroupedStore(Store):
    """Calls of ``commit`` that wait at the same time share one durable commit."""

    def __init__(self, backend: Backend, *, max_pending_rows: int = MAX_PENDING_ROWS) -> None:
        self._group = GroupCommit(self._write_group, max_pending_rows=max_pending_rows)
        super().__init__(backend, self._group.commit)

    async def close(self) -> None:
        """Write what is pending, then let go of the database. Later commits raise ``StoreUnavailable``."""
        await self._group.close()
        await super().close()


async def open_store(
    url: str, *, upgrade: bool = True, max_pending_rows: int = MAX_PENDING_ROWS
) -> Store:
    """Open ``sqlite:///PATH`` (made when missing) or ``postgresql://USER:PASSWORD@HOST/DATABASE``.

    Raises ``InvalidInput`` for a URL that is neither, ``StoreUnavailable`` when the database does not answer, or
    when ``upgrade`` is off and its schema is not of the newest revision.
    """
    parsed = engines.parse_url(url)
    try:
        if upgrade:
            await asyncio.to_thread(migrate.upgrade, url)
        elif not await asyncio.to_thread(migrate.revision_is_current, url):
            raise StoreUnavailable("the database schema is not of the newest revision: upgrade it")
    except _DATABASE_ERRORS as error:
        raise refusal(error) from error
    is_sqlite = parsed.get_backend_name() == "sqlite"
    backend: Backend = SqliteBackend(parsed) if is_sqlite else PostgresBackend(parsed)
    return GroupedStore(backend, max_pending_rows=max_pending_rows)
