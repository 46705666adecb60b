"""Issuing a leaf certificate to somebody, and what goes with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from pki.build import Subject
from pki.errors import RequestError
from pki.issue import Issued, Order, Pki, ca_id, issue
from pki.keys import (
    PrivateKey,
    PublicKey,
    check_passphrase,
    generate,
    narrow_public_key,
    write_durably,
)
from pki.profiles import SUITES, Role, Suite, profile


@dataclass(frozen=True, slots=True)
class Credential:
    """A private key with its certificate and chain."""

    issued: Issued
    private_key: PrivateKey

    def key_pem(self, passphrase: bytes | None = None) -> bytes:
        """PKCS#8. Without a passphrase in clear, for memory only."""
        protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)

    def write(self, folder: Path, passphrase: bytes) -> tuple[Path, Path]:
        """`chain.pem` and an encrypted `key.pem`, as TLS libraries load them."""
        check_passphrase(passphrase)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        chain, key = folder / "chain.pem", folder / "key.pem"
        write_durably(key, self.key_pem(passphrase))
        write_durably(chain, self.issued.chain_pem, mode=0o644)
        return chain, key


def issue_leaf(
    pki: Pki, suite: Suite, role: Role, subject: Subject, public_key: PublicKey
) -> Issued:
    """Certify a key as `role` by the authority that the profile names."""
    row = profile(role, suite)
    if row.is_ca or row.issuer is None:
        raise RequestError(f"{role} is not a leaf")
    name = f"{suite}/{role}/{subject.common_name}"
    return issue(pki, Order(suite, role, subject, public_key, name, ca_id(suite, row.issuer)))


def issue_credential(pki: Pki, suite: Suite, role: Role, subject: Subject) -> Credential:
    """Make a key as well. The PKI does not keep it."""
    key = generate(SUITES[suite].key_kind, pki.random)
    return Credential(issue_leaf(pki, suite, role, subject, key.public_key()), key)


def issue_for_request(
    pki: Pki, suite: Suite, role: Role, request: x509.CertificateSigningRequest, subject: Subject
) -> Issued:
    """Certify the key of a PKCS#10 request; the request's own name and extensions are ignored.

    Raises RequestError where the request is not signed by its key, or the key is not the suite's.
    """
    if not request.is_signature_valid:
        raise RequestError("the signing request is not signed by its own key")
    return issue_leaf(pki, suite, role, subject, narrow_public_key(request.public_key()))
