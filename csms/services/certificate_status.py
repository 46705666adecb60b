"""A station wants to know whether certificates are revoked (M06; 2.1 GetCertificateChainStatus)."""

from __future__ import annotations

import asyncio
import base64

from csms.domain.certificates import (
    CertificateStatusAsked,
    CertificateStatusReply,
    ChainStatus,
    ChainStatusAsked,
    ChainStatusReply,
)
from csms.domain.fleet import StationState
from csms.services.core import Core


async def certificate_status_asked(
    core: Core,
    station: StationState,  # noqa: ARG001
    event: CertificateStatusAsked,
) -> CertificateStatusReply:
    answer = None if core.pnc is None else await core.pnc.statuses.ocsp_result(event.ocsp)
    if answer is None:
        return CertificateStatusReply(ocsp_result=None, reason="no responder answered")
    text = base64.b64encode(answer).decode()
    if len(text) > event.max_result_chars:
        reason = f"an answer of {len(text)} characters, the station takes {event.max_result_chars}"
        return CertificateStatusReply(ocsp_result=None, reason=reason)
    return CertificateStatusReply(ocsp_result=text)


async def chain_status_asked(
    core: Core,
    station: StationState,  # noqa: ARG001
    event: ChainStatusAsked,
) -> ChainStatusReply:
    pnc = core.pnc
    if pnc is None:
        now = core.clock.now()
        return ChainStatusReply(
            statuses=tuple(
                ChainStatus(
                    hash_data=query.hash_data, source=query.source, status="Failed", next_update=now
                )
                for query in event.queries
            )
        )
    found = await asyncio.gather(*(pnc.statuses.chain_status(query) for query in event.queries))
    return ChainStatusReply(statuses=tuple(found))
