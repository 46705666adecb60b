"""Real sockets in hurried time: when no socket has anything to say, the clock jumps to the next timer.

For a process that talks to itself over loopback, where whatever was written is readable at once; threads would be
overtaken, so the store and the planner work inline.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

GRACE_S = 0.0002
"""So long a socket may keep the clock waiting."""
PATIENCE_S = 30.0


class _Warping(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            ready = super().select(PATIENCE_S)
            assert ready, "nothing is ready and no timer is set"
            return ready
        ready = super().select(min(timeout, GRACE_S))
        if not ready and timeout > 0:
            self.now_s += timeout
        return ready


class WarpLoop(asyncio.SelectorEventLoop):
    """``time()`` starts at 0 and moves only when every task and socket waits."""

    def __init__(self) -> None:
        self._warping = _Warping()
        super().__init__(self._warping)

    def time(self) -> float:
        return self._warping.now_s


def run_warped(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=WarpLoop) as runner:
        return runner.run(main)
