"""The operator page's data: of each feeder one frame a second, made once for all who watch it."""

from __future__ import annotations

import msgspec

from csms.api.deps import ApiDeps
from csms.api.feeders import FeederPort, feeder_named
from csms.domain.feeder_view import FeederView
from csms.domain.fleet import StationState
from csms.web.frame import Frame, build_frame
from csms.web.layout import EMPTY, Diagram, lay_out
from csms.web.recent import Recent

FRAME_S = 1.0


class Board:
    """What is common to all feeders, and a board of each that was looked at."""

    def __init__(self, deps: ApiDeps) -> None:
        self.deps = deps
        self.recent = Recent(deps.clock)
        self._boards: dict[str, FeederBoard] = {}
        self._home = {
            station_id: feeder.name
            for feeder in deps.feeders.values()
            for station_id in feeder.stations
        }

    async def run(self) -> None:
        """Follow the live bus; for the application's lifespan."""
        await self.recent.run(self.deps.live)

    def of(self, name: str | None = None) -> FeederBoard:
        """The named feeder's, else the first one's. Raises ``NotFound``."""
        feeder = feeder_named(self.deps.feeders, name)
        if feeder.name not in self._boards:
            self._boards[feeder.name] = FeederBoard(self, feeder)
        return self._boards[feeder.name]

    def stations(self, feeder: FeederPort) -> list[StationState]:
        """Those of the feeder, and those that stand nowhere."""
        home, name = self._home, feeder.name
        return [one for one in self.deps.fleet if home.get(one.station_id, name) == name]


class FeederBoard:
    """One feeder's diagram and newest frame."""

    def __init__(self, board: Board, feeder: FeederPort) -> None:
        self._board = board
        self.feeder = feeder
        self._diagram = EMPTY
        self._topology = ""
        self._encoded = b""
        self._frame: Frame | None = None
        self._made_s = float("-inf")

    def diagram(self) -> Diagram:
        """The feeder's layout, made anew when it changes."""
        view = self.feeder.view
        topology = _topology_of(view)
        if topology != self._topology:
            chargers = frozenset(one.bus for one in view.evses) if view else frozenset()
            self._diagram = lay_out(view.branches, chargers) if view else EMPTY
            self._topology = topology
        return self._diagram

    def frame(self) -> Frame:
        """The newest frame, at most half a second old."""
        board = self._board
        now_s = board.deps.clock.monotonic()
        if self._frame is None or now_s - self._made_s >= FRAME_S / 2:
            diagram = self.diagram()
            stations = board.stations(self.feeder)
            self._frame = build_frame(
                board.deps, self.feeder, stations, board.recent, diagram, self._topology
            )
            self._encoded = msgspec.json.encode(self._frame)
            self._made_s = now_s
        return self._frame

    def encoded(self) -> bytes:
        self.frame()
        return self._encoded


def _topology_of(view: FeederView | None) -> str:
    if view is None:
        return ""
    chargers = len({one.bus for one in view.evses})
    return f"{view.feeder}/{len(view.branches)}/{chargers}"
