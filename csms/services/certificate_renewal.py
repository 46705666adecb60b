"""Certificates that end soon: their stations are asked to have new ones signed (A02, F06; a month ahead, A03.FR.02).

Stations look after that themselves; this is for those that forget. Only connected ones are asked, once a day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from csms.clock import Clock
from csms.domain.certificates import ExpiringCertificate, SigningUse
from csms.domain.commands import Trigger
from csms.domain.errors import DomainError
from csms.domain.fleet import Fleet
from csms.ids import StationId
from csms.services.command_desk import CommandDesk
from csms.services.live import LiveBus

ISSUER = "certificate renewal"
AHEAD = timedelta(days=30)
AGAIN_AFTER = timedelta(days=1)
LOOK_EVERY_S = 3_600.0

_MESSAGES = {
    SigningUse.STATION: "SignChargingStationCertificate",
    SigningUse.V2G: "SignV2GCertificate",
    SigningUse.V2G_20: "SignV2G20Certificate",
}


class CertificateRenewal:
    """``expiring`` tells which certificates in use end before a time."""

    def __init__(
        self,
        expiring: Callable[[datetime], Sequence[ExpiringCertificate]],
        fleet: Fleet,
        desk: CommandDesk,
        live: LiveBus,
        clock: Clock,
    ) -> None:
        self._expiring = expiring
        self._fleet = fleet
        self._desk = desk
        self._live = live
        self._clock = clock
        self._asked: dict[tuple[StationId, SigningUse], datetime] = {}

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> int:
        """Ask whoever is to be asked now; how many were."""
        now = self._clock.now()
        count = 0
        for certificate in self._expiring(now + AHEAD):
            key = (certificate.station_id, certificate.use)
            station = self._fleet.get(certificate.station_id)
            asked = self._asked.get(key)
            if station is None or not station.connected:
                continue
            if asked is not None and now - asked < AGAIN_AFTER:
                continue
            self._asked[key] = now
            await self._ask(certificate, station.version)
            count += 1
        return count

    async def _ask(self, certificate: ExpiringCertificate, version: str | None) -> None:
        message = _MESSAGES[certificate.use]
        if version == "1.6" and certificate.use is SigningUse.STATION:
            message = "SignChargePointCertificate"
        try:
            await self._desk.push(
                certificate.station_id, Trigger(message=message), issued_by=ISSUER
            )
        except DomainError as error:
            self._live.publish(
                "alarm",
                f"{certificate.station_id}: {certificate.use} ends {certificate.not_after:%Y-%m-%d}"
                f" and the station cannot be asked to renew it: {error.message}",
            )
