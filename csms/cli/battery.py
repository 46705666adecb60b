"""``csms battery``: what the chargers' meters say of a vehicle's battery."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from csms.battery.driver_report import Car, DriverReport
from csms.battery.errors import BatteryError
from csms.cli.common import ConfigFile, opened_store, read_settings
from csms.cli.output import Json, err, fail, out, print_json

app = typer.Typer(no_args_is_help=True, help="Battery twins of vehicles.")


@app.callback()
def _group() -> None:
    """Battery twins of vehicles."""


@app.command("report")
def report(
    vehicle: Annotated[str, typer.Option(help="The id token that the vehicle charges with.")],
    battery_kwh: Annotated[float, typer.Option(help="Capacity when new.")] = 60.0,
    kwh_per_100_km: Annotated[float, typer.Option(help="Consumption.")] = 18.0,
    battery_eur_per_kwh: Annotated[float, typer.Option(help="What a new battery costs.")] = 100.0,
    temperature_c: Annotated[float, typer.Option(help="Of the battery, on average.")] = 20.0,
    pack: Annotated[
        list[str] | None, typer.Option(help="Cell models considered; all unless given.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it: .png, .svg or .pdf.")] = None,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """A report that a driver can read: health, range lost, what feeding back cost and earned."""
    try:
        car = Car(battery_kwh, kwh_per_100_km, battery_eur_per_kwh)
        found = asyncio.run(_report(vehicle, car, temperature_c, pack or [], config))
    except (BatteryError, ValueError) as error:
        fail(str(error), 2)
    if plot is not None:
        from csms.api.plots.driver import plot_driver_report
        from csms.api.plots.output import save

        save(plot_driver_report(found), plot, footer=f"csms battery report --vehicle {vehicle}")
        err.print(f"plot: {plot}", markup=False)
    if json:
        print_json(found)
    else:
        out.print(found.text, markup=False)


async def _report(
    vehicle: str, car: Car, temperature_c: float, packs: list[str], config: Path | None
) -> DriverReport:
    from csms.clock import SystemClock
    from csms.services.driver_reports import report_for
    from csms.services.session_costs import SessionCosts
    from csms.services.tariffs import REMEMBERED

    settings = read_settings(config)
    async with opened_store(settings) as store:
        costs = SessionCosts(store.history, SystemClock(), settings.tariff.currency)
        costs.priced(list(await store.history.tariffs(REMEMBERED)))
        return await report_for(
            store.history, costs, vehicle, car, temperature_c=temperature_c, packs=packs
        )
