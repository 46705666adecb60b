"""``charger-sim measure``."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from charger_sim.clock import LoopClock
from charger_sim.station.config import VERSIONS, Version

app = typer.Typer(no_args_is_help=True, help="Measurements on a live swarm.")

PRESET_OF = {"lte": "lte", "fibre": "fibre", "none": "fibre"}


@app.callback()
def _group() -> None:
    """Measurements on a live swarm."""


@app.command()
def commands(
    stations: Annotated[int, typer.Option(help="How many, each with a car.", min=1, max=200)] = 10,
    versions: Annotated[
        str, typer.Option(help="OCPP versions, dealt in turn: 1.6,2.0.1,2.1.")
    ] = "1.6,2.0.1,2.1",
    repeat: Annotated[int, typer.Option(help="Commands to each station.", min=1, max=10_000)] = 30,
    link: Annotated[
        Literal["lte", "fibre", "none"], typer.Option(help="Between station and central system.")
    ] = "lte",
    seed: Annotated[int, typer.Option(help="Of the links' delays and the set-points.")] = 1,
    url: Annotated[str | None, typer.Option(help="ws:// URL; without it csms is started.")] = None,
    api: Annotated[str | None, typer.Option(help="http:// URL of its API.")] = None,
    key_file: Annotated[Path | None, typer.Option(help="An administrator's API key.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it: .png, .svg or .pdf.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Latency of set-points, from the central system to the car's converter, over the model.

    The legs that no machine here has (modem, cable, controllers) are drawn from the stages of
    `csms study latency`; the central system, OCPP and the charge loop are the real ones.
    """
    from charger_sim.command_latency import Plan, measure_commands
    from charger_sim.command_latency import plot as drawing
    from charger_sim.command_latency.central import ApiRefused
    from charger_sim.command_latency.hosted import Address, NotHosted, hosted
    from charger_sim.command_latency.report import report

    plan = Plan(stations, _versions(versions), repeat, PRESET_OF[link], link != "none", seed)

    async def run() -> object:
        async with AsyncExitStack() as stack:
            if url is None:
                _note("starting a central system of its own ...")
                address = await stack.enter_async_context(hosted())
            else:
                address = Address(url, *_given(api, key_file))
            now = datetime.now(UTC)  # noqa: TID251 the command line is where real time enters
            clock = LoopClock(asyncio.get_running_loop(), now)
            return await measure_commands(plan, address, clock, _note)

    try:
        found, curves = report(plan, link, asyncio.run(run()), seed)  # type: ignore[arg-type]
        if plot is not None:
            drawing.save(found, curves, plot)
            _note(f"plot: {plot}")
    except (NotHosted, ApiRefused, ValueError, TimeoutError, OSError) as error:
        _note(f"charger-sim: {type(error).__name__}: {error}")
        raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(found)))
        return
    typer.echo(f"{found.followed} of {found.commands} commands followed; ms: median, p99, p99.9")
    rows = [(s.name, s.measured_ms, s.modelled_ms) for s in found.stages]
    total = found.total
    rows.append(("total", total.measured_ms, total.modelled_ms))
    for name, ours, model in rows:
        beside = "" if model is None else f"   model {_row(model)}"
        typer.echo(f"{name:<26} {_row(ours)}{beside}")
    typer.echo(f"{'before: HTTP and database':<26} {_row(found.api_ms)}")
    typer.echo(f"{'lateness of timers here':<26} {_row(found.timer_overrun_ms)}")
    typer.echo(f"charge loop {found.loop_period_ms:.0f} ms; largest gap {total.gap:.3f}")


def _row(figures: object) -> str:
    p50, p99, p999 = msgspec.structs.astuple(figures)  # type: ignore[arg-type]
    return f"{p50:8.1f} {p99:8.1f} {p999:8.1f}"


def _versions(text: str) -> tuple[Version, ...]:
    wanted = [each.strip() for each in text.split(",")]
    found: tuple[Version, ...] = tuple(v for name in wanted for v in VERSIONS if v == name)
    if len(found) != len(wanted):
        raise typer.BadParameter(f"{text}: expected of {', '.join(VERSIONS)}")
    return found


def _given(api: str | None, key_file: Path | None) -> tuple[str, str]:
    if api is None or key_file is None:
        raise typer.BadParameter("--url goes with --api and --key-file")
    try:
        return api, key_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise typer.BadParameter(str(error)) from error


def _note(line: str) -> None:
    typer.echo(line, err=True)
