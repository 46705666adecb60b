"""The queue of commands of one station."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.gateway.outbox import Outbox, OutboxFullError


def test_first_in_first_out() -> None:
    outbox: Outbox[int] = Outbox(10)
    for n in range(3):
        outbox.put(n)
    assert [outbox.pop() for _ in range(4)] == [0, 1, 2, None]


def test_a_newer_setpoint_takes_the_place_of_the_older() -> None:
    outbox: Outbox[str] = Outbox(10)
    outbox.put("a1", "a")
    outbox.put("b1", "b")
    assert outbox.put("a2", "a") == "a1"
    assert [outbox.pop(), outbox.pop(), outbox.pop()] == ["a2", "b1", None]


def test_lanes_alternate_so_that_neither_starves() -> None:
    outbox: Outbox[str] = Outbox(10)
    for item in ("reset", "stop"):
        outbox.put(item)
    order = []
    for n in range(4):
        outbox.put(f"s{n}", "setpoint")
        order.append(outbox.pop())
    assert order == ["s0", "reset", "s2", "stop"]


def test_it_is_bounded_but_a_replacement_always_fits() -> None:
    outbox: Outbox[str] = Outbox(2)
    outbox.put("x")
    outbox.put("s1", "s")
    with pytest.raises(OutboxFullError):
        outbox.put("y")
    with pytest.raises(OutboxFullError):
        outbox.put("t1", "t")
    assert outbox.put("s2", "s") == "s1"


def test_discard() -> None:
    outbox: Outbox[str] = Outbox(5)
    outbox.put("x")
    outbox.put("s", "key")
    assert outbox.discard("s")
    assert not outbox.discard("s")
    assert outbox.drain() == ["x"]
    assert len(outbox) == 0


@given(
    st.lists(st.one_of(st.just("pop"), st.tuples(st.just("put"), st.integers(0, 3) | st.none())))
)
def test_every_item_leaves_exactly_once(steps: list[str | tuple[str, int | None]]) -> None:
    outbox: Outbox[int] = Outbox(4)
    entered: list[int] = []
    left: list[int] = []
    for n, step in enumerate(steps):
        if step == "pop":
            item = outbox.pop()
            left += [] if item is None else [item]
            continue
        try:
            superseded = outbox.put(n, step[1])
        except OutboxFullError:
            continue
        entered.append(n)
        left += [] if superseded is None else [superseded]
    left += outbox.drain()
    assert sorted(left) == entered
