"""Grouped look-ups: reads of a row by its key that wait at the same time share one trip to a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

T = TypeVar("T")

Query = Callable[[Connection], Any]
_Outcome = tuple[Any, Exception | None]


class LookUps:
    """While one group is read the next one gathers: thread, connection and wake-up are paid once a group.

    A query sees every commit that was acknowledged before ``read`` was called.
    """

    def __init__(self, engine: Engine, threads: Executor) -> None:
        self._engine = engine
        self._threads = threads
        self._waiting: list[tuple[Query, asyncio.Future[Any]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def read(self, query: Callable[[Connection], T]) -> T:
        """What ``query`` returns; what it raises passes through."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._waiting.append((query, done))
        if self._reading is None:
            self._reading = loop.create_task(self._read_groups(), name="store-look-ups")
        return await done

    async def _read_groups(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            queries = [query for query, _ in group]
            try:
                outcomes = await loop.run_in_executor(self._threads, _read, self._engine, queries)
            except Exception as error:  # noqa: BLE001 closed: nobody may be left waiting
                outcomes = [(None, error) for _ in queries]
            for (_, done), (result, failure) in zip(group, outcomes, strict=True):
                if done.cancelled():
                    continue
                if failure is None:
                    done.set_result(result)
                else:
                    done.set_exception(failure)
        self._reading = None


def _read(engine: Engine, queries: Sequence[Query]) -> list[_Outcome]:
    try:
        with engine.connect() as conn:
            return [_outcome(conn, query) for query in queries]
    except Exception as error:  # noqa: BLE001 no connection: the answer to every caller
        return [(None, error) for _ in queries]


def _outcome(conn: Connection, query: Query) -> _Outcome:
    try:
        return query(conn), None
    except Exception as error:  # noqa: BLE001 the answer to its own caller only
        return None, error
