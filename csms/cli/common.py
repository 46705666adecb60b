"""Settings and store for commands."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from csms.cli.output import fail
from csms.domain.errors import DomainError
from csms.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from csms.store import Store

ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="TOML file; see `csms config print`.")
]


def read_settings(file: Path | None) -> Settings:
    try:
        return load_settings(file, os.environ)
    except SettingsError as error:
        fail(str(error), 2)


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[Store]:
    """The configured store, closed afterwards; domain errors end the command with their message."""
    from csms.store import open_store  # half a second that `csms config` need not wait for

    try:
        store = await open_store(settings.store.url.get_secret_value())
    except DomainError as error:
        fail(error.message)
    try:
        yield store
    except DomainError as error:
        fail(error.message)
    finally:
        await store.close()
