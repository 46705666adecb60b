"""The one writer of a store, synchronous: a group of tickets becomes one durable commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from csms.domain.errors import DomainError
from csms.store.faults import is_data_fault, refusal
from csms.store.rows import Ticket, apply

T = TypeVar("T")


def write_group(engine: Engine, tickets: Sequence[Ticket]) -> list[DomainError | None]:
    """Commit all tickets at once; returns for each ``None`` when it is durable, else why it is not.

    A group that the database refuses for its data is halved until the poison ticket stands alone: log2(n) commits
    more, and nobody else fails. An outage fails the group as a whole.
    """
    try:
        transact(engine, lambda conn: apply(conn, tickets))
    except Exception as error:  # noqa: BLE001 every failure is the answer to some caller, never swallowed
        if len(tickets) == 1 or not is_data_fault(error):
            return [refusal(error) for _ in tickets]  # an exception each: it will carry a traceback
        middle = len(tickets) // 2
        return write_group(engine, tickets[:middle]) + write_group(engine, tickets[middle:])
    return [None] * len(tickets)


def transact(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Run ``work`` in one transaction.

    A connection found dead is replaced and the work repeated once: rows are idempotent, so it does no harm if the
    commit had gone through, and a restart of the database between two groups is not noticed.
    """
    try:
        with engine.begin() as conn:
            return work(conn)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        with engine.begin() as conn:
            return work(conn)
