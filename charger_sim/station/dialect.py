"""What a version must know how to say; everything else a station does is the same in all three."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from charger_sim.station.evse import Evse
from charger_sim.station.rpc import Handler, Payload
from charger_sim.station.transaction import Transaction

if TYPE_CHECKING:
    from charger_sim.iso15118.backend import (
        CertificateResponse,
        ChargingNeeds,
        InstallCertificate,
        ReportSchedule,
    )
    from charger_sim.station.station import Station

Message = tuple[str, Payload]
"""Action and payload."""


class Contracts(Protocol):
    """How one OCPP version speaks of ISO 15118: contracts (C07, M01, M02), needs and schedules
    (K15, K16). What a version cannot say is ``None``."""

    def authorize(
        self, emaid: str, *, pem: str | None, hash_data: list[dict[str, str]]
    ) -> Message: ...

    def authorization(self, reply: Payload) -> tuple[Payload, str | None]:
        """The answer as :meth:`Dialect.authorized` reads it, and OCPP's certificateStatus.

        Raises ``ValueError``.
        """
        ...

    def installation(self, question: InstallCertificate) -> Message: ...

    def installed(self, reply: Payload) -> CertificateResponse | None:
        """``None`` where the central system has no contract. Raises ``ValueError``."""
        ...

    def needs(self, station: Station, evse: Evse, needs: ChargingNeeds) -> Message | None: ...

    def chosen(self, station: Station, evse: Evse, report: ReportSchedule) -> Message | None: ...

    def signing(self, csr_pem: str, certificate_type: str) -> Message:
        """SignCertificate."""
        ...


class Dialect(Protocol):
    """Builds messages and names the handlers of one OCPP version."""

    @property
    def contracts(self) -> Contracts: ...

    def handlers(self, station: Station) -> dict[str, Handler]: ...

    def boot(self, station: Station, reason: str) -> Payload: ...

    def status(self, station: Station, evse: Evse) -> Payload: ...

    def authorize(self, id_token: str) -> Payload: ...

    def authorized(self, reply: Payload, tx: Transaction | None) -> bool:
        """Reads any answer that judges an idToken; may note what it allows in ``tx``."""
        ...

    def tx_started(self, station: Station, tx: Transaction) -> None: ...

    def tx_sampled(self, station: Station, tx: Transaction, context: str) -> None: ...

    def tx_changed(self, station: Station, tx: Transaction, trigger: str) -> None: ...

    def tx_ended(self, station: Station, tx: Transaction, trigger: str) -> None: ...

    def accepted(self, station: Station) -> None:
        """The station has just been accepted (boot) or is back (reconnect)."""
        ...

    def ticked(self, station: Station) -> None:
        """Once a tick, after the physics."""
        ...
