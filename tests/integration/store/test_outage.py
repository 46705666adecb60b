"""The database goes away and comes back: callers are told at once, and no restart is needed."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from csms.domain.errors import StoreUnavailable
from csms.store import Store, engines, open_store
from tests.integration.store.conftest import Postgres
from tests.integration.store.samples import CP1, transaction_record


async def commit_all(store: Store, numbers: range) -> list[object]:
    calls = (store.journal.commit(transaction_record(n)) for n in numbers)
    return await asyncio.gather(*calls, return_exceptions=True)


async def stored(store: Store) -> set[int]:
    found = await store.history.transactions(limit=1_000)
    return {int(t.transaction_id) for t in found}


async def test_locked_file(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_S", 0.1)
    store = await open_store(sqlite_url)
    path = sqlite_url.removeprefix("sqlite:///")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    outcomes = await commit_all(store, range(10))
    assert [type(o) for o in outcomes] == [StoreUnavailable] * 10
    assert "locked" in str(outcomes[0])
    with pytest.raises(StoreUnavailable):
        await store.journal.next_transaction_number()
    other.execute("ROLLBACK")
    other.close()
    assert await commit_all(store, range(20, 30)) == [None] * 10
    assert await stored(store) == set(range(20, 30))
    assert await store.journal.next_transaction_number() == 1
    await store.close()


async def test_removed_file_takes_no_commit(sqlite_url: str, tmp_path: Path) -> None:
    store = await open_store(sqlite_url)
    assert await commit_all(store, range(3)) == [None] * 3
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    moved = tmp_path / "elsewhere.db"
    path.rename(moved)  # noqa: ASYNC240
    outcomes = await commit_all(store, range(3, 6))
    assert [type(o) for o in outcomes] == [StoreUnavailable] * 3
    with pytest.raises(StoreUnavailable):
        await store.history.transactions()
    moved.rename(path)
    assert await commit_all(store, range(6, 9)) == [None] * 3
    assert await stored(store) == {0, 1, 2, 6, 7, 8}
    await store.close()


async def test_full_disk(sqlite_url: str) -> None:
    store = await open_store(sqlite_url)
    assert await commit_all(store, range(3)) == [None] * 3
    # SQLite's own page limit answers as a full disk does: "database or disk is full"
    limit = lambda n: lambda conn: conn.exec_driver_sql(f"PRAGMA max_page_count={n}").close()  # noqa: E731
    await store._write(limit(1))
    outcomes = await commit_all(store, range(3, 2_000))
    assert {type(o) for o in outcomes} == {StoreUnavailable}
    await store._write(limit(2**30))
    assert await commit_all(store, range(10_000, 10_010)) == [None] * 10
    assert await stored(store) == {0, 1, 2, *range(10_000, 10_010)}
    await store.close()


async def test_postgres_stops_and_starts(postgres: Postgres) -> None:
    store = await open_store(await asyncio.to_thread(postgres.new_database))
    assert await commit_all(store, range(3)) == [None] * 3
    await asyncio.to_thread(postgres.stop)
    outcomes = await commit_all(store, range(3, 6))
    assert [type(o) for o in outcomes] == [StoreUnavailable] * 3
    with pytest.raises(StoreUnavailable):
        await store.history.transaction(CP1, transaction_record(1).transaction.transaction_id)
    await asyncio.to_thread(postgres.start)
    assert await commit_all(store, range(6, 9)) == [None] * 3
    # a restart between two groups is not even noticed
    await asyncio.to_thread(postgres.stop)
    await asyncio.to_thread(postgres.start)
    assert await commit_all(store, range(9, 12)) == [None] * 3
    assert await stored(store) == {0, 1, 2, *range(6, 12)}
    await store.close()


async def test_postgres_out_of_reach_is_told_at_opening(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="not available"):
        await open_store(f"postgresql://ann:secret@/csms?host={tmp_path}")
