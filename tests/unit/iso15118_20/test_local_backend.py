"""The stand-in for a central system, with several contracts for one car."""

from __future__ import annotations

import asyncio
import os

from charger_sim.iso15118.app_protocol import Protocol
from charger_sim.iso15118.driver import run
from charger_sim.iso15118.iso20.evcc import Evcc
from charger_sim.iso15118.iso20.evcc_state import Identity
from charger_sim.iso15118.iso20.models import SimpleEvse, SimpleVehicle
from charger_sim.iso15118.iso20.secc import Secc
from charger_sim.iso15118.iso20.secc_state import SeccConfig
from charger_sim.iso15118.local_backend import LocalBackend
from charger_sim.iso15118.machine import Ending
from charger_sim.iso15118.session import EvccSession, SeccSession
from charger_sim.iso15118.streams import memory_pair
from tests.unit.iso15118_20.support import ALL_SERVICES, EV, EVSE, add_contract, car, make_world

EMAIDS = ["DEACMC00000001", "DEACMC00000002", "DEACMC00000003"]


async def test_a_car_fetches_all_of_its_contracts() -> None:
    world = make_world()
    for emaid in EMAIDS:
        add_contract(world, emaid)
    provisioning = Identity.of(world.provisioning)
    config = car(world, contract=None, provisioning=provisioning, max_contracts=5)
    evcc = Evcc(config, SimpleVehicle(EV, turns=2), world.clock, os.urandom)
    charger = SeccConfig(ALL_SERVICES)
    secc = Secc(charger, SimpleEvse("DE*ACM*E1", EVSE, 25_000.0), world.clock, os.urandom)
    backend = LocalBackend(world.pki)
    near, far = memory_pair()
    clock = asyncio.get_running_loop().time
    outcomes = await asyncio.gather(
        run(EvccSession({Protocol.ISO_20_DC: lambda: evcc}), near, clock=clock),
        run(SeccSession({Protocol.ISO_20_DC: lambda: secc}), far, clock=clock, backend=backend),
    )
    assert [each.ending for each in outcomes] == [Ending.TERMINATED] * 2, backend.refusals
    names = [each.leaf.subject.rfc4514_string() for each in evcc.session.installed]
    assert sorted(names, key=str) == [name for emaid in EMAIDS for name in names if emaid in name]
    assert len(set(names)) == 3
