"""The one-line diagram as geometry."""

from __future__ import annotations

import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.feeder_view import BranchView
from csms.web.layout import EMPTY, Diagram, lay_out

FEEDERS = Path(__file__).resolve().parents[3] / "csms" / "grid" / "feeders"


def branches(pairs: list[tuple[str, str]]) -> list[BranchView]:
    return [BranchView(from_bus=a, to_bus=b, power_w=0.0) for a, b in pairs]


def built_in(name: str) -> list[BranchView]:
    rows = tomllib.loads((FEEDERS / f"{name}.toml").read_text())["branches"]["rows"]
    return branches([(row[0], row[1]) for row in rows])


def horizontals(diagram: Diagram) -> list[tuple[float, float, float, str, str]]:
    """(y, x from, x to, from bus, to bus) of each arm's level part."""
    at = {spot.name: spot for spot in diagram.spots}
    return [
        (at[arm.to_bus].y, at[arm.from_bus].x, at[arm.to_bus].x, arm.from_bus, arm.to_bus)
        for arm in diagram.arms
    ]


def assert_readable(diagram: Diagram) -> None:
    """No two buses in one place, nothing outside, no arm runs over a bus or along another arm."""
    places = {(spot.x, spot.y) for spot in diagram.spots}
    assert len(places) == len(diagram.spots)
    for spot in diagram.spots:
        assert 0 < spot.x < diagram.width
        assert 0 < spot.y < diagram.height
    lanes: dict[float, list[tuple[float, float]]] = {}
    for y, begin, end, _from, _to in horizontals(diagram):
        assert begin < end
        lanes.setdefault(y, []).append((begin, end))
    for spans in lanes.values():
        for (_, end), (begin, _) in pairwise(sorted(spans)):
            assert begin >= end


@pytest.mark.parametrize(("name", "buses"), [("ieee33", 33), ("european-lv", 907)])
def test_the_built_in_feeders_are_readable(name: str, buses: int) -> None:
    diagram = lay_out(built_in(name), frozenset({"17"}))
    assert len(diagram.spots) == buses
    assert diagram.dense is (buses > 100)
    assert_readable(diagram)


def test_the_trunk_of_ieee33_is_straight() -> None:
    diagram = lay_out(built_in("ieee33"), frozenset())
    trunk = {spot.y for spot in diagram.spots if int(spot.name) <= 17}
    assert len(trunk) == 1


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=80))
def test_any_tree_is_readable(choices: list[int]) -> None:
    pairs = [(str(pick % (n + 1)), str(n + 1)) for n, pick in enumerate(choices)]
    diagram = lay_out(branches(pairs), frozenset())
    assert {spot.name for spot in diagram.spots} == {str(n) for n in range(len(choices) + 1)}
    assert_readable(diagram)


def test_no_branch_is_an_empty_diagram_and_an_island_is_left_out() -> None:
    assert lay_out([], frozenset()) == EMPTY
    diagram = lay_out(branches([("0", "1"), ("8", "9"), ("9", "8")]), frozenset())
    assert [spot.name for spot in diagram.spots] == ["0", "1"]
