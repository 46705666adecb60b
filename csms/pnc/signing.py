"""Having stations' certificate requests signed: by our own PKI in process, or by an EST server (RFC 7030).

The certificate names the station as it has authenticated itself, whatever name its request carries: a station could
otherwise be given the certificate of another one (A00.FR.405).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID

from csms.domain.certificates import ExpiringCertificate, SigningRefused, SigningUse
from csms.ids import StationId
from csms.pnc.http import HttpClient, HttpFailed
from csms.pnc.tokens import TokenSource
from csms.pnc.trust import issuer_among
from pki.build import Subject
from pki.errors import PkiError
from pki.issue import Pki
from pki.keys import narrow_public_key, suite_of_key
from pki.leaf import issue_for_request
from pki.profiles import Role, Suite
from pki.record import Status

MAX_CHAIN_CHARS = 10_000
"""CertificateSigned's field."""
_ISO_SUITES = {
    SigningUse.V2G: frozenset({Suite.ISO_2}),
    SigningUse.V2G_20: frozenset({Suite.ISO_20, Suite.ISO_20_ED448}),
}
_ISO_20 = _ISO_SUITES[SigningUse.V2G_20]
_USE_OF = {Role.CHARGING_STATION: SigningUse.STATION, Role.SECC: SigningUse.V2G}


def read_request(csr_pem: str) -> x509.CertificateSigningRequest:
    """Raises ``SigningRefused`` for what is no request, or is not signed by its own key."""
    try:
        request = x509.load_pem_x509_csr(csr_pem.encode())
        signed = request.is_signature_valid
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise SigningRefused(f"the request cannot be read: {error}") from None
    if not signed:
        raise SigningRefused("the request is not signed by its own key")
    return request


def suite_of(request: x509.CertificateSigningRequest, use: SigningUse) -> tuple[Suite, Role]:
    """Raises ``SigningRefused`` for a key that is not of the use's suites."""
    try:
        key = narrow_public_key(request.public_key())
        if use is SigningUse.STATION:
            suite = Suite.OCPP_RSA if isinstance(key, rsa.RSAPublicKey) else Suite.OCPP
            return suite, Role.CHARGING_STATION
        suite = suite_of_key(key)
    except (PkiError, ValueError, TypeError) as error:
        raise SigningRefused(f"the request's key: {error}") from None
    if suite not in _ISO_SUITES[use]:
        raise SigningRefused(f"a key of {suite} in a request for {use}")
    return suite, Role.SECC


class BuiltInSigner:
    """Signs with our own PKI. ``organisation`` becomes O: the operator's name (A00.FR.404)."""

    def __init__(self, pki: Pki, organisation: str, country: str) -> None:
        self._pki = pki
        self._organisation = organisation
        self._country = country

    async def sign(self, station_id: StationId, csr_pem: str, use: SigningUse) -> str:
        request = read_request(csr_pem)
        suite, role = suite_of(request, use)
        subject = Subject(station_id, self._organisation, self._country)
        try:
            issued = await asyncio.to_thread(
                issue_for_request, self._pki, suite, role, request, subject
            )
        except (PkiError, ValueError) as error:
            raise SigningRefused(str(error)) from error
        return bounded(issued.chain_pem.decode())

    def expiring(self, before: datetime) -> list[ExpiringCertificate]:
        """The newest certificate of each station and use, where it ends before ``before``."""
        newest = {
            record.name: record
            for role in _USE_OF
            for record in self._pki.store.find(role=role, status=Status.ISSUED)
        }
        return [
            ExpiringCertificate(
                station_id=StationId(record.name.split("/", 2)[2]),
                use=SigningUse.V2G_20 if record.suite in _ISO_20 else _USE_OF[record.role],
                not_after=record.not_after,
            )
            for record in newest.values()
            if record.not_after < before
        ]


class EstSigner:
    """Forwards requests to ``<url>/<suite>.<role>/simpleenroll`` and completes the chain from ``cacerts``.

    An EST server takes the subject from the request, so a station's own certificate must be asked for in its own
    name. A V2G certificate names the SECC, which may be called otherwise, and lets nobody into this system.
    """

    def __init__(
        self, client: HttpClient, url: str, token: TokenSource, *, timeout_s: float
    ) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s

    async def sign(self, station_id: StationId, csr_pem: str, use: SigningUse) -> str:
        request = read_request(csr_pem)
        suite, role = suite_of(request, use)
        names = [str(n.value) for n in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        if use is SigningUse.STATION and names != [station_id]:
            raise SigningRefused(f"the request is for {names}, not for {station_id}")
        label = f"{suite}.{role}"
        body = base64.b64encode(request.public_bytes(Encoding.DER))
        signed = await self._certificates("POST", f"{self._url}/{label}/simpleenroll", body)
        authorities = await self._certificates("GET", f"{self._url}/{label}/cacerts", b"")
        key = request.public_key()
        leaf = next((each for each in signed if each.public_key() == key), None)
        if leaf is None:
            raise SigningRefused("the EST server signed another key")
        return bounded(_chain(leaf, (*signed, *authorities)))

    async def _certificates(self, method: str, url: str, body: bytes) -> list[x509.Certificate]:
        try:
            headers = await self._token.headers() | {"Content-Type": "application/pkcs10"}
            answer = await self._client.request(
                method, url, content=body, headers=headers, timeout_s=self._timeout_s
            )
            if answer.status != 200:
                raise SigningRefused(f"the EST server answers {answer.status}")
            return pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.body))
        except (HttpFailed, ValueError, binascii.Error) as error:
            raise SigningRefused(f"EST: {error}") from error


def _chain(leaf: x509.Certificate, known: tuple[x509.Certificate, ...]) -> str:
    """The path upwards without the root."""
    chain = [leaf]
    while len(chain) < 4:
        issuer = issuer_among(chain[-1], known)
        if issuer is None or issuer.subject == issuer.issuer:
            break
        chain.append(issuer)
    return "".join(each.public_bytes(Encoding.PEM).decode() for each in chain)


def bounded(chain_pem: str) -> str:
    """Raises ``SigningRefused`` for a chain that CertificateSigned cannot carry."""
    if len(chain_pem) > MAX_CHAIN_CHARS:
        raise SigningRefused(
            f"the chain has {len(chain_pem)} characters, at most {MAX_CHAIN_CHARS}"
        )
    return chain_pem
