"""TLS of both editions over the loopback: what is agreed, and who is turned away."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import Any

import pytest

from charger_sim.iso15118 import tls
from charger_sim.iso15118.errors import RemoteProtocolError
from charger_sim.iso15118.streams import AsyncioStream, connect
from pki.build import Subject
from pki.hierarchy import Config, in_memory
from pki.issue import Pki, root_of
from pki.leaf import Credential, issue_credential
from pki.profiles import Role, Suite
from tests.unit.iso15118.world import make_world, world


@asynccontextmanager
async def server(context: ssl.SSLContext) -> AsyncIterator[int]:
    """Echoes until the client leaves."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            writer.write(await reader.read(100))
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)
    try:
        yield int(listening.sockets[0].getsockname()[1])
    finally:
        listening.close()


async def talk(ours: ssl.SSLContext, theirs: ssl.SSLContext) -> AsyncioStream:
    """A client's stream after one echo."""
    async with server(theirs) as port:
        stream = await connect("127.0.0.1", port, ours, 5.0)
        await stream.send(b"ping")
        assert await stream.receive() == b"ping"
        await stream.close()
        return stream


@cache
def pki_20(suite: Suite) -> tuple[Pki, Credential, Credential]:
    pki = in_memory(Config("Acme", ocsp_url="http://ocsp.example/ocsp"), suites=[suite])
    secc = issue_credential(pki, suite, Role.SECC, Subject("DE*ACM*E1", "Acme"))
    car = issue_credential(pki, suite, Role.VEHICLE, Subject("WVWZZZ1KZAW000001", "Acme"))
    return pki, secc, car


async def test_edition_2() -> None:
    own = world()
    stream = await talk(tls.evcc_context_2([own.root]), tls.secc_context_2(own.secc, os.urandom))
    assert stream.tls is not None
    assert stream.tls.version() == "TLSv1.2"
    assert stream.tls.cipher() == ("ECDHE-ECDSA-AES128-SHA256", "TLSv1.2", 128)
    tls.check_secc(stream.tls)


async def test_a_charger_of_another_root_is_turned_away() -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await talk(
            tls.evcc_context_2([make_world().root]),
            tls.secc_context_2(world().secc, os.urandom),
        )


async def test_a_certificate_that_is_no_chargers() -> None:
    own = world()
    maker = issue_credential(
        own.pki, Suite.ISO_2, Role.OEM_PROVISIONING, Subject("WVWZZZ1KZAW000009", "Acme")
    )
    stream = await talk(tls.evcc_context_2([own.root]), tls.secc_context_2(maker, os.urandom))
    assert stream.tls is not None
    with pytest.raises(RemoteProtocolError, match="expected CPO"):
        tls.check_secc(stream.tls)


@pytest.mark.parametrize(
    ("suite", "group"),
    [(Suite.ISO_20, tls.ISO_20_GROUP), (Suite.ISO_20_ED448, tls.ISO_20_GROUP_448)],
)
async def test_edition_20_is_mutual(suite: Suite, group: str) -> None:
    pki, secc, car = pki_20(suite)
    roots = [root_of(pki.store, secc.issued.name)]
    theirs = tls.secc_context_20(secc, roots, os.urandom, group=group)
    ours = tls.evcc_context_20(car, roots, os.urandom, group=group)
    stream = await talk(ours, theirs)
    assert stream.tls is not None
    assert stream.tls.version() == "TLSv1.3"
    cipher: Any = stream.tls.cipher()
    assert cipher[0] == "TLS_AES_256_GCM_SHA384"
    tls.check_secc(stream.tls)
    assert theirs.session_stats()["accept"] == 1
    assert not stream.tls.session.has_ticket


async def test_a_car_without_certificate_is_turned_away() -> None:
    pki, secc, _ = pki_20(Suite.ISO_20)
    roots = [root_of(pki.store, secc.issued.name)]
    anonymous = ssl.create_default_context()
    anonymous.check_hostname = False
    anonymous.verify_mode = ssl.CERT_NONE
    anonymous.set_ecdh_curve(tls.ISO_20_GROUP)
    with pytest.raises((ssl.SSLError, OSError, AssertionError)):
        await talk(anonymous, tls.secc_context_20(secc, roots, os.urandom))


async def test_an_old_car_gets_no_tls_1_3_session() -> None:
    own = world()
    pki, secc, _ = pki_20(Suite.ISO_20)
    roots = [root_of(pki.store, secc.issued.name)]
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        await talk(tls.evcc_context_2([own.root]), tls.secc_context_20(secc, roots, os.urandom))
