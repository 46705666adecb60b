"""Negotiation of the edition."""

from __future__ import annotations

import pytest

from charger_sim.iso15118 import app_protocol
from charger_sim.iso15118.app_protocol import Choice, Offer, Protocol, choose, offers
from charger_sim.iso15118.errors import RemoteProtocolError
from charger_sim.iso15118.machine import End, Ending, Send
from charger_sim.iso15118.session import SeccSession
from charger_sim.iso15118.v2gtp import Frame, PayloadType

ALL = tuple(Protocol)


def test_the_cars_priority_decides() -> None:
    offered = offers([Protocol.ISO_20_DC, Protocol.ISO_2, Protocol.DIN_70121])
    assert choose(offered, ALL).protocol is Protocol.ISO_20_DC
    assert choose(offered, [Protocol.DIN_70121, Protocol.ISO_2]) == Choice(
        "OK_SuccessfulNegotiation", 2, Protocol.ISO_2
    )
    assert choose(tuple(reversed(offered)), ALL).protocol is Protocol.ISO_20_DC


def test_versions() -> None:
    minor = Offer(Protocol.ISO_2.value, 2, 1, 10, 1)
    assert choose([minor], ALL).response_code == "OK_SuccessfulNegotiationWithMinorDeviation"
    major = Offer(Protocol.ISO_2.value, 1, 0, 10, 1)
    assert choose([major], ALL) == Choice("Failed_NoNegotiation")
    assert choose(offers([Protocol.ISO_20_AC]), [Protocol.ISO_2]).protocol is None


def test_frames_come_back() -> None:
    offered = offers(ALL)
    assert app_protocol.read_request(app_protocol.request_frame(offered)) == offered
    choice = choose(offered, [Protocol.ISO_2])
    assert app_protocol.read_response(app_protocol.response_frame(choice), offered) == choice


def test_a_document_of_another_codec() -> None:
    """As EVerest's test suite (libcbv2g) encodes it."""
    exi = bytes.fromhex(
        "8000f3ab9371d34b9b79d39ba321d34b9b79d189a98989c1d1699181d20a18010000040040"
    )
    (offer,) = app_protocol.read_request(Frame(PayloadType.EXI, exi))
    assert offer == Offer(Protocol.ISO_20_AC.value, 1, 0, 1, 1)


def test_a_schema_that_was_not_offered() -> None:
    frame = app_protocol.response_frame(Choice("OK_SuccessfulNegotiation", 9))
    with pytest.raises(RemoteProtocolError, match="SchemaID 9"):
        app_protocol.read_response(frame, offers(ALL))


def test_without_a_common_protocol_the_charger_says_so_and_closes() -> None:
    output = SeccSession({}).receive(app_protocol.request_frame(offers(ALL)), 0.0)
    assert isinstance(output, Send)
    assert output.end is not None
    assert output.end.response_code == "Failed_NoNegotiation"


def test_something_else_first() -> None:
    output = SeccSession({}).receive(Frame(PayloadType.EXI, b"\x80\x80\x00"), 0.0)
    assert isinstance(output, End)
    assert output.outcome.ending is Ending.PROTOCOL_ERROR
