"""A running central system for a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.integration.whole_system.site import Site, running, settings_at


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Real sockets, a SQLite file, no dispatch."""
    async with running(settings_at(tmp_path)) as site:
        yield site
