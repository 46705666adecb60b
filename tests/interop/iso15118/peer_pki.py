"""Our PKI's certificates and keys as files under the names that PyPI ``iso15118`` looks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from charger_sim.iso15118.iso2 import Contract, Provisioning
from pki.build import Subject
from pki.hierarchy import Config, in_memory
from pki.issue import Pki, ca_id, intermediates, root_of
from pki.keys import PrivateKey
from pki.leaf import Credential, issue_credential
from pki.profiles import Role, Suite
from pki.provisioning import add_provisioning_certificate, generate_contract

_PASSWORD = "a password for tests"
_PCID = "WVWZZZ1KZAW000001"
_EMAID = "DEACMC000000013"


class Files:
    """A folder in the shape of PKI_PATH."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._certificates = path / "iso15118_2" / "certs"
        self._keys = path / "iso15118_2" / "private_keys"
        self._certificates.mkdir(parents=True)
        self._keys.mkdir()

    def leaf(
        self, name: str, authorities: str, chain: Sequence[x509.Certificate], key: PrivateKey
    ) -> None:
        """`name` is of the leaf, "contract"; `authorities` of what issued it, "mo"."""
        leaf, sub2, sub1 = chain
        self.certificate(f"{name}LeafCert", leaf)
        self.certificate(f"{authorities}SubCA2Cert", sub2)
        self.certificate(f"{authorities}SubCA1Cert", sub1)
        pem = b"".join(each.public_bytes(Encoding.PEM) for each in chain)
        (self._certificates / f"{authorities}CertChain.pem").write_bytes(pem)
        self.key(f"{name}Leaf", key, f"{name}LeafPassword")

    def key(self, name: str, key: PrivateKey, password: str) -> None:
        protection = BestAvailableEncryption(_PASSWORD.encode())
        octets = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
        (self._keys / f"{name}.key").write_bytes(octets)
        (self._keys / f"{password}.txt").write_text(_PASSWORD)

    def certificate(self, name: str, certificate: x509.Certificate) -> None:
        for encoding, suffix in ((Encoding.DER, "der"), (Encoding.PEM, "pem")):
            octets = certificate.public_bytes(encoding)
            (self._certificates / f"{name}.{suffix}").write_bytes(octets)


@dataclass(frozen=True, slots=True)
class Peer:
    """One hierarchy on both sides: `folder` is the peer's PKI_PATH."""

    folder: Path
    pki: Pki
    root: x509.Certificate
    secc: Credential
    contract: Contract
    provisioning: Provisioning


def make_peer(folder: Path) -> Peer:
    """A charger, a car with a contract and one that it may fetch, and a provisioning service."""
    pki = in_memory(Config("Acme", ocsp_url="http://ocsp.example/ocsp"), suites=[Suite.ISO_2])

    def issue(role: Role, name: str) -> Credential:
        return issue_credential(pki, Suite.ISO_2, role, Subject(name, "Acme"))

    secc, contract = issue(Role.SECC, "DE*ACM*E1"), issue(Role.CONTRACT, _EMAID)
    maker = issue(Role.OEM_PROVISIONING, _PCID)
    add_provisioning_certificate(pki, _ders(maker))
    generate_contract(pki, _PCID, _EMAID, "Acme")
    files = Files(folder / "pki")
    root = root_of(pki.store, secc.issued.name)
    for name, authorities, credential in (
        ("secc", "cpo", secc),
        ("contract", "mo", contract),
        ("oem", "oem", maker),
    ):
        files.leaf(name, authorities, credential.issued.chain, credential.private_key)
    cps = pki.store.current(ca_id(Suite.ISO_2, Role.CPS))
    chain = (cps.certificate, *intermediates(pki.store, cps.issuer))
    files.leaf("cps", "cps", chain, pki.keys.load(cps.name))
    operator = pki.keys.load(ca_id(Suite.ISO_2, Role.MO_SUB2))
    files.key("moSubCA2", operator, "moSubCA2LeafPassword")
    for authorities in ("v2g", "mo", "oem"):
        files.certificate(f"{authorities}RootCACert", root)
    return Peer(
        files.path,
        pki,
        root,
        secc,
        Contract(_EMAID, _ders(contract), contract.private_key),
        Provisioning(_ders(maker)[0], maker.private_key),
    )


def _ders(credential: Credential) -> tuple[bytes, ...]:
    return tuple(each.public_bytes(Encoding.DER) for each in credential.issued.chain)
