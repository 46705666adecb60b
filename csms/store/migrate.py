"""Schema revisions, without a command line: ``upgrade`` to the newest, and the check that it was done.

A new revision is drafted from a difference between ``schema`` and an upgraded database with
``alembic.command.revision(config(conn), "what changes", autogenerate=True)``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from csms.store import engines

T = TypeVar("T")

_ADVISORY_LOCK = 0x56324743534D53
"""Any constant: two nodes that start together upgrade one after the other."""


def upgrade(url: str) -> None:
    """Bring the database at ``url`` to the newest revision; makes the SQLite file when it is missing.

    Blocking: call it in a thread when a loop runs. Raises SQLAlchemy's errors.
    """
    _run(url, _upgrade)


def revision_is_current(url: str) -> bool:
    """Whether the database at ``url`` has the newest revision."""
    return _run(url, lambda conn: _revision(conn) == _script(conn).get_current_head())


def config(conn: Connection) -> Config:
    """Alembic's configuration, bound to ``conn``."""
    found = Config()
    found.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    found.attributes["connection"] = conn
    return found


def _upgrade(conn: Connection) -> None:
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    command.upgrade(config(conn), "head")


def _revision(conn: Connection) -> str | None:
    return MigrationContext.configure(conn).get_current_revision()


def _script(conn: Connection) -> ScriptDirectory:
    return ScriptDirectory.from_config(config(conn))


def _run(url: str, work: Callable[[Connection], T]) -> T:
    parsed = engines.parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        engines.create_sqlite_file(parsed)
        engine = engines.sqlite_writer(parsed)
        try:
            with engine.begin() as conn:
                return work(conn)
        finally:
            engine.dispose()

    async def on_postgres() -> T:
        engine = engines.postgres(parsed, pool_size=1)
        try:
            async with engine.begin() as conn:
                return await conn.run_sync(work)
        finally:
            await engine.dispose()

    return asyncio.run(on_postgres())
