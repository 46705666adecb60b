"""Issuance: nothing is published that was not linted, logged and stored before.

Order of steps, each durable before the next begins:

1. the certificate is signed by a throw-away key and linted: what breaks its profile never meets
   the real key;
2. the audit log is told what will be signed (SHA-256 of the to-be-signed octets);
3. the store reserves the serial number;
4. the real key signs, and the octets are compared with those announced;
5. the store keeps the certificate, the audit log its fingerprint;
6. the caller gets it.

After a crash between any two of them `recover` gives up the reserved serials, which are then
answered as revoked.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki.audit import AuditLog
from pki.build import Issuer, Subject, Urls, to_be_signed
from pki.errors import IssuanceError, RequestError
from pki.keys import KeyStore, PrivateKey, PublicKey, generate, kind_of, signature_hash
from pki.lint import Finding, lint
from pki.locks import Exclusive, thread_lock
from pki.ports import Clock, RandomBytes
from pki.profiles import AUTHORITIES, KeyKind, Profile, Role, Suite, profile
from pki.record import Record
from pki.store import Store

SERIAL_OCTETS: Final = 17
"""136 random bits: over twice the 64 that the CA/Browser Forum's baseline asks for."""


class LintError(RequestError):
    """The certificate would violate its profile; `findings` tell how."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(f"{each.code}: {each.detail}" for each in findings))
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Pki:
    """What the functions of this package work on."""

    store: Store
    keys: KeyStore
    audit: AuditLog
    clock: Clock
    random: RandomBytes
    urls: Urls = field(default_factory=Urls)
    exclusive: Exclusive = field(default_factory=thread_lock)


@dataclass(frozen=True, slots=True)
class Order:
    """One certificate to be issued. `name` is its handle in the store, the issuer `None` a root."""

    suite: Suite
    role: Role
    subject: Subject
    public_key: PublicKey
    name: str
    issuer: str | None


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its chain up to, but without, the root."""

    name: str
    issuer: str
    certificate: x509.Certificate
    intermediates: tuple[x509.Certificate, ...]

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """Leaf first."""
        return (self.certificate, *self.intermediates)

    @property
    def chain_pem(self) -> bytes:
        """Leaf first, as TLS libraries and OCPP want it."""
        return b"".join(each.public_bytes(Encoding.PEM) for each in self.chain)


def ca_id(suite: Suite, role: Role) -> str:
    """The name of an authority and of its key, such as "iso15118-2/mo-sub2"."""
    return f"{suite}/{role}"


def responder_id(ca: str) -> str:
    """The name of an authority's delegated OCSP responder and of its key."""
    return f"{ca}/ocsp"


def issue(pki: Pki, order: Order) -> Issued:
    """Issue one certificate. Raises RequestError (LintError), NotFoundError, KeyStoreError."""
    row = profile(order.role, order.suite)
    issuer_name = order.issuer or order.name
    signer = pki.keys.load(issuer_name)
    certificate = None if order.issuer is None else pki.store.current(order.issuer).certificate
    _check_issuer(pki, order, row)
    serial = int.from_bytes(pki.random(SERIAL_OCTETS)) or 1
    builder = to_be_signed(
        row,
        order.subject,
        order.public_key,
        Issuer(issuer_name, certificate),
        serial,
        pki.clock.now().replace(microsecond=0),
        pki.urls,
    )
    draft = _sign(builder, _draft_key(_kind(signer)))
    findings = [each for each in lint(draft, row, order.suite) if _counts(each, pki.urls)]
    if findings:
        raise LintError(findings)
    announced = draft.tbs_certificate_bytes
    record = Record(
        issuer=issuer_name,
        serial=serial,
        name=order.name,
        suite=order.suite,
        role=order.role,
        subject=draft.subject.rfc4514_string(),
        not_after=draft.not_valid_after_utc,
        tbs_sha256=hashlib.sha256(announced).hexdigest(),
    )
    with pki.exclusive():
        signed = _sign_and_keep(pki, record, builder, signer, announced)
    return Issued(order.name, issuer_name, signed, intermediates(pki.store, order.issuer))


def _sign_and_keep(
    pki: Pki,
    record: Record,
    builder: x509.CertificateBuilder,
    signer: PrivateKey,
    announced: bytes,
) -> x509.Certificate:
    """Steps 2 to 5."""
    _log(pki, "sign", record, tbs_sha256=record.tbs_sha256, subject=record.subject)
    pki.store.reserve(record)
    signed = _sign(builder, signer)
    if signed.tbs_certificate_bytes != announced:
        raise IssuanceError(f"certificate {record.serial_hex} differs from the one that was linted")
    der = signed.public_bytes(Encoding.DER)
    pki.store.complete(record.issuer, record.serial, der)
    _log(pki, "issued", record, sha256=hashlib.sha256(der).hexdigest())
    return signed


def recover(pki: Pki) -> list[Record]:
    """Give up what a crash has left half-issued, and log it. Call it before issuing."""
    with pki.exclusive():
        left = pki.store.abandon_pending(pki.clock.now().replace(microsecond=0))
        for record in left:
            _log(pki, "abandoned", record)
    return left


def issue_with_key(pki: Pki, order: Order, private_key: PrivateKey) -> Issued:
    """Keep the key in the key store under the order's name, then issue. For authorities and CPS."""
    pki.keys.save(order.name, private_key)
    return issue(pki, order)


def intermediates(store: Store, issuer: str | None) -> tuple[x509.Certificate, ...]:
    """The authorities from `issuer` upwards, without the root."""
    chain: list[x509.Certificate] = []
    while issuer is not None:
        record = store.current(issuer)
        if record.issuer == record.name:
            break
        chain.append(record.certificate)
        issuer = record.issuer
    return tuple(chain)


def root_of(store: Store, name: str) -> x509.Certificate:
    """The self-signed certificate above `name`."""
    record = store.current(name)
    while record.issuer != record.name:
        record = store.current(record.issuer)
    return record.certificate


def _check_issuer(pki: Pki, order: Order, row: Profile) -> None:
    if order.issuer is None:
        if not row.is_ca or row.issuer is not None:
            raise RequestError(f"a {order.role} certificate needs an issuer")
        return
    found = pki.store.current(order.issuer)
    # a root under a root of its kind is a successor (OCPP 2.0.1 M05.FR.09)
    allowed = AUTHORITIES if order.role is Role.OCSP_RESPONDER else {row.issuer or order.role}
    if found.role not in allowed:
        raise RequestError(f"{order.issuer} cannot issue {order.role}")
    if found.suite is not order.suite:
        raise RequestError(f"{order.issuer} is of suite {found.suite}, expected {order.suite}")


def _counts(finding: Finding, urls: Urls) -> bool:
    """Without a responder of one's own there is no address to name; all else counts."""
    return finding.code != "ocsp-url" or bool(urls.ocsp)


@cache
def _draft_key(kind: KeyKind) -> PrivateKey:
    """Signs drafts only, so that neither its reuse nor its source of randomness matters."""
    return generate(kind, os.urandom)


def _kind(signer: PrivateKey) -> KeyKind:
    kind = kind_of(signer.public_key())
    if kind is None:
        raise RequestError("the issuer's key is of no suite")
    return kind


def _sign(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    algorithm = signature_hash(key)
    return builder.sign(key, algorithm)  # type: ignore[arg-type] # the stubs name the three hashes


def _log(pki: Pki, event: str, record: Record, **data: str) -> None:
    pki.audit.append(
        event,
        pki.clock.now(),
        issuer=record.issuer,
        serial=record.serial_hex,
        role=record.role,
        name=record.name,
        **data,
    )
