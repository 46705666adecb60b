"""Against PyPI ``iso15118`` 0.31.2 with its Java codec: ISO 15118-20 over TCP and TLS 1.3, EIM.

It signs and verifies with P-256 only, and its curve for TLS is P-256: no Plug & Charge of -20.

As in `tests.interop.iso15118`, ISO15118_VENV names its environment and Java must be on the PATH.
What its simulators and models ask for beyond the standard: a charger that never leaves 1 V in
pre-charge, a car that wants 20 kV, and prices in every schedule.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from charger_sim.iso15118 import tls
from charger_sim.iso15118.app_protocol import Protocol
from charger_sim.iso15118.backend import PowerSchedule, PriceEntry
from charger_sim.iso15118.driver import run
from charger_sim.iso15118.iso20.evcc import Evcc
from charger_sim.iso15118.iso20.models import SimpleEvse, SimpleVehicle
from charger_sim.iso15118.iso20.secc import Secc
from charger_sim.iso15118.iso20.secc_state import SeccConfig
from charger_sim.iso15118.iso20.services import ControlMode, ServiceId
from charger_sim.iso15118.machine import Ending
from charger_sim.iso15118.session import EvccSession, SeccSession
from charger_sim.iso15118.streams import AsyncioStream, connect
from charger_sim.iso15118.timeouts import ISO_20
from pki.issue import root_of
from pki.ports import SystemClock
from tests.interop.iso15118.peer_pki import Files
from tests.unit.iso15118_20.support import (
    ALL_SERVICES,
    EV,
    EVSE,
    PkiBackend,
    car,
    make_world,
    shared_world,
)

PYTHON = Path(os.environ.get("ISO15118_VENV", "")) / "bin" / "python"
HERE = Path(__file__).parent
PATIENT = replace(ISO_20, message_s=10.0, exceptions={})
"""Their codec takes about 65 ms for a message, more on a busy machine."""
START_S = 60.0

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif("ISO15118_VENV" not in os.environ, reason="ISO15118_VENV is not set"),
    pytest.mark.skipif(shutil.which("java") is None, reason="no Java"),
]


@asynccontextmanager
async def _peer(script: str, *arguments: str, folder: Path, **settings: str):
    with (folder / "peer.log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            PYTHON, HERE / script, *arguments,
            cwd=folder, env={**os.environ, **settings}, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield child
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, 15)
            await child.wait()


async def _connected(port: int, context: ssl.SSLContext | None = None) -> AsyncioStream:
    async with asyncio.timeout(START_S):
        while True:
            try:
                return await connect("127.0.0.1", port, context, 5.0)
            except ConnectionRefusedError:
                await asyncio.sleep(0.5)


@pytest.mark.parametrize(
    ("service", "mode"),
    [
        (ServiceId.DC, ControlMode.DYNAMIC),
        (ServiceId.DC, ControlMode.SCHEDULED),
        (ServiceId.AC, ControlMode.SCHEDULED),
    ],
)
async def test_our_car_at_their_charger(service, mode, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    world = shared_world()
    config = car(world, contract=None, authorizations=("EIM",), services=(service,))
    vehicle = SimpleVehicle(EV, turns=5, battery_v=10.0)
    config = replace(config, control_modes=(mode,))
    evcc = Evcc(config, vehicle, world.clock, os.urandom, times=PATIENT)
    protocol = Protocol.ISO_20_DC if service.is_dc else Protocol.ISO_20_AC
    async with _peer("secc_peer.py", str(port), folder=tmp_path):
        stream = await _connected(port)
        session = EvccSession({protocol: lambda: evcc})
        outcome = await run(session, stream, clock=asyncio.get_running_loop().time)
    assert outcome.ending is Ending.TERMINATED, (tmp_path / "peer.log").read_text()[-3000:]
    assert len(vehicle.powers_w) == 5


@pytest.mark.parametrize("service", ["DC", "AC"])
async def test_their_car_at_our_charger(service, tmp_path):
    world = shared_world()
    schedule = PowerSchedule(1, ((0.0, 30_000.0),), 7200.0, (PriceEntry(0.0, 0),))
    backend = PkiBackend(world.pki, schedules=(schedule,))
    evse = SimpleEvse("DE*ACM*E1", replace(EVSE, max_v=25_000.0), 5_000.0)
    config = SeccConfig(ALL_SERVICES, authorizations=("EIM",))
    secc = Secc(config, evse, world.clock, os.urandom)
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    async def serve(reader, writer):
        session = SeccSession(dict.fromkeys((Protocol.ISO_20_AC, Protocol.ISO_20_DC), lambda: secc))
        stream = AsyncioStream(reader, writer)
        ended.set_result(await run(session, stream, clock=loop.time, backend=backend))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with (
            _peer("evcc_peer.py", str(port), service, folder=tmp_path),
            asyncio.timeout(START_S),
        ):
            outcome = await ended
    assert outcome.ending is Ending.TERMINATED, (tmp_path / "peer.log").read_text()[-3000:]
    assert not evse.closed


def _tls_settings(world, folder: Path) -> dict[str, str]:
    """The peer's certificates are of -20's hierarchy: its OpenSSL takes them."""
    files = Files(folder / "pki")
    root = root_of(world.pki.store, world.secc.issued.name)
    for name, authorities, credential in (
        ("secc", "cpo", world.secc),
        ("oem", "oem", world.vehicle),
    ):
        files.leaf(name, authorities, credential.issued.chain, credential.private_key)
    for authorities in ("v2g", "oem"):
        files.certificate(f"{authorities}RootCACert", root)
    return {"ENABLE_TLS_1_3": "True", "PKI_PATH": f"{files.path}/"}


async def test_our_car_at_their_charger_over_tls(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    world = make_world(at=SystemClock().now())  # OpenSSL asks the machine
    config = car(world, contract=None, authorizations=("EIM",), services=(ServiceId.DC,))
    vehicle = SimpleVehicle(EV, turns=5, battery_v=10.0)
    evcc = Evcc(config, vehicle, world.clock, os.urandom, times=PATIENT)
    root = root_of(world.pki.store, world.secc.issued.name)
    context = tls.evcc_context_20(world.vehicle, [root], os.urandom, group="prime256v1")
    settings = _tls_settings(world, tmp_path)
    async with _peer("secc_peer.py", str(port), folder=tmp_path, **settings):
        stream = await _connected(port, context)
        assert stream.tls is not None
        assert stream.tls.version() == "TLSv1.3"
        tls.check_secc(stream.tls)
        session = EvccSession({Protocol.ISO_20_DC: lambda: evcc})
        outcome = await run(session, stream, clock=asyncio.get_running_loop().time)
    assert outcome.ending is Ending.TERMINATED, (tmp_path / "peer.log").read_text()[-3000:]
    assert len(vehicle.powers_w) == 5


async def test_their_car_at_our_charger_over_tls(tmp_path):
    world = make_world(at=SystemClock().now())  # OpenSSL asks the machine
    schedule = PowerSchedule(1, ((0.0, 30_000.0),), 7200.0, (PriceEntry(0.0, 0),))
    backend = PkiBackend(world.pki, schedules=(schedule,))
    evse = SimpleEvse("DE*ACM*E1", replace(EVSE, max_v=25_000.0), 5_000.0)
    secc = Secc(SeccConfig(ALL_SERVICES, authorizations=("EIM",)), evse, world.clock, os.urandom)
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    root = root_of(world.pki.store, world.secc.issued.name)
    context = tls.secc_context_20(world.secc, [root], os.urandom, group="prime256v1")

    async def serve(reader, writer):
        session = SeccSession({Protocol.ISO_20_DC: lambda: secc})
        stream = AsyncioStream(reader, writer)
        assert stream.tls is not None
        assert stream.tls.getpeercert(binary_form=True) is not None
        ended.set_result(await run(session, stream, clock=loop.time, backend=backend))

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        async with (
            _peer(
                "evcc_peer.py", str(port), "DC", folder=tmp_path, **_tls_settings(world, tmp_path)
            ),
            asyncio.timeout(START_S),
        ):
            outcome = await ended
    assert outcome.ending is Ending.TERMINATED, (tmp_path / "peer.log").read_text()[-3000:]
    assert not evse.closed
