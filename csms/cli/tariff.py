"""``csms tariff``: the price that drivers are shown, through the running central system."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer

from csms.cli.output import Json, fail, print_json, print_table
from csms.cli.station import DEFAULT_API, Key, Url

app = typer.Typer(no_args_is_help=True, help="The price that drivers are shown.")


@app.command("post")
def post(
    price: Annotated[str, typer.Argument(help="Per kWh, taxes included, such as 0.25.")],
    export: Annotated[str, typer.Option(help="Paid per kWh fed back.")] = "0",
    why: Annotated[str, typer.Option(help="For the audit log.")] = "",
    api: Url = DEFAULT_API,
    key: Key = "",
    json: Json = False,
) -> None:
    """Put a price in force for the whole site and tell every station."""
    for text in (price, export):
        try:
            Decimal(text)
        except InvalidOperation:
            fail(f"{text!r} is not a price", 2)
    body = {"import_per_kwh": price, "export_per_kwh": export, "why": why}
    _print(_asked("POST", "/v1/tariff", api, key, body), as_json=json)


@app.command("show")
def show(api: Url = DEFAULT_API, key: Key = "", json: Json = False) -> None:
    """The price in force."""
    _print(_asked("GET", "/v1/tariff", api, key, None), as_json=json)


@app.command("cost")
def cost(
    station_id: str, transaction_id: str, api: Url = DEFAULT_API, key: Key = "", json: Json = False
) -> None:
    """What a session has come to."""
    station, transaction = quote(station_id, safe=""), quote(transaction_id, safe="")
    path = f"/v1/stations/{station}/transactions/{transaction}/cost"
    _print(_asked("GET", path, api, key, None), as_json=json)


def _asked(
    method: str, path: str, api: str, key: str, body: dict[str, str] | None
) -> dict[str, Any]:
    if not key:
        fail("an API key is needed: --key, or CSMS_API_KEY (`csms key create --role operator`)", 2)
    headers = {"Authorization": f"Bearer {key}"}
    try:
        answer = httpx.request(method, api + path, json=body, headers=headers, timeout=30.0)
    except httpx.HTTPError as error:
        fail(f"no answer from {api}: {error}")
    told: dict[str, Any] = answer.json()
    if not answer.is_success:
        fail(str(told.get("detail") or told.get("title") or answer.status_code))
    return told


def _print(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(told)
    else:
        print_table((), list(told.items()))
