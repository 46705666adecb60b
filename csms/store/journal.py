"""The write side: records to rows at once, rows to disk in groups, transaction numbers from reserved blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from csms.domain.errors import StoreUnavailable
from csms.domain.records import Record
from csms.store.rows import Ticket, ticket

Commit = Callable[[Ticket], Awaitable[None]]

MAX_TRANSACTION_NUMBER = 2**31 - 1
"""OCPP 1.6 transaction ids are integers; stations hold them in 32 bits, signed."""


class StoredJournal:
    """``csms.domain.ports.Journal``: ``commit`` makes a ticket durable, ``reserve`` a block of numbers."""

    def __init__(
        self,
        commit: Commit,
        reserve: Callable[[], Awaitable[range]],
    ) -> None:
        self._commit = commit
        self._reserve = reserve
        self._numbers = iter(range(0))
        self._refill = asyncio.Lock()

    async def commit(self, *records: Record) -> None:
        """Raises ``InvalidInput`` for a record that can never be stored, ``StoreUnavailable`` in an outage."""
        rows = ticket(records)
        if rows:
            await self._commit(rows)

    async def next_transaction_number(self) -> int:
        """A block is durable before its first number is given out; a crash only wastes the rest of it."""
        number = next(self._numbers, None)
        if number is None:
            async with self._refill:
                while (number := next(self._numbers, None)) is None:
                    self._numbers = iter(await self._reserve())
        if number > MAX_TRANSACTION_NUMBER:
            raise StoreUnavailable("all 31-bit transaction numbers of this store are used up")
        return number
