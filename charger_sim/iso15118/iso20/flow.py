"""The handshake of ISO 15118-20 for measurement, with a PKI of its own: P-521, mutual TLS 1.3."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

from charger_sim.iso15118 import tls
from charger_sim.iso15118.app_protocol import Protocol
from charger_sim.iso15118.handshake.flow import Auth, Flow, Party
from charger_sim.iso15118.handshake.lookup import name_root, read_certificate, service_lookup
from charger_sim.iso15118.iso20.evcc import Evcc
from charger_sim.iso15118.iso20.evcc_state import EvccConfig, Identity
from charger_sim.iso15118.iso20.limits import Limits
from charger_sim.iso15118.iso20.models import SimpleEvse, SimpleVehicle
from charger_sim.iso15118.iso20.secc import Secc
from charger_sim.iso15118.iso20.secc_state import SeccConfig
from charger_sim.iso15118.local_backend import LocalBackend
from charger_sim.iso15118.session import EvccSession, SeccSession
from charger_sim.iso15118.trust import TrustStore
from pki.build import Subject
from pki.hierarchy import Config, in_memory
from pki.issue import Pki, root_of
from pki.leaf import Credential, issue_credential
from pki.ports import Clock, RandomBytes
from pki.profiles import Role, Suite
from pki.provisioning import (
    add_provisioning_certificate,
    generate_contract,
    own_evidence,
    roots,
)
from pki.verify import verify

_EVSE_ID = "DE*ACM*E1*1"
_EVCC_ID = "WVWZZZ1KZAW000001"
_EMAID = "DEACMC000000013"
_INSTALLED_EMAID = "DEACMC000000023"
_SEALED_OCTETS = 66
_LIMITS = Limits(max_charge_w=11_000.0, max_charge_a=30.0, max_v=500.0, min_v=150.0)

_VERDICT = Counter(evidence=1, chain_verdict=1, read_certificate=1)
_ASKING = Counter(ask=1)
_CONNECT = Counter(read_certificate=1)
_SERVICE = Counter(service_lookup=1, read_certificate=3, name_root=1) + _VERDICT
_EXI_OF_SERVICE = Counter(
    {
        # the service reads the request and writes its response, which the charger reads
        "decode CertificateInstallationReq": 1,
        "encode CertificateInstallationRes": 1,
        "decode CertificateInstallationRes": 1,
    }
)
_TAKE_CONTRACT = Counter(path_check=1, read_certificate=3, ecdh=1, derive=1, kdf=1, aes_gcm=1)
"""What the car does with an installation, at the begin of the step after it."""


@dataclass(frozen=True, slots=True)
class _World:
    pki: Pki
    secc: Credential
    vehicle: Credential
    contract: Credential
    provisioning: Credential

    @property
    def root(self) -> x509.Certificate:
        return root_of(self.pki.store, self.secc.issued.name)


def _world(clock: Clock, random: RandomBytes) -> _World:
    config = Config("Measurement", ocsp_url="http://ocsp.example/ocsp")
    pki = in_memory(config, suites=[Suite.ISO_20], clock=clock, random=random)

    def credential(role: Role, name: str) -> Credential:
        return issue_credential(pki, Suite.ISO_20, role, Subject(name, "Acme"))

    provisioning = credential(Role.OEM_PROVISIONING, _EVCC_ID)
    add_provisioning_certificate(pki, Identity.of(provisioning).chain)
    generate_contract(pki, _EVCC_ID, _INSTALLED_EMAID, "Acme")
    return _World(
        pki,
        credential(Role.SECC, "DEACME1"),
        credential(Role.VEHICLE, _EVCC_ID),
        credential(Role.CONTRACT, _EMAID),
        provisioning,
    )


def flow_20(auth: Auth, install: bool, *, clock: Clock, random: RandomBytes) -> Flow:
    """TLS with either way of authorization, as the standard says. `clock` gives wall time."""
    world = _world(clock, random)
    with_contract = auth == "pnc"
    shown = Identity.of(world.secc).chain[0]
    car = EvccConfig(
        _EVCC_ID,
        authorizations=("PnC",) if with_contract else ("EIM",),
        contract=None if install or not with_contract else Identity.of(world.contract),
        provisioning=Identity.of(world.provisioning),
        v2g_roots=(world.root,),
        poll_s=0.0,
    )

    def party() -> Party:
        charger = Secc(SeccConfig(), SimpleEvse(_EVSE_ID, _LIMITS), clock, random)
        vehicle = Evcc(car, SimpleVehicle(_LIMITS, turns=0), clock, random)
        return Party(
            SeccSession({Protocol.ISO_20_DC: lambda: charger}),
            EvccSession({Protocol.ISO_20_DC: lambda: vehicle}),
            LocalBackend(world.pki),
        )

    return Flow(
        Protocol.ISO_20_DC.value,
        party,
        tls.secc_context_20(world.secc, [world.root], random),
        tls.evcc_context_20(world.vehicle, [world.root], random),
        {
            "read_certificate": lambda: read_certificate(shown),
            **(_operations(world, random, clock) if with_contract else {}),
        },
        _counts(install) if with_contract else {"Connect": _CONNECT, "Authorization": _ASKING},
        signer=world.contract.private_key if with_contract else None,
        tls_round_trips=1,
    )


def _counts(install: bool) -> Mapping[str, Mapping[str, int]]:
    if not install:
        return {"Connect": _CONNECT, "Authorization": _ASKING + _VERDICT}
    return {
        "Connect": _CONNECT,
        "CertificateInstallation": _ASKING + _SERVICE + _EXI_OF_SERVICE,
        "Authorization": _ASKING + _VERDICT + _TAKE_CONTRACT,
    }


def _operations(
    world: _World, random: RandomBytes, clock: Clock
) -> dict[str, Callable[[], object]]:
    identity = Identity.of(world.contract)
    loaded = [x509.load_der_x509_certificate(each) for each in identity.chain]
    evidence = own_evidence(world.pki, loaded)
    pki, trust = world.pki, TrustStore((world.root,), clock.now)
    key = identity.key
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the measurement is of P-521")
    public, octets, algorithm = key.public_key(), random(200), ec.ECDSA(hashes.SHA512())
    signature, secret = key.sign(octets, algorithm), key.exchange(ec.ECDH(), key.public_key())
    scalar = key.private_numbers().private_value
    sealed = AESGCM(octets[:32]).encrypt(octets[32:44], octets[:_SEALED_OCTETS], octets)
    return {
        "sign": lambda: key.sign(octets, algorithm),
        "verify": lambda: public.verify(signature, octets, algorithm),
        "ecdh": lambda: key.exchange(ec.ECDH(), public),
        "derive": lambda: ec.derive_private_key(scalar, key.curve).public_key() == public,
        "kdf": lambda: ConcatKDFHash(hashes.SHA512(), 32, b"\1UV").derive(secret),
        "aes_gcm": lambda: AESGCM(octets[:32]).decrypt(octets[32:44], sealed, octets),
        "name_root": lambda: name_root(world.root),
        "path_check": lambda: trust.check(identity.chain, None),
        "evidence": lambda: own_evidence(pki, loaded),
        "chain_verdict": lambda: verify(
            identity.chain,
            Role.CONTRACT,
            roots(pki),
            evidence,
            clock.now(),
            suite=Suite.ISO_20,
        ),
        "service_lookup": lambda: service_lookup(pki, Suite.ISO_20, _EVCC_ID),
    }
