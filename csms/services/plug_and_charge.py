"""What the use cases of Plug & Charge and of certificates are handed, and how their failures are written down."""

from __future__ import annotations

from dataclasses import dataclass

from csms.clock import Clock
from csms.domain.certificates import (
    CertificateStatuses,
    ContractProvisioning,
    ContractVerifier,
    SigningQueue,
)
from csms.domain.ports import Journal
from csms.domain.records import SecurityRecord
from csms.ids import StationId
from csms.services.live import LiveBus


@dataclass(frozen=True, slots=True, kw_only=True)
class PlugAndCharge:
    verifier: ContractVerifier
    statuses: CertificateStatuses
    provisioning: ContractProvisioning | None = None
    signing: SigningQueue | None = None
    accept_unknown_contracts: bool = False
    """A contract that verifies to a trusted root may charge though its eMAID is in no list."""
    refuse_concurrent: bool = False
    """Refuse a contract that charges elsewhere; it is flagged either way."""


async def note_failure(
    journal: Journal, clock: Clock, live: LiveBus, station_id: StationId, kind: str, info: str
) -> None:
    """Among the security events and as an alarm. Raises ``StoreUnavailable``."""
    now = clock.now()
    await journal.commit(
        SecurityRecord(
            station_id=station_id, kind=kind, at=now, received=now, info=info[:255], critical=True
        )
    )
    live.publish("alarm", f"{station_id}: {kind}: {info}")
