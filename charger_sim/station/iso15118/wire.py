"""The connection between charger and car: in memory, or TCP and TLS on this machine.

The car is told where the charger listens, or finds it by discovery (SDP) on a network interface.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv6Address
from typing import Literal

from charger_sim.iso15118 import streams, tls
from charger_sim.iso15118.driver import ByteStream
from charger_sim.iso15118.sdp import SdpResponse, Security
from charger_sim.iso15118.sdp_shell import sdp_discover, sdp_server
from charger_sim.station.certificates import CertificateStore
from charger_sim.vehicle import EvCredentials
from pki.ports import RandomBytes

Wire = Literal["memory", "tcp", "tls"]
HOST = "127.0.0.1"
HOST_6 = IPv6Address("::1")
CONNECT_TIMEOUT_S = 20.0
Ends = tuple[ByteStream, ByteStream]
"""The charger's and the car's."""
CREDENTIAL_OF = {"iso15118-2": "V2GCertificate", "iso15118-20": "V2G20Certificate"}


class NoCertificate(Exception):
    """TLS is asked for, and one side has nothing to show."""


@asynccontextmanager
async def connected(
    wire: Wire,
    store: CertificateStore,
    car: EvCredentials,
    random: RandomBytes,
    sdp_interface: str | None = None,
) -> AsyncIterator[Ends]:
    """With `sdp_interface`, such as "lo", the car finds the charger by multicast there.

    Raises :class:`NoCertificate`, ``OSError``.
    """
    if wire == "memory":
        yield streams.memory_pair()
        return
    secc_context = evcc_context = None
    if wire == "tls":
        secc_context, evcc_context = contexts(store, car, random)
    host = HOST if sdp_interface is None else str(HOST_6)
    async with _listening(host, secc_context, random) as (port, accepted):
        if sdp_interface is not None:
            security = Security.TLS if wire == "tls" else Security.NONE
            host, port = await _discovered(SdpResponse(HOST_6, port, security), sdp_interface)
        stream = await streams.connect(host, port, evcc_context, CONNECT_TIMEOUT_S)
        try:
            if stream.tls is not None:
                tls.check_secc(stream.tls)
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                charger = await accepted()
        except BaseException:
            await stream.close()
            raise
        yield charger, stream


def contexts(
    store: CertificateStore, car: EvCredentials, random: RandomBytes
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The charger's and the car's. Raises :class:`NoCertificate`."""
    kind = CREDENTIAL_OF[car.edition]
    credential = store.credentials.get(kind)
    if credential is None:
        raise NoCertificate(f"the station has no {kind}")
    if car.edition == "iso15118-2":
        return tls.secc_context_2(credential, random), tls.evcc_context_2(car.roots)
    if car.tls is None:
        raise NoCertificate(f"car {car.evcc_id} has no vehicle certificate")
    roots = store.roots("OEMRootCertificate", "V2GRootCertificate")
    return (
        tls.secc_context_20(credential, roots, random),
        tls.evcc_context_20(car.tls, car.roots, random),
    )


async def _discovered(charger: SdpResponse, interface: str) -> tuple[str, int]:
    """Where the charger says it listens. Each answers at a port of its own: at SDP's well-known one, all the chargers
    of this machine would answer every car. Raises ``OSError``."""
    async with sdp_server([charger], interface=interface, port=0) as udp_port:
        found = await sdp_discover(charger.security, interface=interface, port=udp_port)
    if found is None:
        raise OSError(f"no charger answers SDP on {interface}")
    if found.security is not charger.security:
        raise OSError(f"the charger offers {found.security.name}, not {charger.security.name}")
    return str(found.address), found.port


Accepted = Callable[[], asyncio.Future[ByteStream]]


@asynccontextmanager
async def _listening(
    host: str, context: ssl.SSLContext | None, random: RandomBytes
) -> AsyncIterator[tuple[int, Accepted]]:
    """A server for one connection."""
    first: asyncio.Future[ByteStream] = asyncio.get_running_loop().create_future()

    async def serve(stream: streams.AsyncioStream) -> None:
        if first.done():
            await stream.close()
        else:
            first.set_result(stream)

    server, port = await streams.listen(serve, host, context, random)
    try:
        yield port, lambda: first
    finally:
        server.close()
