"""Shared pieces of the simulator's integration tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from charger_sim.clock import LoopClock
from charger_sim.scenario import Scenario, StationSpec, Visit
from charger_sim.summary import SwarmSummary
from charger_sim.swarm import Swarm

from .fake_csms import FakeCsms
from .virtual_time import run_virtual

EPOCH = datetime(2026, 3, 1, 12, tzinfo=UTC)

Script = Callable[[FakeCsms, Swarm], Awaitable[None]]


def one_station(version: str, *, kind: str = "DC", **changes: Any) -> Scenario:
    """A station with a vehicle that comes after 3 s."""
    power_w = 50_000.0 if kind == "DC" else 22_000.0
    visit = {
        "arrival_s": 3.0, "capacity_wh": 60_000.0, "soc_frac": 0.5, "max_charge_w": power_w,
        "max_discharge_w": power_w if version == "2.1" else 0.0, "need_s": 3600.0,
    }  # fmt: skip
    visit |= changes.pop("visit", {})
    station = StationSpec(
        id="CS-1",
        version=version,  # type: ignore[arg-type]
        kind=kind,  # type: ignore[arg-type]
        max_charge_w=power_w,
        max_discharge_w=power_w if version == "2.1" else 0.0,
        bus="17",
        visits=(Visit(**visit),),
        **changes.pop("station", {}),
    )
    return Scenario(**{"name": "one", "stations": (station,), "duration_s": 60.0, **changes})


def play(
    scenario: Scenario,
    script: Script | None = None,
    *,
    prepare: Callable[[FakeCsms], None] = lambda _csms: None,
    **answers: Any,
) -> tuple[FakeCsms, Swarm, SwarmSummary]:
    """Runs the scenario in virtual time against the fake central system, with a script beside."""

    async def main() -> tuple[FakeCsms, Swarm, SwarmSummary]:
        import asyncio

        clock = LoopClock(asyncio.get_running_loop(), EPOCH)
        csms = FakeCsms(clock, **answers)
        prepare(csms)
        swarm = Swarm(scenario, csms.connect, epoch=EPOCH)
        task = asyncio.create_task(script(csms, swarm)) if script else None
        summary = await swarm.run()
        if task is not None:
            await task
        return csms, swarm, summary

    csms, swarm, summary = run_virtual(main())
    assert csms.invalid == [], csms.invalid[:3]
    return csms, swarm, summary


@pytest.fixture(params=["1.6", "2.0.1", "2.1"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)
