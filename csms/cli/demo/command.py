"""``csms demo`` and ``csms simulate``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from charger_sim.plant import FeederError as PlantFeederError
from charger_sim.plant import PlantDiverged
from charger_sim.swarm import Snapshot
from csms.cli.demo.live import run_demo
from csms.cli.demo.summary import DemoSummary
from csms.cli.demo.whole_system import SimulationSummary, run_simulation
from csms.cli.output import Json, err, fail, out, print_json, print_table
from csms.cli.surface import Surface
from csms.grid.network import FeederError
from csms.telemetry.logs import configure_logs

Feeder = Annotated[str, typer.Option(help="ieee33, ieee123, european-lv or a feeder file.")]
Seed = Annotated[int, typer.Option(help="Two runs of one seed have the same world.")]
Stations = Annotated[int, typer.Option(min=1, max=2_000, help="How many chargers.")]


def demo(
    seconds: Annotated[
        float | None, typer.Option(min=10.0, help="End after so long; without it, Ctrl-C ends it.")
    ] = None,
    stations: Stations = 20,
    feeder: Feeder = "ieee33",
    seed: Seed = 1,
    json: Json = False,
    no_browser: Annotated[bool, typer.Option("--no-browser")] = False,
) -> None:
    """Central system, chargers of three OCPP versions and their feeder, live. Exit status 0: voltage held."""
    configure_logs("error", "console")
    try:
        summary = run_demo(
            feeder_name=feeder,
            n_stations=stations,
            seed=seed,
            seconds=seconds,
            open_browser=not no_browser,
            say=lambda line: err.print(line, markup=False),
            tick=_show,
        )
    except (FeederError, PlantFeederError, PlantDiverged, OSError) as error:
        fail(str(error))
    if sys.stderr.isatty():
        err.print()
    if json:
        print_json(summary)
    else:
        _print(summary)
    raise typer.Exit(0 if summary.held else 1)


def simulate(
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 31)] = 24.0,
    stations: Stations = 50,
    seed: Seed = 1,
    contracts: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of vehicles that charge on a contract.")
    ] = 0.0,
    json: Json = False,
) -> None:
    """The whole system in virtual time, with losses, duplicates and reconnects. Exit status 0: no Wh differs."""
    configure_logs("error", "console")
    summary = run_simulation(n_stations=stations, hours=hours, seed=seed, contracts=contracts)
    if json:
        print_json(summary)
    else:
        _print_simulation(summary)
    raise typer.Exit(0 if summary.sound else 1)


def _show(shot: Snapshot, _surface: Surface) -> None:
    if not sys.stderr.isatty():
        return
    total_kw = sum(shot.power_w.values()) / 1e3
    sys.stderr.write(
        f"\r{shot.t_s:6.0f} s   {shot.f_hz:7.3f} Hz   lowest {shot.lowest_v_pu:.4f} pu   "
        f"chargers {total_kw:8.1f} kW   online {shot.online:3d} "
    )
    sys.stderr.flush()


def _print(s: DemoSummary) -> None:
    verdict = "held" if s.held else "NOT held"
    nadir, alone = s.frequency_nadir_hz, s.frequency_nadir_without_ev_hz
    print_table(
        (f"feeder {s.feeder}: voltage {verdict}", ""),
        [
            ("stations", ", ".join(f"{n} x OCPP {v}" for v, n in sorted(s.stations.items()))),
            ("lowest voltage", f"{s.worst_v_pu:.4f} pu, limit {s.limit_v_pu:.2f} pu"),
            ("lowest by phase", ", ".join(f"{p} {v:.4f}" for p, v in s.worst_v_pu_by_phase.items())),
            ("lowest without control", f"{s.worst_v_pu_uncontrolled:.4f} pu"),
            ("below the limit", f"{s.seconds_below_limit:.0f} s of {s.seconds:.0f} s"),
            ("energy delivered", f"{s.energy_delivered_wh / 1e3:.2f} kWh, curtailed {s.curtailed_wh / 1e3:.2f} kWh"),
            ("fed back by vehicles", f"{s.v2g_energy_wh / 1e3:.3f} kWh, droop peak {s.droop_peak_w / 1e3:.1f} kW"),
            ("frequency nadir", "no event" if nadir is None else f"{nadir:.3f} Hz, without vehicles {alone:.3f} Hz"),
            ("commands", ", ".join(f"{n} {k}" for k, n in s.commands.items())),
            ("command latency", ", ".join(f"{k} {v} ms" for k, v in s.command_latency_ms.items())),
            ("messages", f"{s.messages}, errors {s.errors}"),
        ],
    )  # fmt: skip


def _print_simulation(s: SimulationSummary) -> None:
    out.print(
        f"{s.stations} chargers, {s.hours:g} h in {s.wall_s:.1f} s: {s.transactions} transactions "
        f"({s.by_contract} on contracts), {s.mismatched} with a wrong energy, {s.missing} missing; "
        f"{s.messages} messages, {s.connects} connects; history {s.history_hash[:16]}"
    )
