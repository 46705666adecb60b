"""A heap of timers that somebody else advances: no event loop, hence the same in tests and swarms."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class Timer:
    """One scheduled call; ``cancel`` is idempotent."""

    __slots__ = ("action", "due_s")

    def __init__(self, due_s: float, action: Callable[[], None]) -> None:
        self.due_s = due_s
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class Timers:
    """Calls in order of due time, ties in order of creation."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._heap: list[tuple[float, int, Timer]] = []
        self._serial = count()

    def after(self, delay_s: float, action: Callable[[], None]) -> Timer:
        timer = Timer(self._monotonic() + max(0.0, delay_s), action)
        heapq.heappush(self._heap, (timer.due_s, next(self._serial), timer))
        return timer

    def run_due(self) -> None:
        """Runs everything due now, and what that makes due now."""
        while self._heap and self._heap[0][0] <= self._monotonic():
            _, _, timer = heapq.heappop(self._heap)
            if timer.action is not None:
                action, timer.action = timer.action, None
                action()

    def next_due_s(self) -> float | None:
        """Monotonic time of the next call, or ``None``."""
        while self._heap and self._heap[0][2].action is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
