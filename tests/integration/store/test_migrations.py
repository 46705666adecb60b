"""Migrations build the schema that the code reads and writes."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text

from csms.domain.errors import InvalidInput, StoreUnavailable
from csms.domain.records import AuditRecord
from csms.store import open_store
from csms.store.migrate import config, revision_is_current, upgrade
from csms.store.schema import METADATA
from tests.integration.store.conftest import Postgres
from tests.integration.store.samples import T0, transaction_record


def differences(conn: Connection) -> list[object]:
    context = MigrationContext.configure(conn, opts={"compare_type": True})
    return list(compare_metadata(context, METADATA))


def reflected_sql(conn: Connection) -> set[str]:
    found = conn.execute(text("SELECT sql FROM sqlite_master WHERE name NOT LIKE 'alembic%'"))
    return {" ".join(row.sql.split()) for row in found if row.sql}


async def test_upgraded_database_is_what_the_models_say(url: str) -> None:
    store = await open_store(url)
    assert await store._read(differences) == []
    await store.close()


async def test_sqlite_schema_is_word_for_word_that_of_the_models(sqlite_url: str) -> None:
    """Partial indexes and WITHOUT ROWID are not compared by Alembic."""
    from csms.store import InlineStore

    store, inline = await open_store(sqlite_url), InlineStore()
    assert await store._read(reflected_sql) == await inline._read(reflected_sql)
    await store.close()


def test_upgrade_from_nothing_and_again(sqlite_url: str) -> None:
    assert not revision_is_current(sqlite_url)
    upgrade(sqlite_url)
    assert revision_is_current(sqlite_url)
    upgrade(sqlite_url)
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_reopening_keeps_what_was_written(url: str) -> None:
    for n in range(2):
        store = await open_store(url)
        await store.journal.commit(transaction_record(n))
        assert len(await store.history.transactions()) == n + 1
        await store.close()


async def test_old_schema_is_refused_when_not_upgraded(sqlite_url: str) -> None:
    with pytest.raises(StoreUnavailable, match="revision"):
        await open_store(sqlite_url, upgrade=False)


def test_two_nodes_upgrade_one_postgres_at_once(postgres: Postgres) -> None:
    postgres.sql("CREATE DATABASE csms_both")
    url = postgres.url("csms_both")

    async def both() -> None:
        await asyncio.gather(*(asyncio.to_thread(upgrade, url) for _ in range(2)))

    asyncio.run(both())
    assert revision_is_current(url)


@pytest.mark.parametrize(
    "bad", ["mysql://u:secret@h/d", "sqlite://", "sqlite:///:memory:", "csms.db", "x:secret@y//"]
)
async def test_unusable_url_is_refused_without_repeating_secrets(bad: str) -> None:
    with pytest.raises(InvalidInput, match="expected sqlite:///PATH or postgresql://") as refused:
        await open_store(bad)
    assert "secret" not in str(refused.value)


def step(url: str, move: Callable[..., None], revision: str) -> None:
    with create_engine(url).begin() as conn:
        move(config(conn), revision)


async def test_prices_that_only_the_audit_log_kept_are_taken_over(sqlite_url: str) -> None:
    """Revision 0003; what is no price stays where it is."""
    upgrade(sqlite_url)
    store = await open_store(sqlite_url)
    told = {"since": "2026-01-01T00:00:00+00:00", "import_per_kwh": "0.40", "export_per_kwh": "0"}
    for n, detail in enumerate(({**told, "currency": "EUR"}, told, {"since": "never"})):
        await store.journal.commit(
            AuditRecord(
                at=T0 + timedelta(minutes=n),
                actor="a",
                action="PostTariff",
                target="site",
                detail=detail,
            )
        )
    await store.close()
    step(sqlite_url, command.downgrade, "0002")
    step(sqlite_url, command.upgrade, "head")
    store = await open_store(sqlite_url)
    (price,) = await store.history.tariffs()
    assert (price.since, str(price.import_per_kwh)) == (datetime(2026, 1, 1, tzinfo=UTC), "0.40")
    assert len(await store.history.audit()) == 3
    await store.close()
