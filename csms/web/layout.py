"""Where each bus of a radial feeder stands in its one-line diagram. Pure.

The tree is cut into heavy paths: from each branching the longest arm runs straight on, the others turn off into the
nearest lane that is free over their whole length, above and below in turn. So the trunk is a straight line and laterals
hang off it as engineers draw them, for 33 buses as for 906.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from csms.domain.feeder_view import BranchView

MARGIN_PX = 30.0
HEIGHT_PX = 290.0
"""What the lanes share, within the bounds below."""
MIN_LANE_PX, MAX_LANE_PX = 56.0, 84.0
DENSE_LANE_PX = 22.0
WIDTH_PX = 1_080.0
DENSE_BUSES = 120
"""Above this only ends, branchings and buses with chargers get a mark of their own."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A bus in pixels of the view box; ``parent`` is ``None`` for the source."""

    name: str
    x: float
    y: float
    parent: str | None
    marked: bool


@dataclass(frozen=True, slots=True)
class Arm:
    """A branch as an SVG path."""

    from_bus: str
    to_bus: str
    path: str


@dataclass(frozen=True, slots=True)
class Diagram:
    width: float
    height: float
    dense: bool
    spots: tuple[Spot, ...]
    """In order from the source."""
    arms: tuple[Arm, ...]
    """In the order of ``spots`` without the source: the arm that leads to each."""


EMPTY = Diagram(WIDTH_PX, 120.0, dense=False, spots=(), arms=())


def lay_out(branches: Sequence[BranchView], charger_buses: frozenset[str]) -> Diagram:
    """The diagram of a tree; buses that the source does not reach are left out."""
    children: dict[str, list[str]] = defaultdict(list)
    parent: dict[str, str] = {}
    for branch in branches:
        if branch.to_bus not in parent:
            parent[branch.to_bus] = branch.from_bus
            children[branch.from_bus].append(branch.to_bus)
    source = next((branch.from_bus for branch in branches if branch.from_bus not in parent), None)
    if source is None:
        return EMPTY
    order = _from_source(source, children)
    reach = _reach(order, children)
    depth = {source: 0}
    for name in order[1:]:
        depth[name] = depth[parent[name]] + 1
    lane = _lanes(source, children, depth, reach)
    return _draw(order, parent, depth, lane, children, charger_buses)


def _from_source(source: str, children: dict[str, list[str]]) -> list[str]:
    order = [source]
    for name in order:
        order += children.get(name, ())
    return order


def _reach(order: list[str], children: dict[str, list[str]]) -> dict[str, int]:
    """How many buses the longest way from each bus to an end has."""
    reach: dict[str, int] = {}
    for name in reversed(order):
        reach[name] = 1 + max((reach[child] for child in children.get(name, ())), default=0)
    return reach


class _Lanes:
    """Which columns of which lane are taken, and from which bus each path turned off."""

    def __init__(self) -> None:
        self._taken: dict[int, list[tuple[int, int, str | None]]] = defaultdict(list)

    def take(self, lane: int, first: int, last: int, origin: str | None) -> None:
        self._taken[lane].append((first, last, origin))

    def nearest(self, home: int, first: int, last: int, origin: str, *, up: bool) -> int:
        """The free lane next to ``home``, reached without crossing another path if there is such a one."""
        reach = 1 + max(abs(lane - home) for lane in self._taken)
        near = [
            home + sign * away
            for away in range(1, reach + 1)
            for sign in ((-1, 1) if up else (1, -1))
        ]
        free = [lane for lane in near if self._is_free(lane, first, last)]
        return next((lane for lane in free if self._is_open(home, lane, first, origin)), free[0])

    def _is_free(self, lane: int, first: int, last: int) -> bool:
        return all(last < a or first > b for a, b, _ in self._taken.get(lane, ()))

    def _is_open(self, home: int, lane: int, column: int, origin: str) -> bool:
        """Whether nothing but paths of the same origin stands between: those share the riser."""
        return all(
            column < a or column > b or whose == origin
            for one in range(min(home, lane) + 1, max(home, lane))
            for a, b, whose in self._taken.get(one, ())
        )


def _lanes(
    source: str, children: dict[str, list[str]], depth: dict[str, int], reach: dict[str, int]
) -> dict[str, int]:
    lane: dict[str, int] = {}
    lanes = _Lanes()
    up = True
    waiting: list[tuple[str, str | None]] = [(source, None)]
    while waiting:
        # The path that begins farthest out goes first: it needs the space nearest to its own end.
        start, origin = waiting.pop()
        first = depth[start] if origin is None else depth[origin]
        last = depth[start] + reach[start] - 1
        if origin is None:
            here = 0
        else:
            here = lanes.nearest(lane[origin], first, last, origin, up=up)
            for one in range(min(here, lane[origin]) + 1, max(here, lane[origin])):
                lanes.take(one, first, first, origin)
            up = not up
        lanes.take(here, first, last, origin)
        waiting += _walk(start, here, lane, children, reach)
        waiting.sort(key=lambda pair: depth[pair[0]])
    return lane


def _walk(
    start: str,
    here: int,
    lane: dict[str, int],
    children: dict[str, list[str]],
    reach: dict[str, int],
) -> list[tuple[str, str | None]]:
    """Put the heavy path from ``start`` on lane ``here``; return the paths that turn off it."""
    off: list[tuple[str, str | None]] = []
    name = start
    while True:
        lane[name] = here
        following = children.get(name, [])
        if not following:
            return off
        straight = max(following, key=lambda child: reach[child])
        off += [(child, name) for child in following if child != straight]
        name = straight


def _draw(
    order: list[str],
    parent: dict[str, str],
    depth: dict[str, int],
    lane: dict[str, int],
    children: dict[str, list[str]],
    charger_buses: frozenset[str],
) -> Diagram:
    dense = len(order) > DENSE_BUSES
    step_px = (WIDTH_PX - 2 * MARGIN_PX) / max(1, *depth.values())
    top, bottom = min(lane.values()), max(lane.values())
    shared_px = HEIGHT_PX / max(1, bottom - top)
    lane_px = DENSE_LANE_PX if dense else min(MAX_LANE_PX, max(MIN_LANE_PX, shared_px))
    at = {
        name: (
            round(MARGIN_PX + depth[name] * step_px, 1),
            round(MARGIN_PX + (lane[name] - top) * lane_px, 1),
        )
        for name in order
    }
    spots = tuple(
        Spot(
            name=name,
            x=at[name][0],
            y=at[name][1],
            parent=parent.get(name),
            marked=not dense or name in charger_buses or len(children.get(name, ())) != 1,
        )
        for name in order
    )
    arms = tuple(
        Arm(from_bus=parent[name], to_bus=name, path=_elbow(at[parent[name]], at[name]))
        for name in order[1:]
    )
    height = 2 * MARGIN_PX + (bottom - top) * lane_px
    return Diagram(WIDTH_PX, height, dense=dense, spots=spots, arms=arms)


def _elbow(begin: tuple[float, float], end: tuple[float, float]) -> str:
    (x0, y0), (x1, y1) = begin, end
    return f"M{x0:g} {y0:g}H{x1:g}" if y0 == y1 else f"M{x0:g} {y0:g}V{y1:g}H{x1:g}"
