"""Group commit: calls that wait at the same time share one durable commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from csms.domain.errors import DomainError, StoreUnavailable
from csms.store.rows import Ticket

Write = Callable[[Sequence[Ticket]], Awaitable[list[DomainError | None]]]

MAX_PENDING_ROWS = 20_000


class GroupCommit:
    """While one group is being written the next one gathers; its size follows the load by itself.

    ``commit`` waits when ``max_pending_rows`` are gathered, which slows the sockets' readers down in turn.
    """

    def __init__(self, write: Write, *, max_pending_rows: int = MAX_PENDING_ROWS) -> None:
        self._write = write
        self._max_pending_rows = max_pending_rows
        self._tickets: list[Ticket] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._n_rows = 0
        self._room = asyncio.Event()
        self._room.set()
        self._work = asyncio.Event()
        self._closed = False
        self._task = asyncio.create_task(self._run(), name="store-writer")

    async def commit(self, ticket: Ticket) -> None:
        """Return once the ticket is durable; raises what ``Write`` answers for it."""
        while self._n_rows >= self._max_pending_rows:
            self._room.clear()
            await self._room.wait()
        if self._closed:
            raise StoreUnavailable("the store is closed")
        done = asyncio.get_running_loop().create_future()
        if not self._tickets:
            self._work.set()
        self._tickets.append(ticket)
        self._waiters.append(done)
        self._n_rows += len(ticket)
        await done

    async def close(self) -> None:
        """Write what is pending, then stop."""
        self._closed = True
        self._work.set()
        await self._task

    async def _run(self) -> None:
        while not (self._closed and not self._tickets):
            await self._work.wait()
            self._work.clear()
            if not self._tickets:
                continue
            tickets, waiters = self._tickets, self._waiters
            self._tickets, self._waiters, self._n_rows = [], [], 0
            self._room.set()
            outcomes = await self._outcomes(tickets)
            for done, outcome in zip(waiters, outcomes, strict=True):
                if done.cancelled():
                    continue
                if outcome is None:
                    done.set_result(None)
                else:
                    done.set_exception(outcome)

    async def _outcomes(self, tickets: Sequence[Ticket]) -> list[DomainError | None]:
        try:
            return await self._write(tickets)
        except Exception as error:  # noqa: BLE001 the writer must outlive any failure; each caller is told
            return [StoreUnavailable(f"the writer failed: {error}") for _ in tickets]
