"""Whatever a car sends, in whatever order, a charger answers with a code or ends the session."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from charger_sim.iso15118.iso2 import Secc, messages
from charger_sim.iso15118.machine import PENDING, Ask, End, Ending, Output, Send
from charger_sim.iso15118.model import DC_LIMITS, ModelEvse
from charger_sim.iso15118.v2gtp import Frame, PayloadType
from tests.unit.iso15118.test_iso2_secc import (
    AC_PARAMETERS,
    ANSWERS,
    DC_PARAMETERS,
    DC_START,
    ONE_OF_EACH,
    START,
    WITH_CERTIFICATES,
    select,
)
from tests.unit.iso15118.world import AC, world

CONFIG = type(AC)(
    AC.evse_id,
    energy_transfer_modes=("AC_three_phase_core", "DC_extended"),
    receipts=True,
)
BODIES: list[tuple[str, dict[str, Any]]] = [
    *ONE_OF_EACH.items(),
    ("PaymentServiceSelection", select("Contract", WITH_CERTIFICATES)),
    ("ChargeParameterDiscovery", AC_PARAMETERS),
    ("ChargeParameterDiscovery", DC_PARAMETERS),
    ("PowerDelivery", START),
    ("PowerDelivery", DC_START),
    ("PowerDelivery", {"ChargeProgress": "Stop", "SAScheduleTupleID": 1}),
    ("PowerDelivery", {"ChargeProgress": "Renegotiate", "SAScheduleTupleID": 1}),
    ("SessionStop", {"ChargingSession": "Pause"}),
]
# the ways of sessions that go right, so that every state is reached
AC_WAY = [0, 1, 3, 7, 8, 9, 10, 10]
DC_WAY = [0, 1, 3, 7, 19, 12, 12, 13, 21, 14, 14]
PNC_WAY = [0, 1, 17, 6]

mutations = st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), max_size=3)
answers = st.sampled_from(["good", "pending", "failed"])
steps = st.tuples(st.integers(0, len(BODIES) - 1), mutations, st.booleans(), answers)


class Session:
    def __init__(self) -> None:
        self.evse = ModelEvse(DC_LIMITS, lambda: 0.0)
        self.secc = Secc(CONFIG, self.evse, random=os.urandom, unix_s=lambda: 1.7e9)
        self.session_id = bytes(8)
        self.ended = False

    def send(self, number: int, mutated: list[tuple[int, int]], sign: bool, answer: str) -> None:
        name, body = BODIES[number]
        key = world().contract.private_key if sign and "@Id" in body else None
        frame = messages.write(self.session_id, f"{name}Req", body, key=key)
        octets = bytearray(frame.payload)
        for place, value in mutated:
            octets[place % len(octets)] = value
        self.take(self.secc.receive(Frame(PayloadType.EXI, bytes(octets)), 0.0), answer)

    def take(self, output: Output, answer: str) -> None:
        while isinstance(output, Ask):
            given: Any = {"pending": PENDING, "failed": None}.get(answer)
            output = output.then(ANSWERS[type(output.question)] if answer == "good" else given, 0.0)
        if isinstance(output, End):
            assert output.outcome.ending is Ending.PROTOCOL_ERROR
            self.ended = True
            return
        assert isinstance(output, Send)
        response = messages.read(output.frame)
        assert not response.is_request
        code = response.body["ResponseCode"]
        assert code.startswith(("OK", "FAILED"))
        assert code.startswith("FAILED") == (
            output.end is not None and output.end.ending is Ending.REFUSED
        )
        self.session_id = response.session_id
        self.ended = output.end is not None


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([AC_WAY, DC_WAY, PNC_WAY]),
    st.integers(0, 11),
    st.lists(steps, min_size=1, max_size=8),
)
def test_any_sequence(way: list[int], length: int, then: list[Any]) -> None:
    session = Session()
    for number in way[:length]:
        session.send(number, [], False, "good")
        assert not session.ended
    for number, mutated, sign, answer in then:
        session.send(number, mutated, sign, answer)
        if session.ended:
            assert not session.evse.closed
            break


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 0xFFFF), st.binary(max_size=300))
def test_any_octets(payload_type: int, octets: bytes) -> None:
    session = Session()
    session.take(session.secc.receive(Frame(payload_type, octets), 0.0), "good")
