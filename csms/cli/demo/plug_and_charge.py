"""``csms plug-and-charge``."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import typer

from charger_sim.station.config import VERSIONS, Version
from charger_sim.station.iso15118.wire import Wire
from charger_sim.vehicle import Edition
from csms.cli.demo.contract_chain import ChainBrokenError, ChainReport, Step, contract_chain
from csms.cli.output import Json, err, fail, out, print_json
from csms.telemetry.logs import configure_logs

Ocpp = Annotated[Literal["1.6", "2.0.1", "2.1", "all"], typer.Option(help="OCPP version.")]
Iso = Annotated[
    Literal["iso15118-2", "iso15118-20"], typer.Option(help="What car and charger speak.")
]
Link = Annotated[
    Literal["memory", "tls"], typer.Option(help="Between car and charger: memory, or TCP and TLS.")
]


def plug_and_charge(
    version: Ocpp = "all", edition: Iso = "iso15118-2", wire: Link = "tls", json: Json = False
) -> None:
    """A car gets its contract as it is plugged in, charges by it, and is refused once it is revoked.

    Everything is set up here and thrown away: PKI, central system, charger, car. Exit status 0: all went so.
    """
    configure_logs("error", "console")
    versions = VERSIONS if version == "all" else (version,)
    if edition == "iso15118-20":
        if version not in ("all", "2.1"):
            fail(
                f"OCPP {version} has no certificates of ISO 15118-20 (V2G20Certificate); 2.1 has", 2
            )
        versions = ("2.1",)
    try:
        reports = [_one(each, edition, wire, quiet=json) for each in versions]
    except (ChainBrokenError, TimeoutError, OSError) as error:
        fail(f"{type(error).__name__}: {error}")
    if json:
        print_json(reports)
    raise typer.Exit(0 if all(report.sound for report in reports) else 1)


def _one(version: Version, edition: Edition, wire: Wire, *, quiet: bool) -> ChainReport:
    if not quiet:
        out.print(f"[bold]OCPP {version}, {edition} over {wire}[/]")
    report = asyncio.run(
        contract_chain(version, edition, wire, (lambda _step: None) if quiet else _show)
    )
    if not report.sound:
        err.print(f"[bold red]OCPP {version}: the chain is broken[/]")
    elif not quiet:
        out.print(
            f"  contract {report.emaid} installed; {report.energy_wh:.1f} Wh stored "
            f"({report.metered_wh:.2f} metered); then {report.certificate_status}, 0 Wh\n"
        )
    return report


def _show(step: Step) -> None:
    took = "" if step.took_ms is None else f"{step.took_ms:9.1f} ms"
    out.print(f"{step.at_ms:9.1f} ms  {step.side:<15} {step.what:<36}{took}", markup=False)
