"""Whatever a peer sends, in whatever order: an answer or an end, never an exception."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from charger_sim.iso15118.iso20.evcc_state import Identity
from charger_sim.iso15118.iso20.messages import from_frame, to_frame
from charger_sim.iso15118.iso20.numbers import rational, real
from charger_sim.iso15118.iso20.ports import Notification, Wish
from charger_sim.iso15118.iso20.services import ControlMode, ServiceId
from charger_sim.iso15118.iso20.states import State
from charger_sim.iso15118.machine import End, Ending, Send
from charger_sim.iso15118.v2gtp import Frame
from pki.exi import Document, ExiError
from tests.unit.iso15118_20.support import Pair, World, add_contract, car, make_world

PAYLOADS = (0x8001, 0x8002, 0x8003, 0x8004, 0x8101, 0x8102, 0x9000)


@cache
def _world() -> World:
    world = make_world()
    add_contract(world, "DEACMC00000001")
    return world


def _pair(service: ServiceId, mode: ControlMode, *, contract: bool) -> Pair:
    world = _world()
    config = car(world, services=(service,), control_modes=(mode,))
    if not contract:
        config = replace(config, contract=None, authorizations=("EIM",))
    else:
        config = replace(config, contract=None, provisioning=Identity.of(world.provisioning))
    pair = Pair(world, config)
    pair.vehicle.wishes = {2: Wish.RENEGOTIATE}
    pair.evse.notify([Notification.METERING_CONFIRMATION] if contract else [])
    return pair


@cache
def _recorded(service: ServiceId, mode: ControlMode, *, contract: bool = False) -> tuple[Any, ...]:
    """(name, frame) of a good session, requests and responses in turn."""
    pair = _pair(service, mode, contract=contract)
    secc, evcc = pair.run()
    assert secc.ending is evcc.ending is Ending.TERMINATED
    return tuple(zip(pair.names, pair.frames, strict=True))


@st.composite
def _octets(draw: st.DrawFn, octets: bytes) -> bytes:
    """`octets` with a few bits turned, cut, or with something put in."""
    changed = bytearray(octets)
    for _ in range(draw(st.integers(1, 4))):
        position = draw(st.integers(0, max(0, len(changed) - 1)))
        kind = draw(st.sampled_from(("flip", "cut", "put")))
        if kind == "flip" and changed:
            changed[position] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del changed[position:]
        else:
            changed[position:position] = draw(st.binary(max_size=8))
    return bytes(changed)


_EXTREMES = (0, 1, -1, 127, -128, 32767, -32768, 65535, 2**32 - 1, 2**64 - 1)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    else:
        yield path


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = list(value) if isinstance(value, list) else dict(value)
    copy[path[0]] = _with(value[path[0]], path[1:], new)
    return copy


@st.composite
def _message(draw: st.DrawFn, frame: Frame) -> Frame:
    """The message of `frame` with other values that its schema allows."""
    message = from_frame(frame)
    value = message.value
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(sorted(_leaves(value), key=str)))
        old = value
        for key in path:
            old = old[key]
        new: Any
        if isinstance(old, bool):
            new = not old
        elif isinstance(old, int):
            new = draw(st.sampled_from(_EXTREMES))
        elif isinstance(old, bytes):
            new = draw(st.binary(max_size=150))
        else:
            new = draw(st.sampled_from((old, "", "Ongoing", "Stop", "Dynamic", "\N{SNOWMAN}" * 80)))
        changed = _with(value, path, new)
        try:
            frame = to_frame(Document(message.namespace, message.name, changed), frame.payload_type)
        except ExiError:
            continue
        value = changed
    return frame


def _flows() -> st.SearchStrategy[tuple[ServiceId, ControlMode, bool]]:
    return st.tuples(st.sampled_from(ServiceId), st.sampled_from(ControlMode), st.booleans())


def _check_secc(pair: Pair, output: Any) -> None:
    assert isinstance(output, Send | End)
    if isinstance(output, Send):
        response = from_frame(output.frame)
        assert response.name.endswith("Res")
        failed = response.value["ResponseCode"].startswith("FAILED")
        assert (output.end is not None) >= failed
    if isinstance(output, End) or output.end is not None:
        assert isinstance(output, End) or pair.secc.state is State.END
        assert isinstance(output, End) or not pair.evse.closed


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_charger_survives_changed_requests(data):
    service, mode, contract = data.draw(_flows())
    recorded = _recorded(service, mode, contract=contract)
    target = data.draw(st.integers(0, len(recorded) // 2 - 1))
    pair = _pair(service, mode, contract=contract)
    kind = data.draw(st.sampled_from((_octets, _message)))
    number = -1

    def tamper(_, frame):
        nonlocal number
        number += 1
        if number != target:
            return frame
        if kind is _message:
            return data.draw(_message(frame))
        return Frame(
            data.draw(st.sampled_from((frame.payload_type, *PAYLOADS))),
            data.draw(_octets(frame.payload)),
        )

    pair.tamper = tamper
    taken = pair.to_secc

    def checked(frame):
        output = taken(frame)
        _check_secc(pair, output)
        return output

    pair.to_secc = checked
    pair.run()


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_a_charger_survives_any_order(data):
    """Good requests of several sessions, shuffled, all of the charger's session."""
    flows = [data.draw(_flows()) for _ in range(2)]
    frames = [
        frame
        for service, mode, contract in flows
        for name, frame in _recorded(service, mode, contract=contract)
        if name.endswith("Req") and name != "SessionSetupReq"
    ]
    pair = _pair(*flows[0][:2], contract=flows[0][2])
    pair.run(data.draw(st.sampled_from((
        "AuthorizationSetupReq", "ServiceDiscoveryReq", "ScheduleExchangeReq", "PowerDeliveryReq",
    ))))  # fmt: skip
    for frame in data.draw(st.lists(st.sampled_from(frames), min_size=1, max_size=12)):
        message = from_frame(frame)
        head = {**message.value["Header"], "SessionID": pair.secc.session.session_id}
        value = {**message.value, "Header": head}
        output = pair.to_secc(
            to_frame(Document(message.namespace, message.name, value), frame.payload_type)
        )
        _check_secc(pair, output)
        assert pair.evse.closed <= (pair.secc.state in {State.CHARGING, State.STANDBY})


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_a_car_survives_changed_responses(data):
    service, mode, contract = data.draw(_flows())
    recorded = _recorded(service, mode, contract=contract)
    target = data.draw(st.integers(0, len(recorded) // 2 - 1))
    pair = _pair(service, mode, contract=contract)
    kind = data.draw(st.sampled_from((_octets, _message)))
    answered, number = pair.to_secc, -1

    def changed(frame):
        nonlocal number
        number += 1
        output = answered(frame)
        if number != target or not isinstance(output, Send):
            return output
        if kind is _message:
            return replace(output, frame=data.draw(_message(output.frame)))
        payload = data.draw(_octets(output.frame.payload))
        return replace(output, frame=Frame(output.frame.payload_type, payload))

    pair.to_secc = changed
    _, evcc = pair.run(limit=2000)
    assert evcc.ending in set(Ending)


@given(st.floats(-1e9, 1e9))
def test_rational_numbers_keep_four_digits(value):
    number = rational(value)
    assert -32768 <= number["Value"] <= 32767
    assert abs(real(number) - value) <= max(0.0005, abs(value) / 6553)


@given(st.integers(-128, 127), st.integers(-32768, 32767))
def test_every_rational_number_is_a_finite_float_that_can_be_sent(exponent, value):
    number = {"Exponent": exponent, "Value": value}
    found = real(number)
    again = real(rational(found))
    assert abs(again - found) <= max(0.0005, abs(found) / 3276)
