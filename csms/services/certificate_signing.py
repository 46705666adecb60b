"""A station wants a certificate signed (A02, A03): accepted at once, sent by CertificateSigned when it is there."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from csms.clock import Clock
from csms.domain.certificates import (
    CertificateSigner,
    SigningAsked,
    SigningRefused,
    SigningReply,
    SigningUse,
)
from csms.domain.commands import CertificateSigned, CommandState
from csms.domain.errors import DomainError
from csms.domain.fleet import StationState
from csms.domain.ports import Journal
from csms.ids import StationId
from csms.services.command_desk import CommandDesk
from csms.services.core import Core
from csms.services.live import LiveBus
from csms.services.plug_and_charge import note_failure

ISSUER = "certificate signing"
ANSWER_S = 60.0
"""How long a station may take to install what it was sent."""


class CertificateSigning:
    """One request of a kind at a time per station: meanwhile another one is rejected, and the station tries later."""

    def __init__(
        self,
        signer: CertificateSigner,
        desk: CommandDesk,
        journal: Journal,
        clock: Clock,
        live: LiveBus,
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        self._signer = signer
        self._desk = desk
        self._journal = journal
        self._clock = clock
        self._live = live
        self._spawn = spawn
        self._open: set[tuple[StationId, SigningUse]] = set()

    def accept(self, station_id: StationId, asked: SigningAsked) -> SigningReply:
        key = (station_id, asked.use)
        if key in self._open:
            return SigningReply(accepted=False, reason="a request of this kind is being signed")
        self._open.add(key)
        self._spawn(self._run(station_id, asked), f"signing for {station_id}")
        return SigningReply(accepted=True)

    async def _run(self, station_id: StationId, asked: SigningAsked) -> None:
        try:
            await self._sign_and_send(station_id, asked)
        except SigningRefused as error:
            await self._note(station_id, "SigningRequestRefused", f"{asked.use}: {error}")
        except DomainError as error:
            await self._note(station_id, "CertificateNotSent", f"{asked.use}: {error.message}")
        finally:
            self._open.discard((station_id, asked.use))

    async def _sign_and_send(self, station_id: StationId, asked: SigningAsked) -> None:
        chain = await self._signer.sign(station_id, asked.csr_pem, asked.use)
        command = CertificateSigned(chain_pem=chain, use=asked.use, request_id=asked.request_id)
        record = await self._desk.push(station_id, command, issued_by=ISSUER, timeout_s=ANSWER_S)
        if record.state is not CommandState.ACCEPTED:
            await self._note(
                station_id,
                "CertificateNotInstalled",
                f"{asked.use}: {record.state} {record.status or ''} {record.reason or ''}",
            )

    async def _note(self, station_id: StationId, kind: str, info: str) -> None:
        await note_failure(self._journal, self._clock, self._live, station_id, kind, info)


async def signing_asked(core: Core, station: StationState, event: SigningAsked) -> SigningReply:
    if core.pnc is None or core.pnc.signing is None:
        return SigningReply(accepted=False, reason="no certificate authority is configured")
    return core.pnc.signing.accept(station.station_id, event)
