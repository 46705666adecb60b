"""What a relying party accepts as an OCSP answer (RFC 6960 clause 3.2, RFC 5019)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed448, padding, rsa
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki.errors import PkiError, RequestError
from pki.hash_data import HashData, digest, issuer_key_hash
from pki.keys import PublicKey, narrow_public_key
from pki.parse import UNREADABLE

MAX_ANSWER_OCTETS: Final = 16_384
CLOCK_SKEW: Final = timedelta(minutes=5)
MAX_AGE: Final = timedelta(days=7)
"""Oldest answer taken, whatever its nextUpdate says; one without nextUpdate is not taken."""
_NOT_ABOUT_IT: Final = "the OCSP answer is not about this certificate"


class EvidenceError(PkiError):
    """The answer proves nothing: not for this certificate, not in force, or by the wrong signer."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Revocation information at hand: lists, and OCSP answers as DER."""

    crls: tuple[x509.CertificateRevocationList, ...] = ()
    ocsp: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class _Subject:
    """The certificate that an answer must be about (RFC 6960 clause 4.1.1, CertID)."""

    serial: int
    issuer_name: bytes
    issuer: x509.Certificate


def ocsp_status(
    answer: bytes,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    at: datetime,
    *,
    nonce: bytes | None = None,
) -> ocsp.OCSPCertStatus:
    """What `answer` proves of `certificate` at `at`. Raises EvidenceError.

    `nonce` is what the request carried; an answer that lacks it is accepted, since responders that
    sign ahead cannot echo one, an answer with a different one is not.
    """
    try:
        serial = certificate.serial_number
        _expect_serial(answer, serial)
        subject = _Subject(serial, certificate.issuer.public_bytes(), issuer)
        return _status(answer, subject, at, nonce)
    except (*UNREADABLE, RequestError) as error:
        raise EvidenceError(f"the OCSP answer cannot be read: {error}") from None


def ocsp_status_by_hash(
    answer: bytes, data: HashData, issuer: x509.Certificate, at: datetime
) -> ocsp.OCSPCertStatus:
    """The same of a certificate of which only OCPP's hash data are known. Raises EvidenceError,
    also where `issuer` is not the authority that `data` names."""
    try:
        if not data.names_issuer(issuer):
            raise EvidenceError("the hash data name another issuer")
        subject = _Subject(int(data.serial_number, 16), issuer.subject.public_bytes(), issuer)
        _expect_serial(answer, subject.serial)
        return _status(answer, subject, at, None)
    except (*UNREADABLE, RequestError) as error:
        raise EvidenceError(f"the OCSP answer cannot be read: {error}") from None


def _expect_serial(answer: bytes, serial: int) -> None:
    """Most answers at hand are about other certificates of the chain: that is told first."""
    if len(answer) > MAX_ANSWER_OCTETS:
        raise EvidenceError(f"OCSP answer of {len(answer)} octets, at most {MAX_ANSWER_OCTETS}")
    response = _read(answer)
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise EvidenceError(f"the responder says {response.response_status.name}")
    if all(single.serial_number != serial for single in response.responses):
        raise EvidenceError(_NOT_ABOUT_IT)


def _status(
    answer: bytes, subject: _Subject, at: datetime, nonce: bytes | None
) -> ocsp.OCSPCertStatus:
    single = _single(answer, subject)
    _check_signature(answer, subject.issuer, at)
    _check_times(single, at)
    _check_nonce(_read(answer), nonce)
    return single.certificate_status


@lru_cache(maxsize=1024)
def _read(answer: bytes) -> ocsp.OCSPResponse:
    """Answers are signed ahead and come again with every chain of an authority, here as below."""
    return ocsp.load_der_ocsp_response(answer)


@lru_cache(maxsize=1024)
def _single(answer: bytes, subject: _Subject) -> ocsp.OCSPSingleResponse:
    for single in _read(answer).responses:
        if single.serial_number != subject.serial:
            continue
        algorithm = single.hash_algorithm
        name_hash = digest(subject.issuer_name, algorithm)
        if (single.issuer_name_hash, single.issuer_key_hash) == (
            name_hash,
            issuer_key_hash(subject.issuer, algorithm),
        ):
            return single
    raise EvidenceError(_NOT_ABOUT_IT)


def _check_times(single: ocsp.OCSPSingleResponse, at: datetime) -> None:
    if single.this_update_utc > at + CLOCK_SKEW:
        raise EvidenceError(f"OCSP answer of the future: {single.this_update_utc.isoformat()}")
    until = single.next_update_utc
    if until is None or until + CLOCK_SKEW < at or single.this_update_utc + MAX_AGE < at:
        raise EvidenceError(f"the OCSP answer of {single.this_update_utc.isoformat()} is too old")


def _check_nonce(response: ocsp.OCSPResponse, nonce: bytes | None) -> None:
    try:
        found = response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        return
    if nonce is not None and found != nonce:
        raise EvidenceError("the OCSP answer carries another nonce")


def _check_signature(answer: bytes, issuer: x509.Certificate, at: datetime) -> None:
    """By the issuer itself or by a delegate in force that the issuer certified for OCSP: the one
    that the answer names as its responder."""
    for signer in (*_enclosed(answer), issuer):
        in_force = signer.not_valid_before_utc <= at <= signer.not_valid_after_utc
        if (signer == issuer or in_force) and _signed(answer, signer, issuer):
            return
    raise EvidenceError("the OCSP answer is not signed by the issuer or a delegate of it")


@lru_cache(maxsize=1024)
def _enclosed(answer: bytes) -> tuple[x509.Certificate, ...]:
    return tuple(_read(answer).certificates)


@lru_cache(maxsize=1024)
def _signed(answer: bytes, signer: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether it did and was entitled to. What a signature covers does not change, so it is
    verified once."""
    response = _read(answer)
    if not _is_responder(response, signer):
        return False
    if signer != issuer and not _is_certified_for_ocsp(signer, issuer):
        return False
    return _is_signed_by(response, signer)


def _is_responder(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    if response.responder_name is not None:
        return response.responder_name == signer.subject
    key = narrow_public_key(signer.public_key())
    return response.responder_key_hash == x509.SubjectKeyIdentifier.from_public_key(key).digest


@lru_cache(maxsize=256)
def _is_certified_for_ocsp(candidate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Kept, since a delegate signs many answers."""
    try:
        candidate.verify_directly_issued_by(issuer)
        purposes = candidate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        usage = candidate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (*UNREADABLE, InvalidSignature, x509.ExtensionNotFound):
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in purposes and usage.digital_signature


def _is_signed_by(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key = narrow_public_key(signer.public_key())
    algorithm = response.signature_hash_algorithm
    try:
        _verify(key, response.signature, response.tbs_response_bytes, algorithm)
    except (InvalidSignature, TypeError):
        return False
    return True


def _verify(
    key: PublicKey, signature: bytes, octets: bytes, algorithm: HashAlgorithm | None
) -> None:
    if isinstance(key, ed448.Ed448PublicKey):
        key.verify(signature, octets)
        return
    if algorithm is None or algorithm.name in {"md5", "sha1"}:
        raise InvalidSignature
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, octets, ec.ECDSA(algorithm))
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, octets, padding.PKCS1v15(), algorithm)
