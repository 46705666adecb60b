"""The simulator's own cars and chargers at the central system of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from charger_sim.clock import LoopClock
from charger_sim.iso15118.driver import Step
from charger_sim.single import SingleCharger, single_charger
from charger_sim.station.config import EvseConfig, StationConfig, Version
from charger_sim.station.iso15118 import SeccOptions
from charger_sim.station.iso15118.wire import Wire
from charger_sim.transport import websocket_connector
from charger_sim.vehicle import EvCredentials, Vehicle
from tests.integration.whole_system.site import PASSWORD, Site

TICK_S = 0.02


@asynccontextmanager
async def charger(
    site: Site,
    version: Version,
    *,
    wire: Wire = "memory",
    messages: list[str] | None = None,
    sdp_interface: str | None = None,
) -> AsyncIterator[SingleCharger]:
    """SIM-1, an AC station of 22 kW, let in, connected and booted: a minute of charging takes a
    second. ``messages`` takes the names of what its charge controller answers."""
    await site.accept("SIM-1")
    evse = EvseConfig(1, "AC", 22_000.0, iso15118=True)

    def noted(_evse_id: int, step: Step) -> None:
        if messages is not None:
            messages.append(step.name)

    async with single_charger(
        StationConfig("SIM-1", version, (evse,), meter_interval_s=1.0),
        websocket_connector(f"ws://127.0.0.1:{site.port}/ocpp", password_of=lambda _id: PASSWORD),
        LoopClock(asyncio.get_running_loop(), site.system.clock.now()),
        Random(7),
        secc=SeccOptions(
            wire=wire,
            loop_s=TICK_S,
            poll_s=TICK_S,
            schedule_wait_s=0.05,
            sdp_interface=sdp_interface,
        ),
        tick_s=TICK_S,
        speed=60.0,
        on_step=noted,
    ) as running:
        yield running


def vehicle(credentials: EvCredentials) -> Vehicle:
    """Needs 100 Wh, and stops when it has them."""
    return Vehicle(
        "EV-1",
        capacity_wh=1_000.0,
        soc_frac=0.2,
        target_soc_frac=0.3,
        max_charge_w=22_000.0,
        credentials=credentials,
    )
