"""The sockets of SECC discovery: UDP multicast over IPv6."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

from charger_sim.iso15118.errors import FrameError
from charger_sim.iso15118.sdp import (
    ATTEMPTS,
    INTERVAL_S,
    MULTICAST_ADDRESS,
    SDP_PORT,
    SdpRequest,
    SdpResponse,
    Security,
    parse_request,
    parse_response,
)


class _Server(asyncio.DatagramProtocol):
    def __init__(self, responses: dict[Security, SdpResponse]) -> None:
        self._responses = responses
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's datagram transports are not DatagramTransports by type before Python 3.12
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """What is no request is dropped, as the standard wants."""
        with suppress(FrameError):
            wanted = parse_request(data).security
            response = self._responses.get(wanted) or next(iter(self._responses.values()))
            if self._transport is not None:
                self._transport.sendto(response.to_bytes(), addr)


class _Client(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.response: asyncio.Future[SdpResponse] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        del addr
        with suppress(FrameError):
            response = parse_response(data)
            if not self.response.done():
                self.response.set_result(response)


@asynccontextmanager
async def sdp_server(
    responses: list[SdpResponse],
    *,
    interface: str | None = None,
    address: str = "::",
    port: int = SDP_PORT,
) -> AsyncIterator[int]:
    """Answer discovery while the context lasts; yields the UDP port.

    `responses`: one for each security offered, the preferred first; it also answers requests for a
    security that is not offered. `interface`, such as "eth0", is where the multicast group is
    joined; without it only requests sent to `address` itself arrive.
    """
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        if interface is not None:
            group = socket.inet_pton(socket.AF_INET6, MULTICAST_ADDRESS)
            index = socket.if_nametoindex(interface)
            sock.setsockopt(
                socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack("@I", index)
            )
        by_security = {each.security: each for each in responses}
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Server(by_security), sock=sock
        )
    except OSError:
        sock.close()
        raise
    try:
        yield int(sock.getsockname()[1])
    finally:
        transport.close()


async def sdp_discover(
    security: Security,
    *,
    interface: str | None = None,
    address: str = MULTICAST_ADDRESS,
    port: int = SDP_PORT,
    attempts: int = ATTEMPTS,
    interval_s: float = INTERVAL_S,
) -> SdpResponse | None:
    """Ask for a charger; None where nobody answers. `interface` is needed for multicast."""
    scope = 0 if interface is None else socket.if_nametoindex(interface)
    transport, client = await asyncio.get_running_loop().create_datagram_endpoint(
        _Client, family=socket.AF_INET6
    )
    try:
        for _ in range(attempts):
            transport.sendto(SdpRequest(security).to_bytes(), (address, port, 0, scope))
            done, _ = await asyncio.wait((client.response,), timeout=interval_s)
            if done:
                return client.response.result()
        return None
    finally:
        client.response.cancel()
        transport.close()
