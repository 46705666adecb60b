"""Contracts judged by chain and by hash data: every word of C07.FR.13 to .17."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from csms.domain.certificates import ChainStatusQuery
from csms.pnc.contract import ChainVerifier
from csms.pnc.http import HttpAnswer
from csms.pnc.ocsp import OcspLookup
from csms.pnc.status import StatusService
from csms.pnc.trust import Trust, TrustStore
from pki.hash_data import hash_data, ocsp_request
from pki.issue import Pki
from pki.leaf import Credential
from pki.ocsp import Responder
from pki.profiles import Role, Suite
from pki.revoke import make_crl, revoke
from tests.unit.pki.support import (
    EMAID,
    NOW,
    OCSP_URL,
    credential,
    lists,
    new_pki,
    root,
    shared_credential,
    shared_pki,
)
from tests.unit.pnc.support import Clock, FakeHttp, ok


class Bench:
    def __init__(self, pki: Pki, suite: Suite, *, crls: bool = False, answers: bool = True) -> None:
        self.pki, self.suite, self.clock = pki, suite, Clock()
        self.http = FakeHttp()
        if answers:
            self.http.answers[OCSP_URL] = lambda body: ok(Responder(pki).answer(body))
        self.trust = Trust(
            roots=(root(pki, suite),),
            authorities=shared_credential(suite, Role.CONTRACT).issued.intermediates
            if pki is shared_pki(suite)
            else (),
            crls=lists(pki).crls if crls else (),
        )
        self.lookup = OcspLookup(self.http, self.clock, ("ocsp.example.com",), timeout_s=1.5)

    @property
    def verifier(self) -> ChainVerifier:
        return ChainVerifier(TrustStore(self.trust), self.lookup, self.clock, budget_s=1.5)

    async def by_chain(self, contract: Credential) -> tuple[str, str | None]:
        verdict = await self.verifier.verify(contract.issued.chain_pem.decode(), ())
        return verdict.status, verdict.emaid

    async def by_hash(self, chain: Sequence[x509.Certificate]) -> str:
        return (await self.verifier.verify(None, entries(chain, self.trust.roots[0]))).status


def entries(chain: Sequence[x509.Certificate], top: x509.Certificate) -> list[dict[str, str]]:
    """iso15118CertificateHashData of a whole chain."""
    above = [*chain[1:], top]
    return [
        hash_data(each, issuer).to_ocpp() | {"responderURL": OCSP_URL}
        for each, issuer in zip(chain, above, strict=True)
    ]


@pytest.mark.parametrize("suite", [Suite.ISO_2, Suite.ISO_20, Suite.ISO_20_ED448])
async def test_a_good_chain_is_accepted_by_ocsp(suite: Suite) -> None:
    bench = Bench(shared_pki(suite), suite)
    contract = shared_credential(suite, Role.CONTRACT)
    assert await bench.by_chain(contract) == ("Accepted", EMAID)
    assert len(bench.http.asked) == 3  # leaf and both Sub-CAs


async def test_lists_settle_it_without_asking() -> None:
    bench = Bench(shared_pki(Suite.ISO_2), Suite.ISO_2, crls=True)
    contract = shared_credential(Suite.ISO_2, Role.CONTRACT)
    assert await bench.by_chain(contract) == ("Accepted", EMAID)
    assert bench.http.asked == []


async def test_a_contract_of_which_nothing_can_be_learnt_is_refused() -> None:
    bench = Bench(shared_pki(Suite.ISO_2), Suite.ISO_2, answers=False)
    contract = shared_credential(Suite.ISO_2, Role.CONTRACT)
    assert await bench.by_chain(contract) == ("CertChainError", None)
    assert await bench.by_hash(contract.issued.chain) == "CertChainError"


async def test_nobody_is_asked_about_a_chain_that_ends_in_no_root_of_ours() -> None:
    bench = Bench(new_pki(Suite.ISO_2, seed=2), Suite.ISO_2)
    contract = shared_credential(Suite.ISO_2, Role.CONTRACT)
    assert await bench.by_chain(contract) == ("CertChainError", None)
    assert bench.http.asked == []


async def test_a_revoked_contract_is_refused_in_both_ways() -> None:
    pki = new_pki(Suite.ISO_2)
    contract = credential(pki, Suite.ISO_2, Role.CONTRACT)
    bench = Bench(pki, Suite.ISO_2)
    bench.trust = replace(bench.trust, authorities=contract.issued.intermediates)
    assert await bench.by_hash(contract.issued.chain) == "Accepted"
    revoke(pki, contract.issued.certificate.serial_number)
    assert await bench.by_hash(contract.issued.chain) == "Accepted"  # the answer kept still holds
    bench.lookup = OcspLookup(bench.http, bench.clock, ("ocsp.example.com",), timeout_s=1.5)
    assert await bench.by_hash(contract.issued.chain) == "CertificateRevoked"
    assert await bench.by_chain(contract) == ("CertificateRevoked", None)


async def test_a_contract_is_refused_after_its_end() -> None:
    bench = Bench(shared_pki(Suite.ISO_2), Suite.ISO_2)
    bench.clock.move(days=3 * 365)
    contract = shared_credential(Suite.ISO_2, Role.CONTRACT)
    assert (await bench.by_chain(contract))[0] == "CertificateExpired"


async def test_another_kind_of_certificate_is_no_contract() -> None:
    bench = Bench(shared_pki(Suite.ISO_2), Suite.ISO_2)
    secc = shared_credential(Suite.ISO_2, Role.SECC)
    assert (await bench.by_chain(secc))[0] == "CertChainError"


@pytest.mark.parametrize("pem", ["", " ", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA"])
async def test_what_is_no_chain_is_refused_in_ocpps_words(pem: str) -> None:
    bench = Bench(shared_pki(Suite.ISO_2), Suite.ISO_2)
    status = (await bench.verifier.verify(pem, ())).status
    assert status == ("NoCertificateAvailable" if not pem.strip() else "CertChainError")


async def test_nothing_to_judge_is_no_certificate() -> None:
    bench = Bench(shared_pki(Suite.ISO_2), Suite.ISO_2)
    assert (await bench.verifier.verify(None, ())).status == "NoCertificateAvailable"


async def test_hash_data_of_a_good_chain_is_accepted() -> None:
    bench = Bench(shared_pki(Suite.ISO_2), Suite.ISO_2)
    contract = shared_credential(Suite.ISO_2, Role.CONTRACT)
    assert await bench.by_hash(contract.issued.chain) == "Accepted"


async def test_hash_data_of_an_unknown_authority_is_refused_though_somebody_says_good() -> None:
    """The station names the responder itself, so an answer that nobody can check proves nothing."""
    other = new_pki(Suite.ISO_2, seed=2)
    contract = credential(other, Suite.ISO_2, Role.CONTRACT)
    bench = Bench(shared_pki(Suite.ISO_2), Suite.ISO_2)
    bench.http.answers[OCSP_URL] = lambda body: ok(Responder(other).answer(body))
    assert await bench.by_hash(contract.issued.chain[:1]) == "CertChainError"


async def test_an_answer_signed_by_another_pki_is_not_believed() -> None:
    bench = Bench(shared_pki(Suite.ISO_2), Suite.ISO_2)
    contract = shared_credential(Suite.ISO_2, Role.CONTRACT)
    other = new_pki(Suite.ISO_2, seed=2)
    stranger = credential(other, Suite.ISO_2, Role.CONTRACT)
    question = hash_data(stranger.issued.certificate, stranger.issued.intermediates[0])

    bench.http.answers[OCSP_URL] = lambda _body: ok(Responder(other).answer(ocsp_request(question)))
    assert await bench.by_hash(contract.issued.chain[:1]) == "CertChainError"


@pytest.mark.parametrize(
    "changed",
    [
        {"serialNumber": "0"},
        {"serialNumber": "f" * 40},
        {"serialNumber": "zz"},
        {"issuerNameHash": "ab"},
        {"hashAlgorithm": "MD5"},
    ],
)
async def test_hash_data_that_cannot_be_meant_are_a_chain_error(changed: dict[str, str]) -> None:
    bench = Bench(shared_pki(Suite.ISO_2), Suite.ISO_2)
    contract = shared_credential(Suite.ISO_2, Role.CONTRACT)
    entry = entries(contract.issued.chain, bench.trust.roots[0])[0] | changed
    assert (await bench.verifier.verify(None, [entry])).status == "CertChainError"


@pytest.mark.parametrize("source", ["OCSP", "CRL"])
async def test_chain_status_tells_good_and_revoked(source: str) -> None:
    pki = new_pki(Suite.ISO_2)
    contract = credential(pki, Suite.ISO_2, Role.CONTRACT)
    issuer = contract.issued.intermediates[0]
    bench = Bench(pki, Suite.ISO_2)
    trust = Trust(roots=bench.trust.roots, authorities=contract.issued.intermediates)
    url = OCSP_URL if source == "OCSP" else "http://ocsp.example.com/mo.crl"
    bench.http.answers["http://ocsp.example.com/mo.crl"] = lambda _body: ok(
        make_crl(pki, contract.issued.issuer).public_bytes(Encoding.DER)
    )
    query = ChainStatusQuery(
        hash_data=hash_data(contract.issued.certificate, issuer).to_ocpp(),
        source=source,
        urls=(url,),
    )

    def service() -> StatusService:
        lookup = OcspLookup(bench.http, bench.clock, ("ocsp.example.com",), timeout_s=1.5)
        return StatusService(TrustStore(trust), lookup, bench.http, bench.clock, timeout_s=1.5)

    good = await service().chain_status(query)
    assert (good.status, good.source, good.hash_data) == ("Good", source, query.hash_data)
    assert good.next_update > NOW
    revoke(pki, contract.issued.certificate.serial_number)
    assert (await service().chain_status(query)).status == "Revoked"
    elsewhere = ChainStatusQuery(
        hash_data=query.hash_data, source=source, urls=("http://evil.example.com/x",)
    )
    assert (await service().chain_status(elsewhere)).status == "Failed"


class Hanging:
    """A responder's network that never comes back."""

    async def request(self, *args: object, **fields: object) -> HttpAnswer:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


async def test_a_responder_that_hangs_holds_a_car_up_no_longer_than_the_budget() -> None:
    """Ends at all: the client's own time-out is not relied upon."""
    pki, clock = shared_pki(Suite.ISO_2), Clock()
    contract = shared_credential(Suite.ISO_2, Role.CONTRACT)
    trust = Trust(roots=(root(pki, Suite.ISO_2),), authorities=contract.issued.intermediates)
    lookup = OcspLookup(Hanging(), clock, ("ocsp.example.com",), timeout_s=1.5)  # type: ignore[arg-type]
    verifier = ChainVerifier(TrustStore(trust), lookup, clock, budget_s=0.01)
    chain = contract.issued.chain_pem.decode()
    assert (await verifier.verify(chain, ())).status == "CertChainError"
    hashes = entries(contract.issued.chain, trust.roots[0])
    assert (await verifier.verify(None, hashes)).status == "CertChainError"
