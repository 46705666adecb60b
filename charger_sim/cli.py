"""``charger-sim``: a swarm of simulated charging stations against any central system."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from charger_sim.cli_measure import app as measure_app
from charger_sim.contract_share import with_contracts
from charger_sim.demo import demo_scenario
from charger_sim.feeders import named_feeder, resolve_feeder
from charger_sim.garage import Garage
from charger_sim.iso15118.errors import Iso15118Error
from charger_sim.plant import FeederError, PlantDiverged, PlantFeeder
from charger_sim.reference import uncontrolled
from charger_sim.scenario import Scenario, ScenarioError, load_scenario
from charger_sim.station.config import VERSIONS, Version
from charger_sim.summary import SwarmSummary
from charger_sim.swarm import Snapshot, Swarm
from charger_sim.toml_writer import scenario_to_toml
from charger_sim.transport import websocket_connector
from pki.errors import PkiError
from pki.hierarchy import open_folder

app = typer.Typer(
    help="Simulated charging stations on a simulated feeder.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.add_typer(measure_app, name="measure")

Versions = Literal["1.6", "2.0.1", "2.1", "mixed"]
CountOption = Annotated[int, typer.Option(help="How many stations to generate.", min=1)]
VersionOption = Annotated[Versions, typer.Option(help="OCPP version of generated stations.")]
SeedOption = Annotated[int | None, typer.Option(help="Seed; a scenario file has its own.")]
TemplateOption = Annotated[
    str, typer.Option(help="Identity of generated stations; {n} is their number.")
]
FeederOption = Annotated[str, typer.Option(help="ieee33, ieee123 or a .toml feeder file.")]


@app.command()
def run(
    url: Annotated[str, typer.Option(help="ws:// or wss:// URL; the station id is appended.")],
    count: CountOption = 20,
    version: VersionOption = "mixed",
    scenario: Annotated[
        Path | None, typer.Option(help="TOML scenario; without it one is generated.")
    ] = None,
    seed: SeedOption = None,
    seconds: Annotated[float | None, typer.Option(help="How long to run.", min=1.0)] = None,
    feeder: FeederOption = "ieee33",
    id_template: TemplateOption = "SIM-{n:04d}",
    password: Annotated[
        str | None, typer.Option(help="HTTP basic auth; prefer --password-file.")
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File with the password of all stations.")
    ] = None,
    ca: Annotated[Path | None, typer.Option(help="PEM file of CAs to trust for wss.")] = None,
    contracts: Annotated[
        float, typer.Option(help="Share of vehicles that charge on a contract.", min=0.0, max=1.0)
    ] = 0.0,
    pki: Annotated[
        Path | None, typer.Option(help="Folder of v2g-pki, which the central system trusts.")
    ] = None,
    pki_passphrase_file: Annotated[Path | None, typer.Option(help="Its passphrase.")] = None,
    compression: Annotated[bool, typer.Option(help="Offer permessage-deflate.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Run stations against a central system; exit status 0 only if all of them were accepted."""
    plan, plant = _plan(scenario, feeder, count, version, seed, id_template)
    plan = with_contracts(plan, contracts)
    garage = _garage(plan, pki, pki_passphrase_file)
    secret = _password(password, password_file)
    tls = ssl.create_default_context(cafile=None if ca is None else str(ca))
    connect = websocket_connector(
        url, password_of=lambda _id: secret, tls=tls, compression=compression
    )

    async def main_task() -> tuple[SwarmSummary, int]:
        now = datetime.now(UTC)  # noqa: TID251 the command line is where real time enters
        swarm = Swarm(plan, connect, epoch=now, feeder=plant, garage=garage, log=_note)
        summary = await swarm.run(seconds, on_tick=_progress(len(plan.stations)))
        accepted = sum(s.registration.state == "Accepted" for s in swarm.stations.values())
        return summary, accepted

    try:
        summary, accepted = asyncio.run(main_task())
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except ExceptionGroup as group:
        known, others = group.split((PlantDiverged, ValueError))
        if known is None or others is not None:
            raise
        raise _fail("; ".join(str(error) for error in known.exceptions)) from group
    if sys.stderr.isatty():
        print(file=sys.stderr)
    _show(asdict(summary), as_json=as_json)
    if accepted < len(plan.stations):
        raise _fail(f"only {accepted} of {len(plan.stations)} stations were accepted", code=1)


@app.command("scenario")
def write_scenario(
    count: CountOption = 20,
    version: VersionOption = "mixed",
    seed: SeedOption = None,
    feeder: FeederOption = "ieee33",
    id_template: TemplateOption = "SIM-{n:04d}",
) -> None:
    """Print a generated scenario as TOML, to edit and run."""
    plan, _ = _plan(None, feeder, count, version, seed, id_template)
    print(scenario_to_toml(plan), end="")


@app.command()
def reference(
    scenario: Annotated[Path, typer.Argument(help="TOML scenario.")],
    seconds: Annotated[float | None, typer.Option(min=1.0)] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """What the scenario does to its feeder without any central system."""
    try:
        _show(asdict(uncontrolled(load_scenario(scenario), seconds)), as_json=as_json)
    except (ScenarioError, FeederError, PlantDiverged, OSError) as error:
        raise _fail(str(error)) from error


@app.command()
def handshake(
    protocol: Annotated[
        Literal["iso15118-2", "iso15118-20"], typer.Option(help="Edition.")
    ] = "iso15118-2",
    auth: Annotated[Literal["pnc", "eim"], typer.Option(help="By contract or externally.")] = "pnc",
    install: Annotated[bool, typer.Option("--install", help="The car gets its contract.")] = False,
    transport: Annotated[Literal["memory", "loopback"], typer.Option()] = "loopback",
    repeat: Annotated[int, typer.Option(help="How many handshakes.", min=1)] = 100,
    device: Annotated[str | None, typer.Option(help="Real devices: captured-pair (-2).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Time ISO 15118 from TCP connect to AuthorizationRes(Finished), and predict it."""
    from charger_sim.iso15118.handshake import run as timing

    try:
        report = timing.handshake(
            protocol, auth, install=install, transport=transport, repeat=repeat
        )
        values = report.to_builtins()
        if device is not None:
            values["device_ms"] = timing.as_device(report, device, by_contract=auth == "pnc")
    except Iso15118Error as error:
        raise _fail(str(error)) from error
    print(json.dumps(values) if as_json else timing.as_text(values))


def _plan(
    path: Path | None, feeder: str, count: int, version: Versions, seed: int | None, template: str
) -> tuple[Scenario, PlantFeeder]:
    try:
        if path is not None:
            plan = load_scenario(path)
            if seed is not None:
                plan = msgspec.structs.replace(plan, seed=seed)
            return plan, resolve_feeder(plan, None)
        plant = named_feeder(feeder)
        dealt: tuple[Version, ...] = VERSIONS if version == "mixed" else (version,)
        plan = demo_scenario(plant, count, seed or 1, versions=dealt, id_template=template)
        if feeder != "ieee33":
            plan = msgspec.structs.replace(plan, feeder=feeder)
        return plan, plant
    except (ScenarioError, FeederError, OSError, KeyError) as error:
        raise _fail(str(error)) from error


def _garage(plan: Scenario, folder: Path | None, passphrase_file: Path | None) -> Garage:
    """Contracts, where the scenario asks for them."""
    if not plan.needs_contracts:
        return Garage(None)
    passphrase = _password(None, passphrase_file)
    if folder is None or passphrase is None:
        raise _fail("contracts need --pki and --pki-passphrase-file")
    try:
        return Garage(open_folder(folder, passphrase.encode()))
    except (PkiError, OSError) as error:
        raise _fail(f"{folder}: {error}") from error


def _password(given: str | None, path: Path | None) -> str | None:
    if path is None:
        return given
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise _fail(str(error)) from error


def _note(line: str) -> None:
    typer.echo(line, err=True)


def _progress(n_stations: int) -> Callable[[Snapshot], None]:
    """A status line that redraws itself, when somebody watches."""

    def show(now: Snapshot) -> None:
        power_kw = sum(now.power_w.values()) / 1e3
        typer.echo(
            f"\r{now.t_s:7.1f} s  online {now.online}/{n_stations}  {power_kw:8.1f} kW  "
            f"lowest {now.lowest_v_pu:.4f} pu  {now.f_hz:.3f} Hz ",
            err=True,
            nl=False,
        )

    return show if sys.stderr.isatty() else lambda _snapshot: None


def _fail(message: str, *, code: int = 2) -> typer.Exit:
    typer.echo(f"charger-sim: {message}", err=True)
    return typer.Exit(code)


def _show(values: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(values))
        return
    width = max(len(key) for key in values)
    for key, value in values.items():
        shown = f"{value:.6g}" if isinstance(value, float) else value
        print(f"{key:<{width}}  {shown}")


def main() -> None:
    """Entry point of the console script."""
    app()
