"""Framing and discovery messages, octet by octet."""

from __future__ import annotations

from ipaddress import IPv6Address
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_sim.iso15118 import sdp
from charger_sim.iso15118.errors import FrameError, LocalProtocolError
from charger_sim.iso15118.sdp import SdpRequest, SdpResponse, Security
from charger_sim.iso15118.v2gtp import MAX_PAYLOAD_OCTETS, Frame, FrameReader, parse_datagram

frames = st.builds(Frame, st.integers(0, 0xFFFF), st.binary(max_size=200))


def test_header() -> None:
    assert Frame(0x8001, b"\x80\x00").to_bytes().hex() == "01fe8001000000028000"


@given(st.lists(frames, max_size=5), st.lists(st.integers(0, 1_000), max_size=20))
def test_frames_survive_any_cutting(sent: list[Frame], cuts: list[int]) -> None:
    octets = b"".join(frame.to_bytes() for frame in sent)
    edges = [0, *sorted(min(cut, len(octets)) for cut in cuts), len(octets)]
    reader = FrameReader()
    received = []
    for begin, end in pairwise(edges):
        received += reader.feed(octets[begin:end])
    assert received == sent


@pytest.mark.parametrize("octets", ["02fd8001000000008000", "01ff800100000000", "01fe8001ffffffff"])
def test_a_wrong_header_is_an_error_before_the_payload_comes(octets: str) -> None:
    with pytest.raises(FrameError):
        FrameReader().feed(bytes.fromhex(octets))


def test_a_payload_has_a_limit() -> None:
    with pytest.raises(LocalProtocolError):
        Frame(0x8001, bytes(MAX_PAYLOAD_OCTETS + 1)).to_bytes()
    assert len(FrameReader().feed(Frame(0x8001, bytes(MAX_PAYLOAD_OCTETS)).to_bytes())) == 1


@given(st.binary(max_size=40))
def test_a_datagram_is_one_message_or_an_error(octets: bytes) -> None:
    try:
        frame = parse_datagram(octets)
    except FrameError:
        return
    assert frame.to_bytes() == octets


def test_discovery_octets() -> None:
    assert SdpRequest(Security.TLS).to_bytes().hex() == "01fe9000000000020000"
    assert SdpRequest(Security.NONE).to_bytes().hex() == "01fe9000000000021000"
    response = SdpResponse(IPv6Address("fe80::1"), 50_000, Security.NONE)
    expected = "01fe900100000014" + "fe80" + "00" * 13 + "01" + "c350" + "1000"
    assert response.to_bytes().hex() == expected
    assert sdp.parse_response(response.to_bytes()) == response
    assert sdp.parse_request(SdpRequest(Security.TLS).to_bytes()) == SdpRequest(Security.TLS)


@pytest.mark.parametrize(
    "octets",
    [
        "01fe9000000000020100",  # unknown security
        "01fe9000000000020010",  # UDP
        "01fe900000000001ff",  # too short
        "01fe9001000000020000",  # a response's payload type
    ],
)
def test_what_is_no_discovery_request(octets: str) -> None:
    with pytest.raises(FrameError):
        sdp.parse_request(bytes.fromhex(octets))


def test_a_response_needs_a_port() -> None:
    response = SdpResponse(IPv6Address("fe80::1"), 0, Security.NONE)
    with pytest.raises(FrameError, match="port 0"):
        sdp.parse_response(response.to_bytes())
