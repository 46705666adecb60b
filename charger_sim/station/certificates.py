"""Which certificates a station holds: roots, and its own for cars (OCPP block M)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from pki.hash_data import hash_data
from pki.issue import Issued
from pki.keys import PrivateKey, generate, signature_hash
from pki.leaf import Credential
from pki.profiles import SUITES, Suite

MAX_ROOTS: Final = 20
SUITE_OF: Final = {"V2GCertificate": Suite.ISO_2, "V2G20Certificate": Suite.ISO_20}
ROOT_TYPES: Final = (
    "V2GRootCertificate",
    "MORootCertificate",
    "OEMRootCertificate",
    "CSMSRootCertificate",
    "ManufacturerRootCertificate",
)
CHAIN_TYPE: Final = "V2GCertificateChain"


class CertificateStore:
    """Sans I/O; keys stay inside. Certificate types are OCPP's words."""

    def __init__(self) -> None:
        self._roots: dict[str, list[x509.Certificate]] = {}
        self._keys: dict[str, PrivateKey] = {}
        self.credentials: dict[str, Credential] = {}
        """What the station shows to cars, by the type it was signed as."""

    def install(self, kind: str, certificate: x509.Certificate) -> bool:
        """False where there is no more room."""
        held = self._roots.setdefault(kind, [])
        if certificate not in held:
            if sum(map(len, self._roots.values())) >= MAX_ROOTS:
                return False
            held.append(certificate)
        return True

    def roots(self, *kinds: str) -> tuple[x509.Certificate, ...]:
        return tuple(each for kind in kinds for each in self._roots.get(kind, ()))

    @property
    def contract_roots(self) -> tuple[x509.Certificate, ...]:
        """Where contracts may end (C07.FR.01)."""
        return self.roots("MORootCertificate", "V2GRootCertificate")

    def delete(self, wanted: dict[str, str]) -> bool:
        """Removes what has these hash data; False where nothing has."""
        for held in self._roots.values():
            for root in held:
                if _is(root, root, wanted):
                    held.remove(root)
                    return True
        for kind, credential in self.credentials.items():
            if _is(credential.issued.certificate, credential.issued.intermediates[0], wanted):
                del self.credentials[kind]
                return True
        return False

    def entries(self, kinds: Iterable[str] | None) -> list[dict[str, object]]:
        """CertificateHashDataChainType of all, or of the types named."""
        wanted = {*ROOT_TYPES, CHAIN_TYPE} if kinds is None else set(kinds)
        found: list[dict[str, object]] = [
            {"certificateType": kind, "certificateHashData": hash_data(root, root).to_ocpp()}
            for kind, held in self._roots.items()
            if kind in wanted
            for root in held
        ]
        if CHAIN_TYPE in wanted:
            found += [self._chain_entry(each) for each in self.credentials.values()]
        return found

    def _chain_entry(self, credential: Credential) -> dict[str, object]:
        chain = credential.issued.chain
        roots = [r for r in self.roots("V2GRootCertificate") if r.subject == chain[-1].issuer]
        leaf, *children = [
            hash_data(certificate, issuer).to_ocpp()
            for certificate, issuer in pairwise([*chain, *roots[:1]])
        ]
        entry: dict[str, object] = {"certificateType": CHAIN_TYPE, "certificateHashData": leaf}
        return entry | ({"childCertificateHashData": children} if children else {})

    def signing_request(self, kind: str, name: str, random: Callable[[int], bytes]) -> str:
        """A PKCS#10 request in PEM for a new key; the key waits for its certificate."""
        key = self._keys[kind] = generate(SUITES[SUITE_OF[kind]].key_kind, random)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject)
        signed = request.sign(key, signature_hash(key))  # type: ignore[arg-type]
        return signed.public_bytes(serialization.Encoding.PEM).decode("ascii")

    def signed(self, kind: str, chain: list[x509.Certificate]) -> bool:
        """Takes a chain, leaf first; False unless it is for the key that waits."""
        key = self._keys.get(kind)
        if key is None or len(chain) < 2 or chain[0].public_key() != key.public_key():
            return False
        leaf, *above = chain
        issued = Issued(kind, above[0].subject.rfc4514_string(), leaf, tuple(above))
        self.credentials[kind] = Credential(issued, self._keys.pop(kind))
        return True


def _is(certificate: x509.Certificate, issuer: x509.Certificate, wanted: dict[str, str]) -> bool:
    found = hash_data(certificate, issuer, wanted["hashAlgorithm"]).to_ocpp()
    return all(found[name].lower() == wanted[name].lower() for name in found)
