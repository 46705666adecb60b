"""``csms token``: who may charge. ``csms key``: who may use the API."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated

import typer

from csms.cli.common import ConfigFile, opened_store, read_settings
from csms.cli.output import Json, out, print_json, print_table
from csms.clock import SystemClock
from csms.domain.records import TokenRecord
from csms.domain.values import IdToken, TokenStatus
from csms.services.api_keys import ApiKeys, Role

token_app = typer.Typer(no_args_is_help=True, help="Id tokens: who may charge.")
key_app = typer.Typer(no_args_is_help=True, help="API keys: who may use the API.")


@token_app.command("add")
def add(
    value: str,
    kind: Annotated[str, typer.Option(help="OCPP 2.x token type; empty for 1.6 only.")] = "",
    status: Annotated[TokenStatus, typer.Option()] = TokenStatus.ACCEPTED,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Add a token, or change its status."""

    async def run() -> None:
        async with opened_store(read_settings(config)) as store:
            record = TokenRecord(token=IdToken(value=value, kind=kind), status=status)
            await store.journal.commit(record)
            if json:
                print_json(record)
            else:
                out.print(f"token {value}: {status}")

    asyncio.run(run())


@token_app.command("list")
def list_(config: ConfigFile = None, json: Json = False) -> None:
    """All tokens."""

    async def run() -> None:
        async with opened_store(read_settings(config)) as store:
            records = await store.history.tokens()
            if json:
                print_json({"tokens": records})
            else:
                print_table(
                    ("token", "type", "status", "expires"),
                    ((r.token.value, r.token.kind, r.status, r.expires) for r in records),
                )

    asyncio.run(run())


@key_app.command("create")
def create(
    role: Annotated[Role, typer.Option(help="What the key may do.")] = Role.VIEWER,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Make an API key. It is shown once; only a hash of it is kept."""

    async def run() -> None:
        async with opened_store(read_settings(config)) as store:
            keys = ApiKeys(store.history, store.journal, SystemClock(), secrets.token_bytes)
            key = await keys.create(role)
            if json:
                print_json({"key_id": key.record.key_id, "role": role, "key": key.plaintext})
            else:
                out.print(f"{key.plaintext}", markup=False)

    asyncio.run(run())
