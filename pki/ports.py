"""What the PKI asks of its surroundings: the time and random octets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, TypeAlias


class Clock(Protocol):
    """Wall time; any object with an aware ``now()`` serves."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 the one place that may ask


RandomBytes: TypeAlias = Callable[[int], bytes]
"""``os.urandom`` in production; a seeded source makes a simulation repeatable."""
