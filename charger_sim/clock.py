"""Time as an argument: wall time and monotonic time, from the event loop, by hand, or skewed as a
station's own clock is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time for timestamps, monotonic time for timers and deadlines."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin; never goes back."""
        ...


class TimeSource(Protocol):
    """Anything with an event loop's ``time()``."""

    def time(self) -> float: ...


class LoopClock:
    """Follows an event loop's ``time()``, so a virtual-time loop moves wall and monotonic together."""

    def __init__(self, loop: TimeSource, epoch: datetime) -> None:
        if epoch.tzinfo is None:
            raise ValueError("epoch must be an aware datetime")
        self._loop = loop
        self._epoch = epoch.astimezone(UTC)
        self._t0_s = loop.time()

    def now(self) -> datetime:
        return self._epoch + timedelta(seconds=self._loop.time() - self._t0_s)

    def monotonic(self) -> float:
        return self._loop.time()


class ManualClock:
    """Moves only when told to: for tests and for the runs that need no event loop."""

    def __init__(self, epoch: datetime) -> None:
        if epoch.tzinfo is None:
            raise ValueError("epoch must be an aware datetime")
        self._epoch = epoch.astimezone(UTC)
        self._t_s = 0.0

    def now(self) -> datetime:
        return self._epoch + timedelta(seconds=self._t_s)

    def monotonic(self) -> float:
        return self._t_s

    def advance(self, dt_s: float) -> None:
        """Moves forward by ``dt_s`` >= 0 seconds."""
        if dt_s < 0:
            raise ValueError(f"time does not go back (dt_s = {dt_s})")
        self._t_s += dt_s


class StationClock:
    """A station's own clock: ``skew_s`` ahead of ``base`` until the central system corrects it.

    ``stubborn`` keeps the skew: the fault of a station that ignores ``currentTime``.
    """

    def __init__(self, base: Clock, skew_s: float = 0.0, *, stubborn: bool = False) -> None:
        self._base = base
        self._skew = timedelta(seconds=skew_s)
        self._stubborn = stubborn

    def now(self) -> datetime:
        return self._base.now() + self._skew

    def monotonic(self) -> float:
        return self._base.monotonic()

    def sync(self, current_time: datetime) -> None:
        """Adopts the central system's time (B01.FR.06 and the Heartbeat use case)."""
        if not self._stubborn:
            self._skew = current_time - self._base.now()


def iso(moment: datetime) -> str:
    """RFC 3339 with milliseconds and ``Z``, at most 24 characters."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def parse_time(text: str) -> datetime:
    """Aware UTC from RFC 3339; a time without zone is taken as UTC. Raises ``ValueError``."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
