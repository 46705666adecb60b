"""V2G Transfer Protocol: the eight octets in front of each message.

ISO 15118-2:2014 clause 7.8.3, table 10; ISO 15118-20:2022 clause 7.8.3, table 14.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from charger_sim.iso15118.errors import FrameError, LocalProtocolError

_VERSION: Final = 0x01
_HEADER: Final = struct.Struct(">BBHI")
HEADER_OCTETS: Final = _HEADER.size
MAX_PAYLOAD_OCTETS: Final = 65_536
"""Ours: the longest message of either edition, a CertificateInstallationRes, has about 10 kB."""


class PayloadType(IntEnum):
    """What a frame carries."""

    EXI = 0x8001
    """supportedAppProtocol, DIN SPEC 70121, ISO 15118-2"""
    MAINSTREAM = 0x8002
    """ISO 15118-20 CommonMessages"""
    AC = 0x8003
    DC = 0x8004
    ACDP = 0x8005
    WPT = 0x8006
    SCHEDULE_RENEGOTIATION = 0x8101
    METERING_CONFIRMATION = 0x8102
    ACDP_SYSTEM_STATUS = 0x8103
    PARKING_STATUS = 0x8104
    SDP_REQUEST = 0x9000
    SDP_RESPONSE = 0x9001


@dataclass(frozen=True, slots=True)
class Frame:
    """One message. `payload_type` is an int since a peer may send types that we do not know."""

    payload_type: int
    payload: bytes

    def to_bytes(self) -> bytes:
        """Raises LocalProtocolError where the payload is too long."""
        if len(self.payload) > MAX_PAYLOAD_OCTETS:
            raise LocalProtocolError(
                f"payload of {len(self.payload)} octets, at most {MAX_PAYLOAD_OCTETS}"
            )
        head = _HEADER.pack(_VERSION, _VERSION ^ 0xFF, self.payload_type, len(self.payload))
        return head + self.payload


class FrameReader:
    """Cuts a byte stream into frames; never holds more than one frame's octets and one read."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, octets: bytes) -> list[Frame]:
        """The frames that are complete now. Raises FrameError; the stream is then lost."""
        self._rest += octets
        frames = []
        while len(self._rest) >= HEADER_OCTETS:
            version, inverse, payload_type, length = _HEADER.unpack_from(self._rest)
            if version != _VERSION or inverse != _VERSION ^ 0xFF:
                raise FrameError(f"V2GTP version {version:#04x} {inverse:#04x}, expected 0x01 0xfe")
            if length > MAX_PAYLOAD_OCTETS:
                raise FrameError(f"payload of {length} octets, at most {MAX_PAYLOAD_OCTETS}")
            end = HEADER_OCTETS + length
            if len(self._rest) < end:
                break
            frames.append(Frame(payload_type, bytes(self._rest[HEADER_OCTETS:end])))
            del self._rest[:end]
        return frames


def parse_datagram(octets: bytes) -> Frame:
    """The one frame of a datagram. Raises FrameError."""
    frames = FrameReader().feed(octets)
    if len(frames) != 1 or HEADER_OCTETS + len(frames[0].payload) != len(octets):
        raise FrameError(f"datagram of {len(octets)} octets is not one V2GTP message")
    return frames[0]
