"""What is not a radial feeder is refused by name."""

from __future__ import annotations

import math

import numpy as np
import pytest

from csms.grid.builder import Branch, Load, build_feeder, z_sequence
from csms.grid.network import FeederError, balanced_feeder

Z = z_sequence(0.1 + 0.1j)


def branch(a: str, b: str, **more: object) -> Branch:
    return Branch(a, b, Z, **more)  # type: ignore[arg-type]


def test_orders_breadth_first_whatever_the_order_given() -> None:
    feeder = build_feeder(
        "f", "s", 400.0, [branch("c", "b"), branch("s", "a"), branch("b", "s"), branch("a", "d")]
    )
    assert feeder.bus_names[0] == "s"
    assert all(feeder.parent[i] < i for i in range(1, feeder.n_bus))
    assert feeder.bus_names[feeder.parent[feeder.bus("c")]] == "b"
    assert feeder.path(feeder.bus("d")) == [feeder.bus("d"), feeder.bus("a"), 0]


def test_a_meshed_network_names_its_loop() -> None:
    branches = [
        branch("s", "a"),
        branch("a", "b"),
        branch("b", "c"),
        branch("c", "d"),
        branch("d", "b"),
    ]
    with pytest.raises(FeederError, match="meshed") as caught:
        build_feeder("f", "s", 400.0, branches)
    message = str(caught.value)
    assert all(name in message.split("loop")[1] for name in "bcd")
    assert "s" not in message.split("loop ")[1]
    assert " a " not in message.split("loop")[1]


def test_an_unconnected_part_is_named() -> None:
    with pytest.raises(FeederError, match=r"not connected to the source bus 's': x, y"):
        build_feeder("f", "s", 400.0, [branch("s", "a"), branch("x", "y")])


@pytest.mark.parametrize(
    ("branches", "loads", "reason"),
    [
        ([branch("s", "a"), branch("a", "s")], [], "two branches join buses"),
        ([branch("s", "s")], [], "joins a bus to itself"),
        ([branch("x", "y")], [], "no branch touches the source bus 's'"),
        ([Branch("s", "a", Z * math.nan)], [], "impedance is not finite"),
        ([Branch("s", "a", -Z)], [], "resistance is negative"),
        ([branch("s", "a", ampacity_a=0.0)], [], "ampacity_a must be positive, got 0.0"),
        ([branch("s", "a", phases="xb")], [], "letters of 'abc'"),
        (
            [branch("s", "a", phases="a"), branch("a", "b", phases="b")],
            [],
            "but bus 'a' has only 'a'",
        ),
        ([branch("s", "a")], [Load("z", 1.0)], "load at bus 'z', which no branch connects"),
        ([branch("s", "a", phases="a")], [Load("a", 1.0)], "the bus has 'a'"),
        ([branch("s", "a")], [Load("a", math.inf)], "not finite"),
        ([branch("a", "s", to_base_ll_v=400.0)], [], "points towards the source"),
    ],
)
def test_bad_input_says_what_and_where(
    branches: list[Branch], loads: list[Load], reason: str
) -> None:
    with pytest.raises(FeederError, match=reason):
        build_feeder("f", "s", 11_000.0, branches, loads)


def test_a_load_is_shared_by_its_phases() -> None:
    feeder = build_feeder(
        "f", "s", 400.0, [branch("s", "a")], [Load("a", 900.0, 90.0), Load("a", 50.0, 5.0, "b")]
    )
    assert feeder.p_w[1] == pytest.approx([300.0, 350.0, 300.0])
    assert not feeder.balanced
    assert feeder.symmetric


def test_arrays_are_read_only() -> None:
    feeder = build_feeder("f", "s", 400.0, [branch("s", "a")])
    with pytest.raises(ValueError, match="read-only"):
        feeder.p_w[0] = 1.0


def test_an_unknown_bus_suggests_near_names() -> None:
    feeder = build_feeder("f", "source", 400.0, [branch("source", "house 12")])
    with pytest.raises(FeederError, match="house 12"):
        feeder.bus("house 21")


def test_arrays_not_breadth_first_are_refused() -> None:
    zeros = np.zeros(3)
    with pytest.raises(FeederError, match="breadth-first"):
        balanced_feeder(
            "f", np.array([-1, 2, 0]), zeros.astype(complex), zeros, zeros, base_ll_v=400.0
        )
