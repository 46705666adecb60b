"""``csms serve``: the central system until it is told to stop."""

from __future__ import annotations

import asyncio
import secrets
import signal
from random import SystemRandom

import uvloop

from csms import collector
from csms.api.mqtt_bridge import MqttBridge, config_from
from csms.cli.common import ConfigFile, read_settings
from csms.cli.output import err, fail
from csms.clock import SystemClock
from csms.domain.errors import DomainError
from csms.grid.network import FeederError
from csms.market.errors import MarketError
from csms.pnc.assemble import assemble, open_built_in
from csms.pnc.http import HttpxClient
from csms.pnc.trust import TrustError
from csms.services.price_sources.assemble import configured
from csms.settings import Settings
from csms.telemetry.logs import configure_logs
from pki.errors import PkiError


def serve(config: ConfigFile = None) -> None:
    """Run the central system. SIGTERM and Ctrl-C end it in order."""
    settings = read_settings(config)
    configure_logs(settings.log.level, settings.log.format)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
    except (FeederError, MarketError) as error:
        fail(str(error), 2)
    except (DomainError, PkiError, TrustError, OSError) as error:
        fail(str(error))


async def _serve(settings: Settings) -> None:
    from csms.bootstrap import CentralSystem  # seconds of imports: a wrong key is told before them
    from csms.cli.surface import Surface
    from csms.store import open_store

    store = await open_store(settings.store.url.get_secret_value())
    clock, client = SystemClock(), HttpxClient()
    pnc = assemble(settings.pnc, open_built_in(settings.pnc), client, clock)
    system = CentralSystem(
        settings, store, clock, SystemRandom(), secrets.token_bytes, pnc=pnc,
        prices=configured(settings.prices),
    )  # fmt: skip
    await system.start()
    surface = Surface(system)
    await surface.start()
    bridge = config_from(settings.mqtt)
    if bridge is not None:
        mqtt = MqttBridge(
            bridge, system.fleet, system.sites, system.clock, system.metrics, SystemRandom(),
        )  # fmt: skip
        system.spawn(mqtt.run(), "mqtt")
    collector.settle()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    err.print(f"page      {surface.page_url}", markup=False)
    err.print(f"stations  {surface.station_url}/<station-id>", markup=False)
    if err.is_terminal:  # never into a log file
        err.print(f"one-time password  {surface.issue_password()}", markup=False)
    else:
        err.print("log in with an API key: csms key create --role admin", markup=False)
    await stop.wait()
    await surface.close()
    await system.stop()
    await client.close()
