"""GetCertificateStatus (M06) and GetCertificateChainStatus (2.1): status that a station wants to know or to staple."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from cryptography.x509 import ocsp as x509_ocsp

from csms.clock import Clock
from csms.domain.certificates import ChainStatus, ChainStatusQuery
from csms.pnc.http import HttpClient, HttpFailed
from csms.pnc.ocsp import OcspLookup
from csms.pnc.ocsp_cache import ends_at
from csms.pnc.trust import TrustStore
from pki.evidence import EvidenceError, ocsp_status_by_hash
from pki.hash_data import HashData, from_ocpp

_WORDS = {
    x509_ocsp.OCSPCertStatus.GOOD: "Good",
    x509_ocsp.OCSPCertStatus.REVOKED: "Revoked",
    x509_ocsp.OCSPCertStatus.UNKNOWN: "Unknown",
}
_MAX_CRLS = 64


class StatusService:
    """The built-in ``CertificateStatuses``. Lists are fetched from the hosts that may be asked, and kept."""

    def __init__(
        self,
        trust: TrustStore,
        lookup: OcspLookup,
        client: HttpClient,
        clock: Clock,
        *,
        timeout_s: float,
    ) -> None:
        self._trust = trust
        self._lookup = lookup
        self._client = client
        self._clock = clock
        self._timeout_s = timeout_s
        self._fetched: dict[str, x509.CertificateRevocationList] = {}

    async def ocsp_result(self, ocsp: dict[str, str]) -> bytes | None:
        try:
            data = from_ocpp(ocsp)
        except ValueError:
            return None
        return await self._lookup.answer(data, (ocsp.get("responderURL", ""),))

    async def chain_status(self, query: ChainStatusQuery) -> ChainStatus:
        try:
            data = from_ocpp(query.hash_data)
            issuer = self._trust.current.issuer_of(data)
            if issuer is None:
                return self._status(query, "Failed", None)
            if query.source == "CRL":
                return await self._by_list(query, data, issuer)
            return await self._by_ocsp(query, data, issuer)
        except ValueError:
            return self._status(query, "Failed", None)

    async def _by_ocsp(
        self, query: ChainStatusQuery, data: HashData, issuer: x509.Certificate
    ) -> ChainStatus:
        answer = await self._lookup.answer(data, query.urls)
        if answer is None:
            return self._status(query, "Failed", None)
        now = self._clock.now()
        try:
            status = ocsp_status_by_hash(answer, data, issuer, now)
        except EvidenceError:
            return self._status(query, "Failed", None)
        return self._status(query, _WORDS[status], ends_at(answer, now))

    async def _by_list(
        self, query: ChainStatusQuery, data: HashData, issuer: x509.Certificate
    ) -> ChainStatus:
        for crl in await self._lists(query.urls):
            end = crl.next_update_utc
            if crl.issuer != issuer.subject or end is None or end <= self._clock.now():
                continue
            if not crl.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
                continue
            entry = crl.get_revoked_certificate_by_serial_number(int(data.serial_number, 16))
            return self._status(query, "Good" if entry is None else "Revoked", end)
        return self._status(query, "Failed", None)

    async def _lists(self, urls: tuple[str, ...]) -> list[x509.CertificateRevocationList]:
        found = list(self._trust.current.crls)
        for url in urls:
            crl = self._fetched.get(url)
            if crl is None or (crl.next_update_utc or self._clock.now()) <= self._clock.now():
                crl = await self._fetch(url)
            if crl is not None:
                found.append(crl)
        return found

    async def _fetch(self, url: str) -> x509.CertificateRevocationList | None:
        if not self._lookup.may_ask(url):
            return None
        try:
            answer = await self._client.request("GET", url, timeout_s=self._timeout_s)
            crl = x509.load_der_x509_crl(answer.body) if answer.status == 200 else None
        except (HttpFailed, ValueError):
            return None
        if crl is not None:
            while len(self._fetched) >= _MAX_CRLS:
                del self._fetched[next(iter(self._fetched))]
            self._fetched[url] = crl
        return crl

    def _status(self, query: ChainStatusQuery, word: str, end: datetime | None) -> ChainStatus:
        """Where nothing was learnt ``nextUpdate`` is now: ask again."""
        return ChainStatus(
            hash_data=query.hash_data,
            source=query.source,
            status=word,
            next_update=end or self._clock.now(),
        )
