"""OCSP responder: short answers, signed ahead by a delegate of each authority (RFC 6960, 5019).

Nonces are not echoed: an answer is the same for everybody until it expires, so the authority's key
stays offline, a flood of requests costs no signatures, and answers can be stapled. Freshness comes
of `ANSWER_VALIDITY`. A request for several certificates is malformed here (RFC 5019 clause 2.1.1).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from pki.errors import KeyStoreError, NotFoundError
from pki.hash_data import digest, issuer_key_hash
from pki.issue import Pki, responder_id
from pki.keys import signature_hash
from pki.profiles import AUTHORITIES
from pki.record import Record, Status

ANSWER_VALIDITY: Final = timedelta(hours=12)
MAX_REQUEST_OCTETS: Final = 2048
ALGORITHMS: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1(),  # noqa: S303 names an issuer, protects nothing; many clients use no other
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_PRESIGNED: Final = ("sha1", "sha256")


class Responder:
    """Answers for all authorities that the PKI has when this is made."""

    def __init__(self, pki: Pki) -> None:
        self._pki = pki
        self._authorities = {
            (algorithm, *_issuer_hashes(record, algorithm)): record.name
            for record in pki.store.find(status=Status.ISSUED)
            if record.role in AUTHORITIES
            for algorithm in ALGORITHMS
        }

    def answer(self, request: bytes) -> bytes:
        """The DER answer to a DER request. Never raises for what the request holds."""
        if len(request) > MAX_REQUEST_OCTETS:
            return _failure(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
        try:
            asked = ocsp.load_der_ocsp_request(request)
            algorithm = asked.hash_algorithm.name
            key = (algorithm, asked.issuer_name_hash, asked.issuer_key_hash)
            serial = asked.serial_number
        except (ValueError, NotImplementedError, TypeError):
            return _failure(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
        ca = self._authorities.get(key)
        if ca is None or serial <= 0:
            return _failure(ocsp.OCSPResponseStatus.UNAUTHORIZED)
        try:
            return answer_for(self._pki, ca, serial, algorithm)
        except (NotFoundError, KeyStoreError):
            return _failure(ocsp.OCSPResponseStatus.TRY_LATER)


def answer_for(pki: Pki, ca: str, serial: int, algorithm: str = "sha256") -> bytes:
    """The stored answer while it is in force, else a new one. Raises as `presign_one` does."""
    now = pki.clock.now().replace(microsecond=0)
    stored = pki.store.ocsp(ca, serial, algorithm, now)
    return stored if stored is not None else _sign(pki, ca, serial, algorithm, now)


def presign(pki: Pki, ca: str) -> int:
    """Sign answers for every certificate of `ca`; how many. Run it twice per `ANSWER_VALIDITY`."""
    rows = [row for row in pki.store.find(issuer=ca) if row.status is not Status.PENDING]
    for row in rows:
        presign_one(pki, ca, row.serial)
    return len(rows)


def presign_one(pki: Pki, ca: str, serial: int) -> None:
    """Sign answers for one certificate. Raises NotFoundError without a delegated responder."""
    now = pki.clock.now().replace(microsecond=0)
    for algorithm in _PRESIGNED:
        _sign(pki, ca, serial, algorithm, now)


def _sign(pki: Pki, ca: str, serial: int, algorithm: str, now: datetime) -> bytes:
    """Sign, and keep unless it is of an unknown serial: those would let anybody fill the store."""
    responder = pki.store.current(responder_id(ca)).certificate
    key = pki.keys.load(responder_id(ca))
    record = pki.store.get(ca, serial)
    status, revoked_at, reason = _status(record, now)
    next_update = min(now + ANSWER_VALIDITY, responder.not_valid_after_utc)
    if next_update <= now:
        raise NotFoundError(f"the OCSP responder of {ca} has expired")
    name_hash, key_hash = _issuer_hashes(pki.store.current(ca), algorithm)
    builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
        issuer_name_hash=name_hash,
        issuer_key_hash=key_hash,
        serial_number=serial,
        algorithm=ALGORITHMS[algorithm],
        cert_status=status,
        this_update=now,
        next_update=next_update,
        revocation_time=revoked_at,
        revocation_reason=reason,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, responder)
    answer = builder.certificates([responder]).sign(key, signature_hash(key))
    der = answer.public_bytes(Encoding.DER)
    if record is not None:
        pki.store.put_ocsp(record, algorithm, der, now, next_update)
    return der


def _status(
    record: Record | None, now: datetime
) -> tuple[ocsp.OCSPCertStatus, datetime | None, x509.ReasonFlags | None]:
    if record is None or record.status is Status.PENDING:
        return ocsp.OCSPCertStatus.UNKNOWN, None, None
    if record.status is Status.ISSUED:
        return ocsp.OCSPCertStatus.GOOD, None, None
    reason = None if record.reason == "unspecified" else x509.ReasonFlags(record.reason)
    return ocsp.OCSPCertStatus.REVOKED, record.revoked_at or now, reason


def _issuer_hashes(authority: Record, algorithm: str) -> tuple[bytes, bytes]:
    """Name and key hash of an authority, as requests about its certificates carry them."""
    certificate, kind = authority.certificate, ALGORITHMS[algorithm]
    return digest(certificate.subject.public_bytes(), kind), issuer_key_hash(certificate, kind)


def _failure(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
