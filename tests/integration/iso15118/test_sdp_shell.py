"""Discovery over real UDP sockets on the loopback."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv6Address
from pathlib import Path

import pytest

from charger_sim.iso15118.sdp import SdpResponse, Security
from charger_sim.iso15118.sdp_shell import sdp_discover, sdp_server

TLS = SdpResponse(IPv6Address("::1"), 50_001, Security.TLS)
_UP_AND_MULTICAST = 0x1001
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


def multicast_interface() -> str | None:
    """One that is up, passes multicast on, and has a link-local address."""
    addresses = Path("/proc/net/if_inet6")
    if not addresses.exists():
        return None
    for line in addresses.read_text().splitlines():
        address, *_, name = line.split()
        flags = int(Path(f"/sys/class/net/{name}/flags").read_text(), 16)
        if address.startswith("fe80") and flags & _UP_AND_MULTICAST == _UP_AND_MULTICAST:
            return name
    return None


async def test_multicast() -> None:
    interface = multicast_interface()
    if interface is None:
        pytest.skip("no interface for IPv6 multicast")
    async with sdp_server([TLS], interface=interface, port=0) as port:
        found = await sdp_discover(Security.TLS, interface=interface, port=port, attempts=8)
    assert found == TLS
