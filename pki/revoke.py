"""Revocation, and the lists that tell of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki.errors import NotFoundError, RequestError
from pki.issue import Pki
from pki.keys import signature_hash
from pki.ocsp import presign_one
from pki.profiles import Role
from pki.record import Record, Status

CRL_VALIDITY: Final = timedelta(days=7)
ROOT_CRL_VALIDITY: Final = timedelta(days=365)
"""A root is offline; its list is renewed when its key is fetched."""

REASONS: Final = (
    "unspecified",
    "keyCompromise",
    "cACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "privilegeWithdrawn",
)


def find_issued(pki: Pki, serial: int) -> Record:
    """The issued certificate of this serial. Raises NotFoundError."""
    rows = pki.store.find(serial=serial)
    if not rows:
        raise NotFoundError(f"no certificate with serial {serial:x}")
    return rows[0]


def revoke(pki: Pki, serial: int, reason: str = "unspecified") -> Record:
    """Revoke for good; OCSP answers so from now on, the list with its next issue.

    Raises RequestError for an unknown reason, NotFoundError unless it is issued and not revoked.
    """
    if reason not in REASONS:
        raise RequestError(f"reason {reason!r}, expected one of {', '.join(REASONS)}")
    record = find_issued(pki, serial)
    at = pki.clock.now().replace(microsecond=0)
    if record.status is not Status.ISSUED:
        raise NotFoundError(f"certificate {serial:x} is {record.status}")
    pki.audit.append("revoked", at, issuer=record.issuer, serial=record.serial_hex, reason=reason)
    pki.store.revoke(record.issuer, serial, at, reason)
    pki.store.drop_ocsp(record.issuer, serial)
    presign_one(pki, record.issuer, serial)
    return find_issued(pki, serial)


def make_crl(pki: Pki, ca: str) -> x509.CertificateRevocationList:
    """Sign, store and log a new list of `ca`. Raises NotFoundError, KeyStoreError."""
    authority = pki.store.current(ca)
    key = pki.keys.load(ca)
    now = pki.clock.now().replace(microsecond=0)
    number = pki.store.next_crl_number(ca)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now)
        .next_update(now + _validity(authority.role))
        .add_extension(_authority_key(authority.certificate), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for record in pki.store.find(issuer=ca):
        if record.status in {Status.REVOKED, Status.ABANDONED}:
            builder = builder.add_revoked_certificate(_entry(record, now))
    signed = builder.sign(key, signature_hash(key))  # type: ignore[arg-type] # as for certificates
    der = signed.public_bytes(Encoding.DER)
    pki.audit.append("crl", now, issuer=ca, number=str(number))
    pki.store.put_crl(ca, number, der)
    return signed


def _validity(role: Role) -> timedelta:
    return ROOT_CRL_VALIDITY if role in {Role.V2G_ROOT, Role.CSMS_ROOT} else CRL_VALIDITY


def _authority_key(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _entry(record: Record, now: datetime) -> x509.RevokedCertificate:
    builder = (
        x509.RevokedCertificateBuilder()
        .serial_number(record.serial)
        .revocation_date(record.revoked_at or now)
    )
    if record.reason != "unspecified":  # RFC 5280 clause 5.3.1: leave the extension out then
        reason = x509.ReasonFlags(record.reason)
        builder = builder.add_extension(x509.CRLReason(reason), critical=False)
    return builder.build()
