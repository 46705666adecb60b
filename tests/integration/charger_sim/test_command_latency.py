"""Set-points from a central system's API to cars in their charge loops, over real sockets."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import numpy as np
import pytest

from charger_sim.clock import LoopClock
from charger_sim.command_latency import Plan, measure_commands
from charger_sim.command_latency.central import ApiRefused, CentralApi
from charger_sim.command_latency.hosted import Address
from charger_sim.command_latency.plot import save
from charger_sim.command_latency.report import report
from charger_sim.command_latency.stages import EMULATED, EV, LOOP, NETWORK, STAGES
from csms.cli.surface import Surface
from csms.services.api_keys import ApiKeys, Role
from tests.integration.whole_system.site import running, settings_at


async def test_commands_are_timed_from_the_central_system_to_the_car(tmp_path: Path) -> None:
    plan = Plan(stations=3, versions=("1.6", "2.0.1", "2.1"), repeat=4, preset="lte", network=True)
    settings = settings_at(tmp_path, auth={"unknown_tokens": "accept"})
    async with running(settings) as site:
        surface = Surface(site.system)
        await surface.start()
        try:
            store, clock = site.system.store, site.system.clock
            keys = ApiKeys(store.history, store.journal, clock, secrets.token_bytes)
            key = (await keys.create(Role.ADMIN)).plaintext
            address = Address(surface.station_url, surface.page_url, key)
            here = LoopClock(asyncio.get_running_loop(), clock.now())
            measured = await measure_commands(plan, address, here, lambda _line: None)
            stranger = CentralApi(surface.page_url, "no.key")
            with pytest.raises(ApiRefused, match="401"):
                await stranger.admit("LAT-001")
            await stranger.close()
        finally:
            await surface.close()
    assert (measured.given, len(measured.legs_s)) == (12, 12)
    for legs in measured.legs_s:
        assert tuple(legs) == STAGES
        assert min(legs.values()) >= 0.0
    # two trips over the cable, the charger's and the car's own time make a round
    assert measured.loop_s >= 0.1
    assert max(legs[LOOP] for legs in measured.legs_s) < 10 * measured.loop_s
    assert np.median([legs[EV] for legs in measured.legs_s]) > 0.06
    found, curves = report(plan, "lte", measured, seed=1)
    assert found.followed == 12
    assert {s.name for s in found.stages if s.emulated} == EMULATED
    assert all(s.modelled_ms is not None for s in found.stages)
    totals = [sum(legs.values()) for legs in measured.legs_s]
    assert found.total.measured_ms.p50 == pytest.approx(1e3 * np.median(totals), abs=0.01)
    save(found, curves, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 20_000
    bare, _ = report(Plan(3, plan.versions, 4, "fibre", network=False), "none", measured, seed=1)
    assert next(s for s in bare.stages if s.name == NETWORK).modelled_ms is None
