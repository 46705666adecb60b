"""The demonstration in real time: real sockets, a real database, a plant in between."""

from __future__ import annotations

import asyncio
import secrets
import socket
import tempfile
import webbrowser
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from random import SystemRandom

import uvloop

from charger_sim.demo import demo_scenario
from charger_sim.plant import PlantFeeder
from charger_sim.reference import uncontrolled
from charger_sim.scenario import Scenario
from charger_sim.swarm import Snapshot, Swarm
from charger_sim.transport import websocket_connector
from csms.bootstrap import CentralSystem
from csms.cli.demo.plant import plant_feeder
from csms.cli.demo.site import site_settings, station_records
from csms.cli.demo.summary import CommandTally, DemoSummary, summarise
from csms.cli.surface import Surface
from csms.clock import SystemClock
from csms.grid.feeder_file import load_feeder
from csms.grid.network import Feeder
from csms.store import open_store

V_MIN_PU = 0.90
HORIZON_S = 3_600.0
"""How long an open-ended demonstration's reference run is."""
REFERENCE_S = 120.0

Say = Callable[[str], None]
Tick = Callable[[Snapshot, Surface], None]


def run_demo(
    *,
    feeder_name: str,
    n_stations: int,
    seed: int,
    seconds: float | None,
    open_browser: bool,
    say: Say,
    tick: Tick,
) -> DemoSummary:
    """Runs until ``seconds`` have passed or it is interrupted. Raises ``FeederError`` and ``OSError``."""
    say("preparing the solvers (the first start compiles them, about half a minute) ...")
    feeder = load_feeder(feeder_name)
    plant = plant_feeder(feeder, V_MIN_PU)
    scenario = demo_scenario(plant, n_stations, seed, duration_s=seconds or HORIZON_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(
            _demo(scenario, feeder, plant, feeder_name, seconds, open_browser, say, tick)
        )


async def _demo(
    scenario: Scenario,
    feeder: Feeder,
    plant: PlantFeeder,
    feeder_name: str,
    seconds: float | None,
    open_browser: bool,
    say: Say,
    tick: Tick,
) -> DemoSummary:
    say("computing what happens without control ...")
    reference = uncontrolled(scenario, seconds or REFERENCE_S, plant)
    passwords = {spec.id: secrets.token_hex(12) for spec in scenario.stations}
    with tempfile.TemporaryDirectory(prefix="csms-demo-") as folder:
        reserved = ExitStack()
        store = await open_store(f"sqlite:///{Path(folder) / 'demo.db'}")
        settings = site_settings(
            scenario, feeder_name, V_MIN_PU, store_url="sqlite:///demo.db",
            ocpp_port=_reserve(9000, reserved), http_port=_reserve(8080, reserved),
        )  # fmt: skip
        system = CentralSystem(
            settings, store, SystemClock(), SystemRandom(), secrets.token_bytes, feeder=feeder
        )
        await store.journal.commit(*station_records(scenario, passwords.__getitem__))
        reserved.close()
        await system.start()
        surface = Surface(system)
        await surface.start()
        tally = CommandTally(system.live)
        counting = asyncio.create_task(tally.run())
        _announce(say, surface, surface.issue_password())
        if open_browser:
            await asyncio.to_thread(webbrowser.open, surface.page_url)
        swarm = Swarm(
            scenario,
            websocket_connector(surface.station_url, password_of=passwords.get),
            epoch=system.clock.now(),
            feeder=plant,
        )
        try:
            with suppress(asyncio.CancelledError):
                await swarm.run(seconds, on_tick=lambda shot: tick(shot, surface))
        finally:
            view = system.site.view
            await surface.close()
            await system.stop()
            await asyncio.sleep(0)
            counting.cancel()
        return summarise(
            swarm.summary(), swarm.world.record, reference, tally, view.cycle if view else 0
        )


def _announce(say: Say, surface: Surface, password: str) -> None:
    say(f"page               {surface.page_url}")
    say(f"one-time password  {password}")
    say(f"a real charger     {surface.station_url}/<station-id>   (accept it on the page)")


def _reserve(port: int, until: ExitStack) -> int:
    """``port``, kept from other demonstrations while this one gets ready; 0 (any) when something listens there."""
    try:
        until.enter_context(socket.create_server(("127.0.0.1", port)))
    except OSError:
        return 0
    return port
