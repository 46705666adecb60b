"""Grouped look-ups: who shares a trip, and who is told what."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy import Connection, Engine, text

from csms.store import engines
from csms.store.look_ups import LookUps


class Counting(ThreadPoolExecutor):
    """Counts the trips."""

    trips = 0

    def submit(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        self.trips += 1
        return super().submit(*args, **kwargs)


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = engines.memory()
    yield engine
    engine.dispose()


@pytest.fixture
def threads() -> Iterator[Counting]:
    with Counting(1) as threads:
        yield threads


def number(n: int) -> int:
    return n


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_waits_while_a_group_is_read_is_the_next_group(
    engine: Engine, threads: Counting
) -> None:
    look_ups, gate = LookUps(engine, threads), Event()

    def first(conn: Connection) -> int:
        gate.wait(5)
        return int(conn.execute(text("SELECT 7")).scalar_one())

    waiting = asyncio.create_task(look_ups.read(first))
    await settle()
    others = [asyncio.create_task(look_ups.read(lambda _, n=n: number(n))) for n in range(50)]
    await settle()
    gate.set()
    assert await waiting == 7
    assert await asyncio.gather(*others) == list(range(50))
    assert threads.trips == 2
    assert await look_ups.read(lambda _: "later") == "later"


async def test_a_failure_is_told_to_its_own_caller_only(engine: Engine, threads: Counting) -> None:
    look_ups = LookUps(engine, threads)

    def fails(_: Connection) -> int:
        raise OverflowError("too large an integer")

    results = await asyncio.gather(
        look_ups.read(fails), look_ups.read(lambda _: 1), return_exceptions=True
    )
    assert isinstance(results[0], OverflowError)
    assert results[1] == 1
    assert threads.trips == 1


async def test_a_caller_that_gave_up_disturbs_nobody(engine: Engine, threads: Counting) -> None:
    look_ups = LookUps(engine, threads)
    gone, stays = (asyncio.create_task(look_ups.read(lambda _: 1)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == 1
    assert gone.cancelled()


async def test_nobody_is_left_waiting_when_it_is_closed(engine: Engine, threads: Counting) -> None:
    look_ups = LookUps(engine, threads)
    threads.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        await asyncio.wait_for(look_ups.read(lambda _: 1), 5)
