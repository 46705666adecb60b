"""What an Authorize by contract is answered: certificate and contract judged apart (C07.FR.13 to .17)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from csms.domain.certificates import ChainStatus, ChainStatusQuery, ContractVerdict
from csms.domain.events import AuthorizeAsked, AuthorizeReply, TransactionPhase, TransactionTold
from csms.domain.fleet import Fleet
from csms.domain.records import SecurityRecord, TokenRecord
from csms.domain.values import IdToken, TokenStatus
from csms.ids import StationId, TransactionId
from csms.services.authorization import authorize
from csms.services.core import Core, Policy
from csms.services.live import LiveBus
from csms.services.plug_and_charge import PlugAndCharge
from csms.services.transactions import transaction_told
from tests.unit.services.fakes import T0, FakeClock, FakeStore

EMAID = "DEACMC12345678X"
TOKEN = IdToken(value=EMAID, kind="eMAID")


class Verifier:
    """Says what it was told to say."""

    def __init__(self, status: str, emaid: str | None) -> None:
        self.verdict = ContractVerdict(status=status, emaid=emaid)
        self.asked: list[tuple[str | None, tuple[dict[str, str], ...]]] = []

    async def verify(
        self, chain_pem: str | None, hash_data: Sequence[dict[str, str]]
    ) -> ContractVerdict:
        self.asked.append((chain_pem, tuple(hash_data)))
        return self.verdict


class NoStatuses:
    async def ocsp_result(self, ocsp: dict[str, str]) -> bytes | None:
        return None

    async def chain_status(self, query: ChainStatusQuery) -> ChainStatus:
        raise NotImplementedError


class Bench:
    def __init__(
        self, status: str = "Accepted", emaid: str | None = EMAID, *, off: bool = False, **how: Any
    ) -> None:
        self.store, self.fleet, self.live = FakeStore(), Fleet(), LiveBus()
        self.verifier = Verifier(status, emaid)
        pnc = PlugAndCharge(verifier=self.verifier, statuses=NoStatuses(), **how)
        self.core = Core(
            fleet=self.fleet,
            journal=self.store,
            history=self.store,  # type: ignore[arg-type]
            live=self.live,
            clock=FakeClock(),
            policy=Policy(),
            pnc=None if off else pnc,
        )

    def know(self, status: TokenStatus, value: str = EMAID, **fields: Any) -> None:
        token = IdToken(value=value, kind="eMAID")
        self.store.tokens_by_key[token.key] = TokenRecord(token=token, status=status, **fields)

    async def ask(self, token: IdToken = TOKEN, pem: str | None = "PEM") -> AuthorizeReply:
        station = self.fleet.station(StationId("CP1"))
        event = AuthorizeAsked(token=token, certificate_pem=pem)
        return await authorize(self.core, station, event)

    async def start(self, station_id: str, transaction_id: str, evse_id: int = 1) -> None:
        told = TransactionTold(
            phase=TransactionPhase.STARTED,
            transaction_id=TransactionId(transaction_id),
            at=T0,
            seq_no=0,
            evse_id=evse_id,
            token=TOKEN,
        )
        await transaction_told(self.core, self.fleet.station(StationId(station_id)), told)

    @property
    def flagged(self) -> list[str]:
        return [r.kind for r in self.store.records if isinstance(r, SecurityRecord)]


@pytest.mark.parametrize(
    ("certificate", "token"),
    [
        ("CertificateExpired", TokenStatus.EXPIRED),
        ("CertificateRevoked", TokenStatus.INVALID),
        ("CertChainError", TokenStatus.INVALID),
        ("SignatureError", TokenStatus.INVALID),
        ("NoCertificateAvailable", TokenStatus.INVALID),
    ],
)
async def test_a_bad_certificate_refuses_a_good_contract(
    certificate: str, token: TokenStatus
) -> None:
    bench = Bench(certificate)
    bench.know(TokenStatus.ACCEPTED)
    reply = await bench.ask()
    assert (reply.certificate_status, reply.status) == (certificate, token)
    assert bench.flagged == ["ContractCertificateRefused"]


@pytest.mark.parametrize(
    ("token", "certificate"),
    [
        (TokenStatus.ACCEPTED, "Accepted"),
        (TokenStatus.CONCURRENT_TX, "Accepted"),
        (TokenStatus.NO_CREDIT, "Accepted"),
        (TokenStatus.NOT_AT_THIS_LOCATION, "Accepted"),
        (TokenStatus.BLOCKED, "ContractCancelled"),
        (TokenStatus.EXPIRED, "ContractCancelled"),
        (TokenStatus.INVALID, "ContractCancelled"),
    ],
)
async def test_a_good_certificate_does_not_make_a_contract(
    token: TokenStatus, certificate: str
) -> None:
    bench = Bench()
    bench.know(token)
    reply = await bench.ask()
    assert (reply.status, reply.certificate_status) == (token, certificate)


async def test_a_contract_that_has_run_out_is_cancelled() -> None:
    bench = Bench()
    bench.know(TokenStatus.ACCEPTED, expires=T0 - timedelta(seconds=1))
    reply = await bench.ask()
    assert (reply.status, reply.certificate_status) == (TokenStatus.EXPIRED, "ContractCancelled")


@pytest.mark.parametrize("spelling", ["DE-ACM-C12345678-X", "deacmc12345678", "DE-ACM-C12345678"])
async def test_the_list_may_spell_the_contract_in_any_way(spelling: str) -> None:
    bench = Bench(emaid="DE-ACM-C12345678-X")
    bench.know(TokenStatus.ACCEPTED, spelling)
    assert (await bench.ask()).status is TokenStatus.ACCEPTED


async def test_an_unknown_contract_is_refused_unless_the_operator_takes_all() -> None:
    reply = await Bench().ask()
    assert (reply.status, reply.certificate_status) == (TokenStatus.UNKNOWN, "ContractCancelled")
    taking_all = Bench(accept_unknown_contracts=True)
    assert (await taking_all.ask()).status is TokenStatus.ACCEPTED
    bad = Bench("CertChainError", accept_unknown_contracts=True)
    assert (await bad.ask()).status is TokenStatus.INVALID
    assert bad.store.tokens_by_key == {}
    by_hash_data = Bench(emaid=None, accept_unknown_contracts=True)
    assert (await by_hash_data.ask()).status is TokenStatus.UNKNOWN


async def test_the_certificate_of_one_contract_is_no_proof_of_another() -> None:
    bench = Bench(emaid="DEACMC87654321Y")
    bench.know(TokenStatus.ACCEPTED)
    reply = await bench.ask()
    assert (reply.status, reply.certificate_status) == (TokenStatus.INVALID, "CertChainError")
    assert bench.flagged == ["ContractOfAnother"]


async def test_an_emaid_alone_proves_nothing_and_a_card_needs_no_certificate() -> None:
    bench = Bench("NoCertificateAvailable")
    bench.know(TokenStatus.ACCEPTED)
    assert (await bench.ask(pem=None)).certificate_status == "NoCertificateAvailable"
    bench.know(TokenStatus.ACCEPTED, "04AABBCC")
    card = await bench.ask(IdToken(value="04AABBCC", kind="ISO14443"), pem=None)
    assert (card.status, card.certificate_status) == (TokenStatus.ACCEPTED, None)


async def test_with_plug_and_charge_off_no_certificate_is_taken_on_trust() -> None:
    bench = Bench(off=True)
    bench.know(TokenStatus.ACCEPTED)
    reply = await bench.ask()
    assert (reply.status, reply.certificate_status) == (TokenStatus.INVALID, "CertChainError")
    assert (await bench.ask(pem=None)).status is TokenStatus.ACCEPTED


async def test_a_second_place_is_flagged_at_authorize_and_at_the_start() -> None:
    bench = Bench()
    bench.know(TokenStatus.ACCEPTED)
    await bench.start("CP2", "a")
    assert bench.flagged == []
    reply = await bench.ask()
    assert (reply.status, bench.flagged) == (TokenStatus.ACCEPTED, ["ContractInTwoPlaces"])
    await bench.start("CP1", "b")
    assert bench.flagged == ["ContractInTwoPlaces"] * 2


async def test_a_second_evse_of_the_same_station_is_another_place_and_a_retelling_is_none() -> None:
    bench = Bench()
    bench.know(TokenStatus.ACCEPTED)
    await bench.start("CP1", "a")
    await bench.start("CP1", "a")
    assert (await bench.ask()).status is TokenStatus.ACCEPTED
    assert bench.flagged == []
    await bench.start("CP1", "b", evse_id=2)
    assert bench.flagged == ["ContractInTwoPlaces"]
