"""Checks a certificate against its profile. Never raises for what a certificate holds.

An `error` breaks the profile: such a certificate is neither issued nor accepted. A `warning` is
tolerated in certificates of others, which often lack an OCSP address, and refused in our own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtensionOID,
    NameOID,
    SignatureAlgorithmOID,
)

from pki.build import USAGES
from pki.errors import RequestError
from pki.keys import PublicKey, kind_of, narrow_public_key
from pki.parse import UNREADABLE
from pki.profiles import SUITES, KeyKind, Profile, Role, Suite, SuiteRules

_SIGNATURES: Final = {
    KeyKind.P256: SignatureAlgorithmOID.ECDSA_WITH_SHA256,
    KeyKind.P521: SignatureAlgorithmOID.ECDSA_WITH_SHA512,
    KeyKind.ED448: SignatureAlgorithmOID.ED448,
}
_WEAK_HASHES: Final = {"md5", "sha1"}
_KNOWN_EXTENSIONS: Final = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.CERTIFICATE_POLICIES,
    ExtensionOID.NAME_CONSTRAINTS,
}
_CLOCK_TOLERANCE: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is stable; `severity` is "error" or "warning"."""

    severity: str
    code: str
    detail: str


def lint(certificate: x509.Certificate, row: Profile, suite: Suite) -> list[Finding]:
    """What is wrong with `certificate` as a `row.role` of `suite`; empty if nothing."""
    try:
        if row.is_ca:
            return list(_findings_of_authority(certificate, row, suite))
        return _findings(certificate, row, suite)
    except (*UNREADABLE, RequestError) as error:
        return [Finding("error", "unreadable", str(error))]


@lru_cache(maxsize=256)
def _findings_of_authority(
    certificate: x509.Certificate, row: Profile, suite: Suite
) -> tuple[Finding, ...]:
    """Kept: an authority comes again with every chain of its hierarchy."""
    return tuple(_findings(certificate, row, suite))


def _findings(certificate: x509.Certificate, row: Profile, suite: Suite) -> list[Finding]:
    extensions = certificate.extensions
    key = narrow_public_key(certificate.public_key())
    rules = SUITES[suite]
    return [
        *_form(certificate, rules),
        *_key(key, rules),
        *_signature(certificate, rules),
        *_names(certificate, row),
        *_basic_constraints(extensions, row),
        *_usages(extensions, row, exact=rules.exact_key),
        *_identifiers(certificate, extensions, key),
        *_rest(extensions, row),
        *_validity(certificate, row),
    ]


def errors(findings: list[Finding]) -> list[Finding]:
    """Those that break the profile."""
    return [each for each in findings if each.severity == "error"]


def _error(code: str, detail: str) -> Finding:
    return Finding("error", code, detail)


def _form(certificate: x509.Certificate, rules: SuiteRules) -> Iterator[Finding]:
    if certificate.version is not x509.Version.v3:
        yield _error("version", f"X.509 {certificate.version.name}, expected v3")
    octets = len(certificate.public_bytes(Encoding.DER))
    if octets > rules.max_octets:
        yield _error("size", f"{octets} octets, at most {rules.max_octets}")
    serial = certificate.serial_number
    if serial <= 0 or serial.bit_length() > 159:
        yield _error("serial", "the serial number is not positive, or over 20 octets")
    elif serial.bit_length() < 64:
        yield Finding("warning", "serial-entropy", f"serial of {serial.bit_length()} bits")


def _key(key: PublicKey, rules: SuiteRules) -> Iterator[Finding]:
    if rules.exact_key:
        if kind_of(key) is not rules.key_kind:
            yield _error("key", f"{_describe(key)}, expected {rules.key_kind}")
    elif isinstance(key, rsa.RSAPublicKey):
        if key.key_size < 2048:
            yield _error("key", f"{_describe(key)}, expected at least 2048 bits")
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.key_size < 224:
            yield _error("key", f"{_describe(key)}, expected at least 224 bits")
    else:
        yield _error("key", f"{_describe(key)}, expected EC or RSA")


def _describe(key: PublicKey) -> str:
    if isinstance(key, ed448.Ed448PublicKey):
        return "Ed448"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.name
    return f"RSA-{key.key_size}"


def _signature(certificate: x509.Certificate, rules: SuiteRules) -> Iterator[Finding]:
    found = certificate.signature_algorithm_oid
    expected = _SIGNATURES.get(rules.key_kind)
    if rules.exact_key and found != expected:
        yield _error("signature-algorithm", f"{found.dotted_string} does not belong to the suite")
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm as error:
        yield _error("signature-algorithm", str(error))
        return
    if algorithm is not None and algorithm.name in _WEAK_HASHES:
        yield _error("signature-algorithm", f"{algorithm.name} is broken")


def _values(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(each.value) for each in name.get_attributes_for_oid(oid)]


def _names(certificate: x509.Certificate, row: Profile) -> Iterator[Finding]:
    subject = certificate.subject
    common = _values(subject, NameOID.COMMON_NAME)
    if len(common) != 1:
        yield _error("common-name", f"{len(common)} common names, expected one")
    elif not row.common_name.fullmatch(common[0]):
        yield _error("common-name", f"{common[0]!r} is not {row.common_name.pattern}")
    if not any(_values(subject, NameOID.ORGANIZATION_NAME)):
        yield _error("organization", "the subject has no organization")
    domains = _values(subject, NameOID.DOMAIN_COMPONENT)
    if row.domain_component is None:
        return
    if domains and row.domain_component not in domains:
        yield _error("domain-component", f"DC={','.join(domains)}, expected {row.domain_component}")
    if not domains and row.dc_required:
        yield _error("domain-component", f"no DC, expected {row.domain_component}")


def _basic_constraints(extensions: x509.Extensions, row: Profile) -> Iterator[Finding]:
    found = _get(extensions, x509.BasicConstraints)
    if found is None:
        yield _error("basic-constraints", "missing")
        return
    if not found.critical:
        yield _error("basic-constraints", "not critical")
    if found.value.ca != row.is_ca:
        yield _error("basic-constraints", f"CA is {found.value.ca}, expected {row.is_ca}")
    length = found.value.path_length
    if row.path_length is not None and length != row.path_length:
        yield _error("path-length", f"pathLen is {length}, expected {row.path_length}")


def _usages(extensions: x509.Extensions, row: Profile, *, exact: bool) -> Iterator[Finding]:
    found = _get(extensions, x509.KeyUsage)
    if found is None:
        yield _error("key-usage", "missing")
    else:
        if not found.critical:
            yield _error("key-usage", "not critical")
        usage = {each for each in USAGES if _has_usage(found.value, each)}
        surplus, lacking = usage - row.key_usage, row.key_usage - row.optional_key_usage - usage
        if lacking or (surplus and (exact or row.is_ca)):
            yield _error("key-usage", f"{_list(usage)}, expected {_list(row.key_usage)}")
    purposes = _get(extensions, x509.ExtendedKeyUsage)
    if row.extended_key_usage:
        present = set(purposes.value) if purposes else set()
        if not present >= row.extended_key_usage:
            missing = sorted(oid.dotted_string for oid in row.extended_key_usage - present)
            yield _error("extended-key-usage", f"lacks {', '.join(missing)}")


def _has_usage(usage: x509.KeyUsage, name: str) -> bool:
    if name in {"encipher_only", "decipher_only"} and not usage.key_agreement:
        return False  # undefined then, and cryptography raises
    return bool(getattr(usage, name))


def _list(usage: frozenset[str] | set[str]) -> str:
    return "+".join(sorted(usage)) or "none"


def _identifiers(
    certificate: x509.Certificate, extensions: x509.Extensions, key: PublicKey
) -> Iterator[Finding]:
    own = _get(extensions, x509.SubjectKeyIdentifier)
    if own is None:
        yield _error("subject-key-identifier", "missing")
    elif own.value != x509.SubjectKeyIdentifier.from_public_key(key):
        yield Finding("warning", "subject-key-identifier", "not SHA-1 of the key")
    self_issued = certificate.issuer == certificate.subject
    if _get(extensions, x509.AuthorityKeyIdentifier) is None and not self_issued:
        yield _error("authority-key-identifier", "missing")


def _rest(extensions: x509.Extensions, row: Profile) -> Iterator[Finding]:
    for each in extensions:
        if each.critical and each.oid not in _KNOWN_EXTENSIONS:
            yield _error("critical-extension", f"{each.oid.dotted_string} is critical and unknown")
    access = _get(extensions, x509.AuthorityInformationAccess)
    methods = {each.access_method for each in access.value} if access else set()
    if row.needs_ocsp_url and AuthorityInformationAccessOID.OCSP not in methods:
        yield Finding("warning", "ocsp-url", "no OCSP address in the authority information")
    if row.needs_dns_name and _get(extensions, x509.SubjectAlternativeName) is None:
        yield _error("subject-alternative-name", "missing")
    if row.role is Role.OCSP_RESPONDER and _get(extensions, x509.OCSPNoCheck) is None:
        yield Finding("warning", "ocsp-no-check", "missing")


def _validity(certificate: x509.Certificate, row: Profile) -> Iterator[Finding]:
    span = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if span <= timedelta(0):
        yield _error("validity", "ends before it begins")
    if span > row.validity + _CLOCK_TOLERANCE and not row.may_outlive_issuer:
        yield Finding("warning", "validity", f"{span.days} days, at most {row.validity.days}")


_T = TypeVar("_T", bound=x509.ExtensionType)


def _get(extensions: x509.Extensions, kind: type[_T]) -> x509.Extension[_T] | None:
    try:
        return extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None
