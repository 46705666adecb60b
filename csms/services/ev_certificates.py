"""A car wants its contract certificate installed or renewed (M01, M02)."""

from __future__ import annotations

from csms.domain.certificates import EvCertificateAsked, EvCertificateReply, ProvisioningFailed
from csms.domain.fleet import StationState
from csms.services.core import Core
from csms.services.plug_and_charge import note_failure


async def ev_certificate_asked(
    core: Core, station: StationState, event: EvCertificateAsked
) -> EvCertificateReply:
    if core.pnc is None or core.pnc.provisioning is None:
        return EvCertificateReply(exi_response=None, reason="no provisioning service is configured")
    try:
        return await core.pnc.provisioning.provide(event)
    except ProvisioningFailed as error:
        await note_failure(
            core.journal,
            core.clock,
            core.live,
            station.station_id,
            "ProvisioningFailed",
            str(error),
        )
        return EvCertificateReply(exi_response=None, reason=str(error))
