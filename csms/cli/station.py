"""``csms station``: who may connect, what is there, and one command to one station."""

from __future__ import annotations

import asyncio
import json as jsonlib
import secrets
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer

from csms.cli.common import ConfigFile, opened_store, read_settings
from csms.cli.output import Json, err, fail, out, print_json, print_table
from csms.domain.errors import NotFound
from csms.domain.records import StationRecord
from csms.gateway.handshake import is_station_id
from csms.gateway.passwords import hash_password
from csms.ids import StationId
from csms.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Charging stations.")
Url = Annotated[str, typer.Option("--api", help="The central system's API.", envvar="CSMS_API")]
Key = Annotated[
    str, typer.Option("--key", help="API key: `csms key create`.", envvar="CSMS_API_KEY")
]
DEFAULT_API = "http://127.0.0.1:8080"


def station_url(settings: Settings) -> str:
    """What a station is to be configured with, up to its identity."""
    scheme = "wss" if settings.gateway.tls else "ws"
    host = "127.0.0.1" if settings.gateway.host in ("0.0.0.0", "::") else settings.gateway.host  # noqa: S104
    return f"{scheme}://{host}:{settings.gateway.port}{settings.gateway.path_prefix}"


@app.command("accept")
def accept(
    station_id: str,
    discharge: Annotated[
        bool, typer.Option(help="It can discharge vehicles into the grid.")
    ] = False,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Let a station in (or give a known one a new password). The password is shown once."""
    if not is_station_id(station_id):
        fail(f"{station_id!r} cannot be a station id: 1 to 48 printable characters without a colon")
    settings = read_settings(config)
    password = secrets.token_hex(12)

    async def run() -> None:
        async with opened_store(settings) as store:
            await store.journal.commit(
                StationRecord(
                    station_id=StationId(station_id),
                    password_hash=hash_password(password.encode()),
                    security_profile=settings.gateway.security_profile,
                    enabled=True,
                    can_discharge=discharge,
                )
            )

    asyncio.run(run())
    url = f"{station_url(settings)}/{quote(station_id, safe='')}"
    if json:
        print_json(
            {"station_id": station_id, "url": url, "username": station_id, "password": password}
        )
        return
    print_table((), [("URL", url), ("user name", station_id), ("password", password)])
    err.print("The password is not stored and not shown again.")


@app.command("list")
def list_(config: ConfigFile = None, json: Json = False) -> None:
    """All stations that are let in."""

    async def run() -> None:
        async with opened_store(read_settings(config)) as store:
            records = await store.history.stations()
            if json:
                print_json({"stations": [_public(r) for r in records]})
            else:
                print_table(
                    ("station", "OCPP", "vendor", "model", "firmware", "enabled", "booted"),
                    (
                        (
                            r.station_id,
                            r.version,
                            r.vendor,
                            r.model,
                            r.firmware,
                            r.enabled,
                            r.booted_at,
                        )
                        for r in records
                    ),
                )

    asyncio.run(run())


@app.command("show")
def show(station_id: str, config: ConfigFile = None, json: Json = False) -> None:
    """One station: what it is, its connectors, its latest transactions and commands."""

    async def run() -> None:
        async with opened_store(read_settings(config)) as store:
            sid = StationId(station_id)
            record = await store.history.station(sid)
            if record is None:
                raise NotFound(f"no station {station_id!r}; `csms station list` shows all")
            connectors = await store.history.connectors(sid)
            transactions = await store.history.transactions(station_id=sid, limit=5)
            commands = await store.history.commands(station_id=sid, limit=5)
            if json:
                print_json(
                    {
                        "station": _public(record),
                        "connectors": connectors,
                        "transactions": transactions,
                        "commands": commands,
                    }
                )
                return
            print_table((), list(_public(record).items()))
            out.print()
            print_table(
                ("EVSE", "connector", "status", "since", "error"),
                ((c.evse_id, c.connector_id, c.status, c.at, c.error_code) for c in connectors),
            )
            out.print()
            print_table(
                ("transaction", "EVSE", "started", "ended", "kWh", "suspect"),
                (
                    (
                        t.transaction_id,
                        t.evse_id,
                        t.started,
                        t.ended,
                        f"{t.energy_wh / 1e3:.3f}",
                        t.suspect,
                    )
                    for t in transactions
                ),
            )
            out.print()
            print_table(
                ("command", "action", "state", "answer", "ms"),
                (
                    (
                        c.command_id,
                        c.action,
                        c.state,
                        c.status or c.reason,
                        c.round_trip_ms and f"{c.round_trip_ms:.1f}",
                    )
                    for c in commands
                ),
            )

    asyncio.run(run())


@app.command("command")
def command(
    station_id: str,
    action: Annotated[
        str, typer.Argument(help="Such as Reset, RemoteStart, Trigger; see the API.")
    ],
    arguments: Annotated[str, typer.Argument(help="The command's fields as a JSON object.")] = "{}",
    api: Url = DEFAULT_API,
    key: Key = "",
    wait_s: Annotated[float, typer.Option(help="Wait so long for its end.")] = 30.0,
    json: Json = False,
) -> None:
    """Send one command through the running central system; exit status 0 when the station accepted it."""
    if not key:
        fail("an API key is needed: --key, or CSMS_API_KEY (`csms key create --role operator`)", 2)
    try:
        fields = jsonlib.loads(arguments)
    except ValueError as error:
        fail(f"the arguments are not JSON: {error}", 2)
    headers = {"Authorization": f"Bearer {key}"}
    try:
        with httpx.Client(base_url=api, headers=headers, timeout=wait_s + 10.0) as client:
            answer = client.post(
                f"/v1/stations/{station_id}/commands", json={"command": action, **fields}
            )
            if answer.status_code == 202:
                answer = client.get(
                    f"/v1/commands/{answer.json()['command_id']}", params={"wait_s": wait_s}
                )
    except httpx.HTTPError as error:
        fail(f"no answer from {api}: {error}")
    body: dict[str, Any] = answer.json()
    if json:
        print_json(body)
    elif answer.is_success:
        print_table((), [(k, v) for k, v in body.items() if v is not None and k != "payload"])
    if not answer.is_success:
        fail(str(body.get("detail") or body.get("title") or answer.status_code))
    raise typer.Exit(0 if body.get("state") == "accepted" else 1)


def _public(record: StationRecord) -> dict[str, object]:
    """A station's record without its password hash."""
    return {
        "station_id": record.station_id,
        "enabled": record.enabled,
        "security_profile": record.security_profile,
        "version": record.version,
        "vendor": record.vendor,
        "model": record.model,
        "serial": record.serial,
        "firmware": record.firmware,
        "can_discharge": record.can_discharge,
        "booted_at": record.booted_at,
    }
