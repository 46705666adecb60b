"""Is this certificate chain good for that role? A verdict, never an exception, for what peers send.

OpenSSL decides on the path, with revocation mandatory for every certificate below the root, by
list or by OCSP answer. On top come our profile checks (`pki.lint`), and on NIST curves and RSA
`cryptography.x509.verification` as a second opinion: what it refuses is refused.
Status words are OCPP's AuthorizeCertificateStatusEnumType (2.0.1 part 2, clause 3.6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    VerificationError,
)
from cryptography.x509.verification import Store as TrustStore

from pki import openssl
from pki.authorities import Remembered
from pki.errors import RequestError
from pki.evidence import Evidence, EvidenceError, ocsp_status
from pki.keys import narrow_public_key, suite_of_key
from pki.lint import errors, lint
from pki.parse import UNREADABLE, parse_der
from pki.profiles import MAX_CHAIN_CERTIFICATES, Role, Suite, profile

MAX_CHAIN_OCTETS: Final = 10_000
"""OCPP's longest certificate field."""
_LEAF_POLICY: Final = ExtensionPolicy.permit_all()
_CA_POLICY: Final = _LEAF_POLICY.require_present(x509.BasicConstraints, Criticality.CRITICAL, None)
_OCPP_ROLES: Final = {Role.CSMS_SERVER, Role.CHARGING_STATION}
_seconded: Final = Remembered[tuple[x509.Certificate, ...]]()
"""By the path above the leaf."""


class CertificateStatus(StrEnum):
    """OCPP's words towards the station."""

    ACCEPTED = "Accepted"
    SIGNATURE_ERROR = "SignatureError"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    CERTIFICATE_REVOKED = "CertificateRevoked"
    NO_CERTIFICATE_AVAILABLE = "NoCertificateAvailable"
    CERT_CHAIN_ERROR = "CertChainError"
    CONTRACT_CANCELLED = "ContractCancelled"


class Reason(StrEnum):
    """Finer than OCPP's words, for logs and operators."""

    GOOD = "good"
    EMPTY = "empty"
    MALFORMED = "malformed"
    OVERSIZED = "oversized"
    PATH = "path"
    SIGNATURE = "signature"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    REVOCATION_UNKNOWN = "revocation-unknown"
    PROFILE = "profile"
    SECOND_OPINION = "second-opinion"
    CANCELLED = "cancelled"


_STATUS: Final = {
    Reason.GOOD: CertificateStatus.ACCEPTED,
    Reason.EMPTY: CertificateStatus.NO_CERTIFICATE_AVAILABLE,
    Reason.SIGNATURE: CertificateStatus.SIGNATURE_ERROR,
    # OCPP has no word of its own for a certificate that is not valid yet
    Reason.NOT_YET_VALID: CertificateStatus.CERTIFICATE_EXPIRED,
    Reason.EXPIRED: CertificateStatus.CERTIFICATE_EXPIRED,
    Reason.REVOKED: CertificateStatus.CERTIFICATE_REVOKED,
    Reason.CANCELLED: CertificateStatus.CONTRACT_CANCELLED,
}
_REASON_OF_CODE: Final = {
    openssl.MALFORMED: Reason.MALFORMED,
    openssl.SIGNATURE_FAILURE: Reason.SIGNATURE,
    openssl.NOT_YET_VALID: Reason.NOT_YET_VALID,
    openssl.EXPIRED: Reason.EXPIRED,
    openssl.REVOKED: Reason.REVOKED,
    **dict.fromkeys(openssl.NO_LIST, Reason.REVOCATION_UNKNOWN),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`path` goes from the leaf to the root, empty unless a path was found."""

    reason: Reason
    detail: str = ""
    path: tuple[x509.Certificate, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def status(self) -> CertificateStatus:
        return _STATUS.get(self.reason, CertificateStatus.CERT_CHAIN_ERROR)

    @property
    def accepted(self) -> bool:
        return self.reason is Reason.GOOD


class _Refusal(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def verify(
    chain: Sequence[bytes | x509.Certificate] | str,
    role: Role,
    roots: Sequence[x509.Certificate],
    evidence: Evidence,
    at: datetime,
    *,
    suite: Suite | None = None,
    cancelled: Callable[[str], bool] | None = None,
) -> Verdict:
    """Judge `chain`: DER certificates leaf first, or PEM text; it may include a root.

    `suite` None means: by the leaf's key for ISO 15118, OCPP's otherwise. `cancelled` tells whether
    the contract of an eMAID has ended.
    """
    try:
        return _judge(chain, role, roots, evidence, at, suite, cancelled)
    except _Refusal as refusal:
        return Verdict(refusal.reason, refusal.detail)
    except openssl.Rejection as rejection:
        reason = _REASON_OF_CODE.get(rejection.code, Reason.PATH)
        return Verdict(reason, f"{rejection.message} (depth {rejection.depth})")
    except UNREADABLE as error:
        return Verdict(Reason.MALFORMED, f"{type(error).__name__}: {error}")


def _judge(
    chain: Sequence[bytes | x509.Certificate] | str,
    role: Role,
    roots: Sequence[x509.Certificate],
    evidence: Evidence,
    at: datetime,
    suite: Suite | None,
    cancelled: Callable[[str], bool] | None,
) -> Verdict:
    certificates = [each for each in _load(chain) if each not in roots]
    if not certificates:
        raise _Refusal(Reason.EMPTY, "no certificate")
    if len(certificates) > MAX_CHAIN_CERTIFICATES:
        raise _Refusal(
            Reason.OVERSIZED,
            f"{len(certificates)} certificates without the root, at most {MAX_CHAIN_CERTIFICATES}",
        )
    leaf, *rest = certificates
    path = openssl.verified_path(leaf, rest, roots, at)
    _check_revocation(path, roots, evidence, at)
    warnings = _check_profiles(path, role, suite or _suite(leaf, role))
    _second_opinion(path, at)
    if cancelled is not None and cancelled(_common_name(leaf)):
        raise _Refusal(Reason.CANCELLED, f"the contract of {_common_name(leaf)} has ended")
    return Verdict(Reason.GOOD, path=tuple(path), warnings=warnings)


def _load(chain: Sequence[bytes | x509.Certificate] | str) -> list[x509.Certificate]:
    if isinstance(chain, str):
        if len(chain) > 2 * MAX_CHAIN_OCTETS:
            raise _Refusal(Reason.OVERSIZED, f"PEM of {len(chain)} characters")
        if not chain.strip():
            return []
        loaded = x509.load_pem_x509_certificates(chain.encode())
    else:
        if len(chain) > MAX_CHAIN_CERTIFICATES + 1:
            raise _Refusal(Reason.OVERSIZED, f"chain of {len(chain)} certificates")
        loaded = [each if isinstance(each, x509.Certificate) else parse_der(each) for each in chain]
    octets = sum(_octets(each) for each in (loaded if isinstance(chain, str) else chain))
    if octets > MAX_CHAIN_OCTETS:
        raise _Refusal(Reason.OVERSIZED, f"{octets} octets, at most {MAX_CHAIN_OCTETS}")
    return loaded


def _octets(certificate: bytes | x509.Certificate) -> int:
    if isinstance(certificate, bytes):
        return len(certificate)
    return len(certificate.public_bytes(Encoding.DER))


def _suite(leaf: x509.Certificate, role: Role) -> Suite:
    if role in _OCPP_ROLES:
        return Suite.OCPP
    try:
        return suite_of_key(narrow_public_key(leaf.public_key()))
    except RequestError as error:
        raise _Refusal(Reason.PROFILE, f"key: {error}") from None


def _check_revocation(
    path: list[x509.Certificate],
    roots: Sequence[x509.Certificate],
    evidence: Evidence,
    at: datetime,
) -> None:
    """Each certificate below the root needs an OCSP answer or a list that says it is good."""
    notes: list[str] = []
    open_questions = []
    for depth, (certificate, issuer) in enumerate(pairwise(path)):
        if not _settled_by_ocsp(certificate, issuer, evidence, at, notes):
            open_questions.append(depth)
    if not open_questions:
        return
    if not evidence.crls:
        tried = f" ({'; '.join(sorted(set(notes)))})" if notes else ""
        raise _Refusal(
            Reason.REVOCATION_UNKNOWN,
            f"neither OCSP answer nor list for the certificate at depth {open_questions[0]}{tried}",
        )
    if len(open_questions) == len(path) - 1:
        openssl.verified_path(path[0], path[1:], roots, at, crls=evidence.crls, check_lists="all")
        return
    for depth in open_questions:
        openssl.verified_path(
            path[depth], path[depth + 1 :], roots, at, crls=evidence.crls, check_lists="leaf"
        )


def _settled_by_ocsp(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    evidence: Evidence,
    at: datetime,
    notes: list[str],
) -> bool:
    """Whether an answer says good. Revoked and unknown refuse at once, whatever a list says."""
    for answer in evidence.ocsp:
        try:
            status = ocsp_status(answer, certificate, issuer, at)
        except EvidenceError as error:
            notes.append(str(error))
            continue
        if status is ocsp.OCSPCertStatus.GOOD:
            return True
        if status is ocsp.OCSPCertStatus.REVOKED:
            raise _Refusal(Reason.REVOKED, f"OCSP: {certificate.subject.rfc4514_string()}")
        raise _Refusal(Reason.REVOCATION_UNKNOWN, "the responder does not know the certificate")
    return False


def _check_profiles(path: list[x509.Certificate], role: Role, suite: Suite) -> tuple[str, ...]:
    """Lint each certificate below the root as what its place in the path makes it."""
    warnings: list[str] = []
    place: Role | None = role
    for depth, certificate in enumerate(path[:-1]):
        if place is None:
            raise _Refusal(Reason.PROFILE, f"depth {depth}: the path is longer than its profile")
        try:
            row = profile(place, suite)
        except RequestError as error:
            raise _Refusal(Reason.PROFILE, str(error)) from None
        findings = lint(certificate, row, suite)
        wrong = errors(findings)
        if wrong:
            text = "; ".join(f"{each.code}: {each.detail}" for each in wrong)
            raise _Refusal(Reason.PROFILE, f"depth {depth} ({place}): {text}")
        warnings += [f"depth {depth}: {each.code}: {each.detail}" for each in findings]
        place = row.issuer
    return tuple(warnings)


def _second_opinion(path: list[x509.Certificate], at: datetime) -> None:
    keys = [each.public_key() for each in path]
    known = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
    for key in keys:
        if isinstance(key, rsa.RSAPublicKey):
            continue
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, known):
            return
    above = tuple(path[1:])
    remembered = _seconded.above(above, path[0], at)
    if remembered and not _objection(path[0], (), remembered[0], at):
        return
    if objection := _objection(path[0], path[1:-1], path[-1], at):
        raise _Refusal(Reason.SECOND_OPINION, objection)
    _seconded.keep(above, path)


def _objection(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    anchor: x509.Certificate,
    at: datetime,
) -> str:
    """What speaks against the path, "" for nothing."""
    verifier = (
        PolicyBuilder()
        .store(TrustStore([anchor]))
        .time(at)
        .max_chain_depth(MAX_CHAIN_CERTIFICATES)
        .extension_policies(ca_policy=_CA_POLICY, ee_policy=_LEAF_POLICY)
        .build_client_verifier()
    )
    try:
        verifier.verify(leaf, list(intermediates))
    except VerificationError as error:
        return str(error) or type(error).__name__
    return ""


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""
