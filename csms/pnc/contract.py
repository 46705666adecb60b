"""Is this contract good? By its chain where the station sent it, else by hash data (C07.FR.05, .13 to .17).

Revocation is mandatory: a contract of which nothing can be learnt is refused as CertChainError, and so is hash data
of an authority that is not known here, since nobody could then check who signed the OCSP answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from cryptography import x509
from cryptography.x509 import ocsp as x509_ocsp
from cryptography.x509.oid import NameOID

from csms.clock import Clock
from csms.domain.certificates import ContractVerdict
from csms.pnc.ocsp import OcspLookup
from csms.pnc.trust import Trust, TrustStore, ocsp_urls, path_to_root
from pki.evidence import Evidence, EvidenceError, ocsp_status_by_hash
from pki.hash_data import HashData, from_ocpp, hash_data
from pki.profiles import Role
from pki.verify import CertificateStatus, Reason, Verdict, verify

MAX_HASH_DATA = 4


class ChainVerifier:
    """The built-in ``ContractVerifier``. ``budget_s`` bounds all OCSP questions of one contract together."""

    def __init__(
        self, trust: TrustStore, lookup: OcspLookup, clock: Clock, *, budget_s: float
    ) -> None:
        self._trust = trust
        self._lookup = lookup
        self._clock = clock
        self._budget_s = budget_s

    async def verify(
        self, chain_pem: str | None, hash_data: Sequence[dict[str, str]]
    ) -> ContractVerdict:
        if chain_pem is not None:
            return await self._by_chain(chain_pem)
        if hash_data:
            return await self._by_hash_data(hash_data[:MAX_HASH_DATA])
        return ContractVerdict(status=CertificateStatus.NO_CERTIFICATE_AVAILABLE)

    async def _by_chain(self, chain_pem: str) -> ContractVerdict:
        trust = self._trust.current
        answers = () if trust.crls else await self._answers(chain_pem, trust)
        verdict = await self._judge(chain_pem, trust, answers)
        if verdict.reason is Reason.REVOCATION_UNKNOWN and trust.crls:
            verdict = await self._judge(chain_pem, trust, await self._answers(chain_pem, trust))
        return ContractVerdict(
            status=verdict.status,
            detail=f"{verdict.reason}: {verdict.detail}" if verdict.detail else verdict.reason,
            emaid=common_name(verdict.path[0]) if verdict.accepted else None,
        )

    async def _judge(self, chain_pem: str, trust: Trust, answers: Sequence[bytes]) -> Verdict:
        """In a thread: on P-521 it takes tens of milliseconds, and other stations must not wait for them."""
        evidence = Evidence(crls=trust.crls, ocsp=tuple(answers))
        return await asyncio.to_thread(
            verify, chain_pem, Role.CONTRACT, trust.roots, evidence, self._clock.now()
        )

    async def _answers(self, chain_pem: str, trust: Trust) -> tuple[bytes, ...]:
        """OCSP answers for a path that ends in a root of ours; about any other nobody is asked."""
        try:
            path = path_to_root(x509.load_pem_x509_certificates(chain_pem.encode()), trust)
        except ValueError:
            return ()
        questions = [
            self._ask(hash_data(certificate, issuer, "SHA256"), ocsp_urls(certificate))
            for certificate, issuer in pairwise(path)
        ]
        return tuple(each for each in await asyncio.gather(*questions) if each is not None)

    async def _by_hash_data(self, entries: Sequence[dict[str, str]]) -> ContractVerdict:
        try:
            asked = [(from_ocpp(entry), entry.get("responderURL", "")) for entry in entries]
        except ValueError as error:
            return _chain_error(f"hash data: {error}")
        answers = await asyncio.gather(*(self._ask(data, (url,)) for data, url in asked))
        unknown = ""
        for (data, _), answer in zip(asked, answers, strict=True):
            status, detail = self._status(data, answer)
            if status is x509_ocsp.OCSPCertStatus.REVOKED:
                return ContractVerdict(
                    status=CertificateStatus.CERTIFICATE_REVOKED,
                    detail=f"serial number {data.serial_number}",
                )
            if status is not x509_ocsp.OCSPCertStatus.GOOD:
                unknown = f"serial number {data.serial_number}: {detail}"
        if unknown:
            return _chain_error(unknown)
        return ContractVerdict(status=CertificateStatus.ACCEPTED)

    def _status(
        self, data: HashData, answer: bytes | None
    ) -> tuple[x509_ocsp.OCSPCertStatus | None, str]:
        issuer = self._trust.current.issuer_of(data)
        if issuer is None:
            return None, "issued by an authority that is not known here"
        if answer is None:
            return None, "no OCSP answer"
        try:
            status = ocsp_status_by_hash(answer, data, issuer, self._clock.now())
        except EvidenceError as error:
            return None, str(error)
        return status, status.name

    async def _ask(self, data: HashData, urls: Sequence[str]) -> bytes | None:
        try:
            return await asyncio.wait_for(self._lookup.answer(data, urls), self._budget_s)
        except TimeoutError:
            return None


def common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def _chain_error(detail: str) -> ContractVerdict:
    return ContractVerdict(status=CertificateStatus.CERT_CHAIN_ERROR, detail=detail)
