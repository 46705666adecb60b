"""The handshake of ISO 15118-2, with a PKI of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.serialization import Encoding

from charger_sim.iso15118 import tls
from charger_sim.iso15118.app_protocol import Protocol
from charger_sim.iso15118.handshake.flow import Auth, Flow, Party
from charger_sim.iso15118.handshake.lookup import name_root, read_certificate, service_lookup
from charger_sim.iso15118.iso2 import (
    Contract,
    Evcc,
    EvccConfig,
    Provisioning,
    Secc,
    SeccConfig,
)
from charger_sim.iso15118.local_backend import LocalBackend
from charger_sim.iso15118.model import AC_LIMITS, AC_NEEDS, ModelCar, ModelEvse
from charger_sim.iso15118.session import EvccSession, SeccSession
from charger_sim.iso15118.trust import TrustStore
from pki.build import Subject
from pki.hierarchy import Config, in_memory
from pki.issue import Pki, root_of
from pki.keys import PrivateKey
from pki.leaf import Credential, issue_credential
from pki.ports import Clock, RandomBytes
from pki.profiles import Role, Suite
from pki.provisioning import (
    add_provisioning_certificate,
    generate_contract,
    own_evidence,
    provisioning_chain,
    roots,
)
from pki.verify import verify

_EVSE_ID = "DE*ACM*E1*1"
_EVCC_ID = bytes.fromhex("020000000001")
_PCID = "WVWZZZ1KZAW000001"
_EMAID = "DEACMC000000013"
_CONNECT_COUNTS = {"read_certificate": 1}
_ASKING = {"ask": 1}
_SERVICE_COUNTS = {
    **_ASKING,
    "evidence": 1,
    "chain_verdict": 1,
    "pool_lookup": 1,
    "service_lookup": 1,
    "read_certificate": 4,
    "name_root": 1,
}
_VERDICT_COUNTS = {**_ASKING, "evidence": 1, "chain_verdict": 1, "read_certificate": 1}
_TAKE_CONTRACT_COUNTS = {
    "path_check": 2,
    "read_certificate": 2,
    "ecdh": 1,
    "derive": 1,
    "kdf": 1,
    "aes_cbc": 1,
}
"""What the car does with an installation, at the begin of the step after it."""


def flow_2(auth: Auth, install: bool, *, clock: Clock, random: RandomBytes) -> Flow:
    """EIM goes without TLS, as on real chargers. `clock` gives wall time."""
    config = Config("Measurement", ocsp_url="http://ocsp.example/ocsp")
    pki = in_memory(config, suites=[Suite.ISO_2], clock=clock, random=random)
    secc = issue_credential(pki, Suite.ISO_2, Role.SECC, Subject("DE*ACM*E1", "Acme"))
    contract = issue_credential(pki, Suite.ISO_2, Role.CONTRACT, Subject(_EMAID, "Acme"))
    maker = issue_credential(pki, Suite.ISO_2, Role.OEM_PROVISIONING, Subject(_PCID, "Acme"))
    add_provisioning_certificate(pki, _chain(maker))
    generate_contract(pki, _PCID, "DEACMC000000023", "Acme")
    root = root_of(pki.store, secc.issued.name)
    car = EvccConfig(
        _EVCC_ID,
        payment="Contract" if auth == "pnc" else "ExternalPayment",
        contract=None if install else Contract(_EMAID, _chain(contract), contract.private_key),
        provisioning=Provisioning(_chain(maker)[0], maker.private_key),
        trust=TrustStore((root,), clock.now),
        poll_s=0.0,
    )

    def unix_s() -> float:
        return clock.now().timestamp()

    def party() -> Party:
        evse = ModelEvse(AC_LIMITS, unix_s)
        charger = Secc(SeccConfig(_EVSE_ID), evse, random=random, unix_s=unix_s)
        vehicle = Evcc(car, ModelCar(AC_NEEDS, rounds=0))
        return Party(
            SeccSession({Protocol.ISO_2: lambda: charger}),
            EvccSession({Protocol.ISO_2: lambda: vehicle}),
            LocalBackend(pki),
        )

    with_tls = auth == "pnc"
    return Flow(
        Protocol.ISO_2.value,
        party,
        tls.secc_context_2(secc, random) if with_tls else None,
        tls.evcc_context_2([root]) if with_tls else None,
        _operations(pki, contract, root, random, clock) if with_tls else {},
        _counts(install) if with_tls else {"Authorization": _ASKING},
        signer=contract.private_key if with_tls else None,
    )


def _counts(install: bool) -> Mapping[str, Mapping[str, int]]:
    counts = {"Connect": _CONNECT_COUNTS}
    if not install:
        return {**counts, "PaymentDetails": _VERDICT_COUNTS}
    both = dict(_VERDICT_COUNTS)
    for name, count in _TAKE_CONTRACT_COUNTS.items():
        both[name] = both.get(name, 0) + count
    # the service reads and verifies the request again, the charger reads the service's response
    again = {
        "decode CertificateInstallationReq": 1,
        "check CertificateInstallationReq": 1,
        "decode CertificateInstallationRes": 1,
    }
    written = {"encode CertificateInstallationRes": 1}
    return {
        **counts,
        "CertificateInstallation": {**_SERVICE_COUNTS, **again, **written},
        "PaymentDetails": both,
    }


def _operations(
    pki: Pki, contract: Credential, root: x509.Certificate, random: RandomBytes, clock: Clock
) -> dict[str, Callable[[], object]]:
    chain = _chain(contract)
    loaded = [x509.load_der_x509_certificate(each) for each in chain]
    evidence = own_evidence(pki, loaded)
    trust = TrustStore((root,), clock.now)
    key = _elliptic(contract.private_key)
    public = key.public_key()
    octets = random(200)
    algorithm = ec.ECDSA(hashes.SHA256())
    signature = key.sign(octets, algorithm)
    secret, scalar = key.exchange(ec.ECDH(), public), key.private_numbers().private_value

    def aes_cbc() -> bytes:
        cipher = Cipher(algorithms.AES(octets[:16]), modes.CBC(octets[16:32])).decryptor()
        return cipher.update(octets[32:64]) + cipher.finalize()

    return {
        "sign": lambda: key.sign(octets, algorithm),
        "verify": lambda: public.verify(signature, octets, algorithm),
        "keygen": lambda: ec.generate_private_key(ec.SECP256R1()),
        "derive": lambda: ec.derive_private_key(scalar, key.curve).public_key() == public,
        "ecdh": lambda: key.exchange(ec.ECDH(), public),
        "kdf": lambda: ConcatKDFHash(hashes.SHA256(), 16, b"\1UV").derive(secret),
        "aes_cbc": aes_cbc,
        "read_certificate": lambda: read_certificate(chain[0]),
        "name_root": lambda: name_root(root),
        "path_check": lambda: trust.check(chain, None),
        "evidence": lambda: own_evidence(pki, loaded),
        "chain_verdict": lambda: verify(
            chain, Role.CONTRACT, roots(pki), evidence, clock.now(), suite=Suite.ISO_2
        ),
        "pool_lookup": lambda: provisioning_chain(pki, _PCID),
        "service_lookup": lambda: service_lookup(pki, Suite.ISO_2, _PCID),
    }


def _chain(credential: Credential) -> tuple[bytes, ...]:
    return tuple(each.public_bytes(Encoding.DER) for each in credential.issued.chain)


def _elliptic(key: PrivateKey) -> ec.EllipticCurvePrivateKey:
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("ISO 15118-2 uses P-256")
    return key
