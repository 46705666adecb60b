"""Letting stations in and shutting them out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from csms.domain.errors import InvalidInput, NotFound
from csms.domain.records import StationRecord
from csms.gateway.handshake import is_station_id
from csms.gateway.knocks import Knock, Knocks
from csms.gateway.passwords import hash_password
from csms.gateway.ports import CloseReason, StationLink
from csms.ids import StationId
from csms.services.core import Core


class StationAdmission:
    """Accepts, renews and disables stations.

    ``new_password`` makes a random password that all versions can hold: 16 to 40 printable characters
    (1.6 whitepaper A00.FR.205, 2.0.1 A00.FR.204). ``least_profile`` is the security profile that a new station
    must at least use.
    """

    def __init__(
        self,
        core: Core,
        knocks: Callable[[], Knocks],
        link: Callable[[StationId], StationLink | None],
        new_password: Callable[[], str],
        *,
        least_profile: int,
    ) -> None:
        self._core = core
        self._knocks = knocks
        self._link = link
        self._new_password = new_password
        self._least_profile = least_profile

    def knocks(self) -> Sequence[Knock]:
        """Most recent first."""
        return self._knocks().latest()

    async def accept(self, station_id: StationId) -> str:
        """Let the station in with a new password, which is returned once and kept only as a hash."""
        if not is_station_id(station_id):
            raise InvalidInput(
                f"{station_id!r} cannot be a station id: 1 to 48 characters of a URL path"
            )
        password = self._new_password()
        hashed = await asyncio.to_thread(hash_password, password.encode())
        await self._core.journal.commit(
            StationRecord(
                station_id=station_id,
                password_hash=hashed,
                security_profile=self._least_profile,
                enabled=True,
            )
        )
        self._knocks().forget(station_id)
        self._core.live.publish("station", station_id)
        return password

    async def set_enabled(self, station_id: StationId, *, enabled: bool) -> None:
        """A disabled station is disconnected and no longer let in."""
        if await self._core.history.station(station_id) is None:
            raise NotFound(f"no station {station_id!r}")
        await self._core.journal.commit(StationRecord(station_id=station_id, enabled=enabled))
        link = self._link(station_id)
        if link is not None and not enabled:
            await link.close(CloseReason.KICKED)
        self._core.live.publish("station", station_id)
