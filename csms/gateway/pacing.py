"""How fast one station may send. Pure: the time comes in as an argument."""

from __future__ import annotations


class Pacer:
    """The generic cell rate algorithm (ITU-T I.371): ``rate_per_s`` sustained, ``burst`` at once.

    A station over its rate is read more slowly, never refused: TCP carries the pressure back to it.
    """

    __slots__ = ("_due_s", "_interval_s", "_tolerance_s")

    def __init__(self, rate_per_s: float, burst: int) -> None:
        self._interval_s = 1.0 / rate_per_s
        self._tolerance_s = burst / rate_per_s
        self._due_s = 0.0

    def delay_s(self, now_s: float) -> float:
        """Charge one message; the seconds to wait before the next is read."""
        self._due_s = max(self._due_s, now_s) + self._interval_s
        return max(0.0, self._due_s - now_s - self._tolerance_s)
