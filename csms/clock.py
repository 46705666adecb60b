"""Time as an argument: nothing in the project asks the machine for it except the two clocks below."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, monotonic time for latencies and deadlines."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin; never goes back."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 the one place that may ask

    def monotonic(self) -> float:
        return time.monotonic()  # noqa: TID251 the one place that may ask


class MonotonicSource(Protocol):
    """Anything with an event loop's ``time()``."""

    def time(self) -> float: ...


class LoopClock:
    """Wall time derived from an event loop's own time, so that virtual time moves both together."""

    def __init__(self, loop: MonotonicSource, epoch: datetime) -> None:
        if epoch.tzinfo is None:
            raise ValueError("epoch must be aware")
        self._loop = loop
        self._epoch = epoch.astimezone(UTC)
        self._t0_s = loop.time()

    def now(self) -> datetime:
        return self._epoch + timedelta(seconds=self._loop.time() - self._t0_s)

    def monotonic(self) -> float:
        return self._loop.time()
