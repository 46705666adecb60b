"""The operator page's data: one frame a second, made once for all who watch."""

from __future__ import annotations

import msgspec

from csms.api.deps import ApiDeps
from csms.domain.feeder_view import FeederView
from csms.web.frame import Frame, build_frame
from csms.web.layout import EMPTY, Diagram, lay_out
from csms.web.recent import Recent

FRAME_S = 1.0


class Board:
    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps
        self.recent = Recent(deps.clock)
        self._diagram = EMPTY
        self._topology = ""
        self._encoded = b""
        self._frame: Frame | None = None
        self._made_s = float("-inf")

    async def run(self) -> None:
        """Follow the live bus; for the application's lifespan."""
        await self.recent.run(self._deps.live)

    def diagram(self) -> Diagram:
        """The current feeder's layout, made anew when the feeder changes."""
        view = self._deps.feeder_view()
        topology = _topology_of(view)
        if topology != self._topology:
            chargers = frozenset(one.bus for one in view.evses) if view else frozenset()
            self._diagram = lay_out(view.branches, chargers) if view else EMPTY
            self._topology = topology
        return self._diagram

    def frame(self) -> Frame:
        """The newest frame, at most half a second old."""
        now_s = self._deps.clock.monotonic()
        if self._frame is None or now_s - self._made_s >= FRAME_S / 2:
            diagram = self.diagram()
            self._frame = build_frame(self._deps, self.recent, diagram, self._topology)
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
