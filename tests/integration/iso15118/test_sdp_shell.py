"""Discovery over real UDP sockets on the loopback."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv6Address

import pytest

from charger_sim.iso15118.sdp import SdpResponse, Security
from charger_sim.iso15118.sdp_shell import sdp_discover, sdp_server

TLS = SdpResponse(IPv6Address("::1"), 50_001, Security.TLS)
PLAIN = SdpResponse(IPv6Address("::1"), 50_000, Security.NONE)

pytestmark = pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 on this machine")


async def discover(security: Security, port: int, attempts: int = 8) -> SdpResponse | None:
    return await sdp_discover(security, address="::1", port=port, attempts=attempts)


async def test_a_charger_is_found_by_its_security() -> None:
    async with sdp_server([TLS, PLAIN], address="::1", port=0) as port:
        assert await discover(Security.TLS, port) == TLS
        assert await discover(Security.NONE, port) == PLAIN


async def test_a_charger_without_tls_says_so() -> None:
    async with sdp_server([PLAIN], address="::1", port=0) as port:
        assert await discover(Security.TLS, port) == PLAIN


async def test_nonsense_is_dropped_and_the_server_lives_on() -> None:
    async with sdp_server([TLS], address="::1", port=0) as port:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            for octets in (b"", b"hello", TLS.to_bytes(), b"\x01\xfe\x90\x00\xff\xff\xff\xff"):
                sock.sendto(octets, ("::1", port))
        assert await discover(Security.TLS, port) == TLS


async def test_nobody_there() -> None:
    async with sdp_server([TLS], address="::1", port=0) as port:
        pass
    async with asyncio.timeout(5.0):
        assert (
            await sdp_discover(Security.TLS, address="::1", port=port, attempts=2, interval_s=0.01)
            is None
        )


async def test_multicast_on_the_loopback_interface() -> None:
    try:
        async with sdp_server([TLS], interface="lo", port=0) as port:
            found = await sdp_discover(Security.TLS, interface="lo", port=port, attempts=4)
    except OSError as error:
        pytest.skip(f"no multicast on lo: {error}")
    if found is None:
        pytest.skip("lo does not pass multicast on here")
    assert found == TLS
