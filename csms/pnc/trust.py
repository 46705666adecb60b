"""Whom contracts are believed by: roots, the authorities below them, revocation lists. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes

from pki.hash_data import ALGORITHMS, HashData, hash_data
from pki.profiles import MAX_CHAIN_CERTIFICATES


class TrustError(Exception):
    """A file of trust anchors cannot be used."""


@dataclass(frozen=True, slots=True)
class Trust:
    """``roots`` end a path; ``authorities`` are known Sub-CAs, needed where a station sends hash data alone."""

    roots: tuple[x509.Certificate, ...] = ()
    authorities: tuple[x509.Certificate, ...] = ()
    crls: tuple[x509.CertificateRevocationList, ...] = ()

    def issuer_of(self, data: HashData) -> x509.Certificate | None:
        """The known authority that issued the certificate behind hash data."""
        for candidate in (*self.authorities, *self.roots):
            own = hash_data(candidate, candidate, data.hash_algorithm)
            name = hash_of_subject(candidate, data.hash_algorithm)
            if (name, own.issuer_key_hash) == (data.issuer_name_hash, data.issuer_key_hash):
                return candidate
        return None


class TrustStore:
    """The trust in force: the operator's own, and the pool's roots once they were read."""

    def __init__(self, own: Trust) -> None:
        self._own = own
        self.current = own

    def take_pool(self, roots: tuple[x509.Certificate, ...]) -> None:
        added = tuple(each for each in roots if each not in self._own.roots)
        self.current = replace(self._own, roots=self._own.roots + added)


def hash_of_subject(certificate: x509.Certificate, algorithm: str) -> str:
    digest = hashes.Hash(ALGORITHMS[algorithm])
    digest.update(certificate.subject.public_bytes())
    return digest.finalize().hex()


def issuer_among(
    certificate: x509.Certificate, candidates: Iterable[x509.Certificate]
) -> x509.Certificate | None:
    """The candidate whose key signed ``certificate``."""
    for candidate in candidates:
        if candidate.subject != certificate.issuer:
            continue
        try:
            certificate.verify_directly_issued_by(candidate)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return candidate
    return None


def path_to_root(chain: Sequence[x509.Certificate], trust: Trust) -> list[x509.Certificate]:
    """Leaf to root by signatures alone; empty when there is no such path. ``pki.verify`` judges it."""
    path = list(chain[:1])
    while path and path[-1] not in trust.roots:
        issuer = issuer_among(path[-1], (*trust.roots, *chain))
        if issuer is None or issuer in path or len(path) > MAX_CHAIN_CERTIFICATES:
            return []
        path.append(issuer)
    return path


def ocsp_urls(certificate: x509.Certificate) -> tuple[str, ...]:
    """The responders that the certificate's Authority Information Access names."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(
        description.access_location.value
        for description in access.value
        if description.access_method == x509.oid.AuthorityInformationAccessOID.OCSP
        and isinstance(description.access_location, x509.UniformResourceIdentifier)
    )


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """All certificates of a PEM file. Raises ``TrustError``."""
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise TrustError(f"{path}: {error}") from error


def read_crl(path: Path) -> x509.CertificateRevocationList:
    """A revocation list, PEM or DER. Raises ``TrustError``."""
    try:
        octets = path.read_bytes()
        if octets.lstrip().startswith(b"-----"):
            return x509.load_pem_x509_crl(octets)
        return x509.load_der_x509_crl(octets)
    except (OSError, ValueError) as error:
        raise TrustError(f"{path}: {error}") from error
