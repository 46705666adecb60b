"""No one person commands a whole fleet (G8): beyond a number of stations in a while a second person must release it.

A stolen key or a wrong loop in a script can switch thousands of chargers at once; no profile of a single station shows
it. Dispatch and the other services of the system itself are held by guards of their own.
"""

from __future__ import annotations

from csms.clock import Clock
from csms.domain.commands import (
    Command,
    GetCompositeSchedule,
    GetDerControls,
    GetInstalledCertificates,
    GetReport,
    GetVariables,
)
from csms.domain.errors import InvalidInput
from csms.ids import StationId

WINDOW_S = 600.0
ALONE_LEAST, ALONE_FRAC = 10, 0.1
"""Stations that one person may command within the window: this many, or this share of the fleet if that is more."""
_ONLY_READ = (
    GetCompositeSchedule,
    GetDerControls,
    GetInstalledCertificates,
    GetReport,
    GetVariables,
)


class FleetBrake:
    """Remembers who commanded which stations. People are named as the audit log has them: ``key:ID``, ``login:ID``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told_s: dict[str, dict[StationId, float]] = {}
        self._released_until_s: dict[str, float] = {}

    def lets(self, who: str, station_id: StationId, command: Command, fleet_size: int) -> bool:
        """Whether ``who`` may give it alone, or was released; it then counts."""
        if isinstance(command, _ONLY_READ):
            return True
        now_s, person = self._clock.monotonic(), _person(who)
        told_s = self._told_s.setdefault(person, {})
        for known in [known for known, at_s in told_s.items() if at_s <= now_s - WINDOW_S]:
            del told_s[known]
        alone = max(ALONE_LEAST, int(ALONE_FRAC * fleet_size))
        is_released = now_s < self._released_until_s.get(person, 0.0)
        if not is_released and station_id not in told_s and len(told_s) >= alone:
            return False
        told_s[station_id] = now_s
        return True

    def release(self, who: str, by: str) -> None:
        """``by`` lets ``who`` command any number for the next window. Raises ``InvalidInput`` for one and the same."""
        if _person(who) == _person(by):
            raise InvalidInput("a second person must release it, with a key of their own")
        self._released_until_s[_person(who)] = self._clock.monotonic() + WINDOW_S


def _person(who: str) -> str:
    """A browser session that was opened with a key is the key's owner."""
    return who.partition(":")[2]
