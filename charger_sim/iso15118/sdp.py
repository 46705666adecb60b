"""SECC Discovery Protocol: the EV asks by multicast where the charger listens.

ISO 15118-2:2014 clause 7.10.1, ISO 15118-20:2022 clause 7.10.1. `sdp_shell` has the sockets.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Address
from typing import Final

from charger_sim.iso15118.errors import FrameError
from charger_sim.iso15118.v2gtp import Frame, PayloadType, parse_datagram

SDP_PORT: Final = 15118
MULTICAST_ADDRESS: Final = "ff02::1"
ATTEMPTS: Final = 50
"""An EV asks at most so often before it gives up (V2G2-158)."""
INTERVAL_S: Final = 0.25
"""Wait for an answer before the next attempt (V2G2-159)."""
SECC_PORTS: Final = range(49_152, 65_536)
"""Where chargers listen for TCP: the dynamic ports. Some cars refuse others."""
_TCP: Final = 0x00


class Security(IntEnum):
    """Whether the charger's port speaks TLS."""

    TLS = 0x00
    NONE = 0x10


@dataclass(frozen=True, slots=True)
class SdpRequest:
    """What the EV would like."""

    security: Security

    def to_bytes(self) -> bytes:
        return Frame(PayloadType.SDP_REQUEST, bytes((self.security, _TCP))).to_bytes()


@dataclass(frozen=True, slots=True)
class SdpResponse:
    """Where the charger listens; the EV decides whether `security` is good enough."""

    address: IPv6Address
    port: int
    security: Security

    def to_bytes(self) -> bytes:
        tail = self.port.to_bytes(2) + bytes((self.security, _TCP))
        return Frame(PayloadType.SDP_RESPONSE, self.address.packed + tail).to_bytes()


def parse_request(octets: bytes) -> SdpRequest:
    """Raises FrameError."""
    payload = _payload(octets, PayloadType.SDP_REQUEST, 2)
    return SdpRequest(_security(payload[0], payload[1]))


def parse_response(octets: bytes) -> SdpResponse:
    """Raises FrameError."""
    payload = _payload(octets, PayloadType.SDP_RESPONSE, 20)
    port = int.from_bytes(payload[16:18])
    if port == 0:
        raise FrameError("SDP response with port 0")
    return SdpResponse(IPv6Address(payload[:16]), port, _security(payload[18], payload[19]))


def _payload(octets: bytes, expected: PayloadType, length: int) -> bytes:
    frame = parse_datagram(octets)
    if frame.payload_type != expected or len(frame.payload) != length:
        raise FrameError(
            f"payload type {frame.payload_type:#06x} of {len(frame.payload)} octets, "
            f"expected {expected:#06x} of {length}"
        )
    return frame.payload


def _security(security: int, transport: int) -> Security:
    if transport != _TCP:
        raise FrameError(f"SDP transport protocol {transport:#04x}, expected TCP (0x00)")
    try:
        return Security(security)
    except ValueError:
        raise FrameError(f"SDP security {security:#04x}, expected 0x00 or 0x10") from None
