"""ISO 15118-20 over real sockets: TCP and mutual TLS 1.3 on loopback, and over pairs in memory."""

from __future__ import annotations

import asyncio
import os
import ssl
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache

import pytest

from charger_sim.iso15118 import tls
from charger_sim.iso15118.app_protocol import Protocol
from charger_sim.iso15118.driver import run
from charger_sim.iso15118.iso20.evcc import Evcc
from charger_sim.iso15118.iso20.evcc_state import Identity
from charger_sim.iso15118.iso20.models import SimpleEvse, SimpleVehicle
from charger_sim.iso15118.iso20.ports import Wish
from charger_sim.iso15118.iso20.secc import Secc
from charger_sim.iso15118.iso20.secc_state import PausedSessions, SeccConfig
from charger_sim.iso15118.iso20.services import ControlMode, ServiceId
from charger_sim.iso15118.machine import Ending
from charger_sim.iso15118.session import EvccSession, SeccSession
from charger_sim.iso15118.streams import AsyncioStream, connect, memory_pair
from charger_sim.iso15118.timeouts import ISO_20, Timeouts
from pki.build import Subject
from pki.leaf import issue_credential
from pki.ports import SystemClock
from pki.profiles import Role, Suite
from pki.revoke import revoke
from tests.unit.iso15118_20.support import (
    ALL_SERVICES,
    EV,
    EVSE,
    PkiBackend,
    World,
    add_contract,
    car,
)
from tests.unit.iso15118_20.support import make_world as make_world_at


def make_world(suite: Suite = Suite.ISO_20) -> World:
    """OpenSSL asks the machine's clock whether certificates are in force."""
    return make_world_at(suite, SystemClock().now())


shared_world = cache(make_world)
GROUP = {Suite.ISO_20: tls.ISO_20_GROUP, Suite.ISO_20_ED448: tls.ISO_20_GROUP_448}


class Charger:
    """A listening charger; remembers paused sessions from connection to connection."""

    def __init__(self, world: World, times: Timeouts = ISO_20) -> None:
        self.world = world
        self.times = times
        self.backend = PkiBackend(world.pki)
        self.evse = SimpleEvse("DE*ACM*E1", EVSE, setpoint_w=-10_000.0)
        self.paused = PausedSessions()
        self.outcomes = []

    def machine(self):
        config = SeccConfig(ALL_SERVICES)
        return Secc(config, self.evse, self.world.clock, os.urandom, self.paused, self.times)

    async def serve(self, stream) -> None:
        session = SeccSession(dict.fromkeys((Protocol.ISO_20_DC, Protocol.ISO_20_AC), self.machine))
        clock = asyncio.get_running_loop().time
        outcome = await run(session, stream, clock=clock, backend=self.backend)
        self.outcomes.append(outcome)

    @asynccontextmanager
    async def listening(self, context: ssl.SSLContext | None):
        sessions = []

        def accept(reader, writer):
            sessions.append(asyncio.create_task(self.serve(AsyncioStream(reader, writer))))

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
        async with server:
            yield server.sockets[0].getsockname()[1]
            await asyncio.gather(*sessions)


async def _drive(config, world, stream, resume=None, vehicle=None):
    vehicle = vehicle or SimpleVehicle(EV, turns=3, wanted_w=-10_000.0)
    evcc = Evcc(config, vehicle, world.clock, os.urandom, resume)
    session = EvccSession({Protocol.ISO_20_DC: lambda: evcc})
    outcome = await run(session, stream, clock=asyncio.get_running_loop().time)
    return evcc, outcome


def _fast(config):
    return replace(config, poll_s=0.0, loop_s=0.0)


def _contexts(world, suite=Suite.ISO_20):
    group = GROUP[suite]
    secc = tls.secc_context_20(world.secc, world.v2g_roots, os.urandom, group=group)
    evcc = tls.evcc_context_20(world.vehicle, world.v2g_roots, os.urandom, group=group)
    return secc, evcc


CASES = {
    "EIM AC": ({"contract": None, "services": (ServiceId.AC,)}, False),
    "EIM DC dynamic": ({"contract": None, "control_modes": (ControlMode.DYNAMIC,)}, False),
    "PnC DC": ({}, False),
    "PnC DC with installation": ({"contract": None}, True),
    "PnC BPT DC": ({"services": (ServiceId.DC_BPT,)}, False),
    "PnC BPT DC dynamic": (
        {"services": (ServiceId.DC_BPT,), "control_modes": (ControlMode.DYNAMIC,)},
        False,
    ),
}


def _case(name, world):
    changes, install = CASES[name]
    config = _fast(car(world, **changes))
    if install:
        add_contract(world, "DEACMC00000001")
        config = replace(config, provisioning=Identity.of(world.provisioning))
    return config


@pytest.mark.parametrize("name", CASES)
async def test_a_session_in_memory(name):
    world = make_world() if CASES[name][1] else shared_world()
    charger = Charger(world)
    here, there = memory_pair()
    server = asyncio.create_task(charger.serve(there))
    evcc, outcome = await _drive(_case(name, world), world, here)
    await server
    assert outcome.ending is Ending.TERMINATED
    assert [each.ending for each in charger.outcomes] == [Ending.TERMINATED]
    if "BPT" in name:
        assert evcc.session.vehicle.powers_w == pytest.approx([-10_000.0] * 3, rel=1e-3)


@pytest.mark.parametrize("suite", GROUP)
@pytest.mark.parametrize("name", CASES)
async def test_a_session_over_mutual_tls(name, suite):
    world = make_world(suite) if CASES[name][1] else shared_world(suite)
    charger = Charger(world)
    secc_context, evcc_context = _contexts(world, suite)
    async with charger.listening(secc_context) as port:
        stream = await connect("127.0.0.1", port, evcc_context, 5.0)
        assert stream.tls.version() == "TLSv1.3"
        assert stream.tls.cipher()[0] in {"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
        evcc, outcome = await _drive(_case(name, world), world, stream)
    assert outcome.ending is Ending.TERMINATED
    assert [each.ending for each in charger.outcomes] == [Ending.TERMINATED]
    assert len(evcc.session.vehicle.powers_w) == 3
    if CASES[name][1]:
        assert len(evcc.session.installed) == 1


async def test_pause_and_resume_over_two_connections():
    world = shared_world()
    charger = Charger(world)
    secc_context, evcc_context = _contexts(world)
    async with charger.listening(secc_context) as port:
        stream = await connect("127.0.0.1", port, evcc_context, 5.0)
        vehicle = SimpleVehicle(EV, turns=2, last_wish=Wish.PAUSE)
        first, outcome = await _drive(_fast(car(world)), world, stream, vehicle=vehicle)
        assert outcome.ending is Ending.PAUSED
        stream = await connect("127.0.0.1", port, evcc_context, 5.0)
        second, outcome = await _drive(_fast(car(world)), world, stream, resume=first.resume)
    assert outcome.ending is Ending.TERMINATED
    assert second.session.joined
    assert [each.ending for each in charger.outcomes] == [Ending.PAUSED, Ending.TERMINATED]


async def test_a_revoked_contract_ends_before_services():
    world = make_world()
    revoke(world.pki, world.contract.issued.certificate.serial_number)
    charger = Charger(world)
    secc_context, evcc_context = _contexts(world)
    async with charger.listening(secc_context) as port:
        stream = await connect("127.0.0.1", port, evcc_context, 5.0)
        config = _fast(car(world, authorizations=("PnC",)))
        _, outcome = await _drive(config, world, stream)
    assert (outcome.ending, outcome.response_code) == (
        Ending.REFUSED,
        "WARNING_CertificateRevoked",
    )


async def test_a_car_without_vehicle_certificate_is_not_let_in():
    world = shared_world()
    charger = Charger(world)
    secc_context, _ = _contexts(world)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with charger.listening(secc_context) as port:
        stream = await connect("127.0.0.1", port, context, 5.0)
        # TLS 1.3: the client learns of its refusal with the first octets it reads
        _, outcome = await _drive(_fast(car(world)), world, stream)
    assert outcome.ending is Ending.CLOSED
    assert not charger.outcomes


async def test_a_charger_of_another_root_is_not_trusted():
    world, other = shared_world(), make_world()
    secc_context, _ = _contexts(other)
    _, evcc_context = _contexts(world)
    async with Charger(other).listening(secc_context) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect("127.0.0.1", port, evcc_context, 5.0)


async def test_a_backend_slower_than_the_charger_may_be_is_polled():
    world = shared_world()
    charger = Charger(world, replace(ISO_20, performance_s=0.1))
    quick, asked = charger.backend.authorize, []

    async def slow(question):
        asked.append(question)
        await asyncio.sleep(0.3)
        return await quick(question)

    charger.backend.authorize = slow
    here, there = memory_pair()
    server = asyncio.create_task(charger.serve(there))
    _, outcome = await _drive(_fast(car(world)), world, here)
    await server
    assert outcome.ending is Ending.TERMINATED
    assert len(asked) == 1  # the car polls, the question stays the same


async def test_a_vehicle_certificate_of_another_oem_is_refused():
    world, other = shared_world(), make_world()
    stranger = issue_credential(
        other.pki, Suite.ISO_20, Role.VEHICLE, Subject("WMIV000000000000A", "Other")
    )
    secc_context, _ = _contexts(world)
    context = tls.evcc_context_20(stranger, world.v2g_roots, os.urandom)
    charger = Charger(world)
    async with charger.listening(secc_context) as port:
        stream = await connect("127.0.0.1", port, context, 5.0)
        _, outcome = await _drive(_fast(car(world)), world, stream)
    assert outcome.ending is Ending.CLOSED
    assert not charger.outcomes
