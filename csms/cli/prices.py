"""``csms prices``: day-ahead prices from their publishers, as a file that every study and the planner take."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from csms.cli.common import ConfigFile, read_settings
from csms.cli.output import Json, err, fail, out, print_json, print_table
from csms.market.errors import PriceTableError
from csms.market.price_points import prices_csv
from csms.market.prices import PriceTable
from csms.services.price_sources.assemble import day_source
from csms.services.price_sources.delivery_day import MARKET_ZONE
from csms.services.price_sources.published import PublishedPrices

app = typer.Typer(no_args_is_help=True, help="Day-ahead prices.")


@app.callback()
def _group() -> None:
    """Day-ahead prices."""


@app.command("fetch")
def fetch(
    day: Annotated[str, typer.Option(help="Delivery day (CET), such as 2026-03-29.")],
    source: Annotated[
        list[str] | None, typer.Option(help="entsoe, nordpool; again for the next one to ask.")
    ] = None,
    area: Annotated[str, typer.Option(help="Bidding zone: NL, DK1, DE-LU ...")] = "",
    file: Annotated[Path | None, typer.Option("--out", help="Write a CSV.")] = None,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Fetch one delivery day. Sources, area and token come from [prices] unless given."""
    options = read_settings(config).prices
    kinds = source or list(options.sources) or ["entsoe"]
    try:
        wanted = date.fromisoformat(day)
        sources = [day_source(kind, area or options.area, options) for kind in kinds]
        published = PublishedPrices(sources, options.folder)
        table, name = asyncio.run(published.day(wanted))
    except PriceTableError as error:
        fail(str(error))
    except ValueError as error:
        fail(str(error), 2)
    if file is not None:
        try:
            file.write_text(prices_csv(table), encoding="utf-8")
        except OSError as error:
            fail(f"{file}: {error.strerror}")
        err.print(f"prices: {file}", markup=False)
    if json:
        print_json(_figures(table, name))
        return
    out.print(f"{name}: {len(table.price_eur_per_mwh)} prices of {table.step_s // 60} minutes")
    print_table(
        ("from", "EUR/MWh"),
        (
            (f"{at.astimezone(MARKET_ZONE):%Y-%m-%d %H:%M %Z}", f"{price:.2f}")
            for at, price in zip(table.times(), table.price_eur_per_mwh, strict=True)
        ),
    )


def _figures(table: PriceTable, name: str) -> dict[str, object]:
    price = table.price_eur_per_mwh
    return {
        "source": name,
        "start": table.start,
        "resolution_min": table.step_s // 60,
        "intervals": len(price),
        "hours": len(price) * table.step_s / 3600.0,
        "unit": "EUR/MWh",
        "mean": float(price.mean()),
        "lowest": float(price.min()),
        "highest": float(price.max()),
        "prices": price.tolist(),
    }
