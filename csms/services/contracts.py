"""Authorisation by contract certificate (C07), and one contract in two places at once.

The certificate and the contract are judged apart: a good certificate does not make a contract, and a contract that is
known does not excuse a bad certificate.
"""

from __future__ import annotations

import msgspec

from csms.domain.emaid import canonical_emaid
from csms.domain.events import AuthorizeAsked, AuthorizeReply
from csms.domain.fleet import StationState
from csms.domain.records import TokenRecord
from csms.domain.transaction import Transaction
from csms.domain.values import IdToken, TokenStatus
from csms.ids import TransactionId
from csms.services.core import Core
from csms.services.plug_and_charge import note_failure
from csms.services.tokens import check_token

EMAID = "eMAID"
_ENDED = frozenset(
    {TokenStatus.BLOCKED, TokenStatus.EXPIRED, TokenStatus.INVALID, TokenStatus.UNKNOWN}
)
_TOKEN_STATUS = {"CertificateExpired": TokenStatus.EXPIRED}
"""C07.FR.15; of any other bad certificate the token is Invalid (C07.FR.16, .17)."""


async def authorize_contract(
    core: Core, station: StationState, event: AuthorizeAsked
) -> AuthorizeReply:
    pnc = core.pnc
    if pnc is None:
        return _refusal("CertChainError")  # nobody is here who could judge a certificate
    verdict = await pnc.verifier.verify(event.certificate_pem, event.hash_data)
    if not verdict.is_good:
        info = f"{verdict.status} {verdict.detail}"
        await _note(core, station, "ContractCertificateRefused", info)
        return _refusal(verdict.status)
    if verdict.emaid is not None and canonical_emaid(verdict.emaid) != canonical_emaid(
        event.token.value
    ):
        await _note(
            core,
            station,
            "ContractOfAnother",
            f"{event.token.value} by the contract {verdict.emaid}",
        )
        return _refusal("CertChainError")
    reply = await check_token(core, event.token)
    by_chain = verdict.emaid is not None  # hash data do not say whose contract it is
    if reply.status is TokenStatus.UNKNOWN and pnc.accept_unknown_contracts and by_chain:
        # Written down, so that the transaction that follows is not refused.
        await core.journal.commit(TokenRecord(token=event.token))
        reply = AuthorizeReply(status=TokenStatus.ACCEPTED)
    if reply.status in _ENDED:
        return msgspec.structs.replace(reply, certificate_status="ContractCancelled")
    elsewhere = charging_elsewhere(core, station, event.token)
    if reply.status is TokenStatus.ACCEPTED and elsewhere is not None:
        await flag_two_places(core, station, event.token, elsewhere)
        if pnc.refuse_concurrent:
            reply = msgspec.structs.replace(reply, status=TokenStatus.CONCURRENT_TX)
    return msgspec.structs.replace(reply, certificate_status="Accepted")


def is_by_contract(core: Core, event: AuthorizeAsked) -> bool:
    """A contract's name proves nothing by itself: with Plug & Charge it needs its certificate."""
    proof = event.certificate_pem is not None or bool(event.hash_data)
    return proof or (core.pnc is not None and event.token.kind == EMAID)


def charging_elsewhere(
    core: Core, here: StationState, token: IdToken, own: TransactionId | None = None
) -> Transaction | None:
    """An open transaction of the same contract other than ``own``; before there is one, at another station."""
    contract = canonical_emaid(token.value)
    for station in core.fleet:
        if station is here and own is None:
            continue
        for tx in station.transactions.values():
            if (
                tx.token is not None
                and tx.token.kind == EMAID
                and canonical_emaid(tx.token.value) == contract
                and (station is not here or tx.transaction_id != own)
            ):
                return tx
    return None


async def flag_two_places(
    core: Core, station: StationState, token: IdToken, elsewhere: Transaction
) -> None:
    await _note(
        core,
        station,
        "ContractInTwoPlaces",
        f"{token.value} charges at {elsewhere.station_id} in transaction {elsewhere.transaction_id}",
    )


def _refusal(certificate_status: str) -> AuthorizeReply:
    return AuthorizeReply(
        status=_TOKEN_STATUS.get(certificate_status, TokenStatus.INVALID),
        certificate_status=certificate_status,
    )


async def _note(core: Core, station: StationState, kind: str, info: str) -> None:
    await note_failure(core.journal, core.clock, core.live, station.station_id, kind, info)
