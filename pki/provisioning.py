"""The provisioning service: which vehicle may have which contracts, and handing them out.

Pools (names of the Open Plug&Charge Protocol): provisioning certificates by PCID, root
certificates, and signed contract data by PCID. A contract's private key is made here, wrapped for
the vehicle, and forgotten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pki.build import Subject
from pki.contract import WrappedKey, associated_data, receiver_key, wrap
from pki.errors import NotFoundError, PkiError, RequestError
from pki.evidence import Evidence
from pki.installation import ContractPackage, InstallationRequest, make_response, read_request
from pki.issue import Issued, Pki, ca_id, intermediates
from pki.keys import narrow_public_key, suite_of_key
from pki.leaf import issue_credential
from pki.ocsp import answer_for
from pki.parse import load_certificate, parse_der
from pki.profiles import MAX_CHAIN_CERTIFICATES, ROOTS, Role, Suite
from pki.record import Status
from pki.verify import CertificateStatus, verify

MAX_CONTRACTS: Final = 10
"""Of one vehicle; -20 counts what remains in an octet."""


class ProvisioningRefusedError(PkiError):
    """The vehicle or its certificate is not entitled; `status` is the word towards the station."""

    def __init__(self, status: CertificateStatus, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status


class _Contract(msgspec.Struct, frozen=True):
    """One pool entry."""

    emaid: str
    serial: str
    chain: list[bytes]
    encrypted: bytes
    dh_public_key: bytes

    @property
    def package(self) -> ContractPackage:
        key = WrappedKey(self.encrypted, self.dh_public_key)
        return ContractPackage(self.emaid, tuple(self.chain), key)


# roots


def add_root(pki: Pki, certificate: x509.Certificate) -> None:
    """Trust a foreign root, such as an OEM's. Raises RequestError unless it signs itself."""
    try:
        certificate.verify_directly_issued_by(certificate)
    except Exception as error:  # noqa: BLE001 cryptography raises four unrelated types here
        raise RequestError(f"not a self-signed certificate: {type(error).__name__}") from None
    der = certificate.public_bytes(Encoding.DER)
    pki.audit.append("root-added", pki.clock.now(), sha256=hashlib.sha256(der).hexdigest())
    pki.store.pool_put("root", hashlib.sha256(der).hexdigest(), der)


def roots(pki: Pki) -> list[x509.Certificate]:
    """Our own roots, then those added."""
    own = [
        record.certificate
        for role in ROOTS
        for record in pki.store.find(role=role, status=Status.ISSUED)
    ]
    added = pki.store.pool_list("root", "")
    return own + [parse_der(der) for _, der in added]


def own_evidence(pki: Pki, chain: Sequence[x509.Certificate]) -> Evidence:
    """OCSP answers for those certificates that this PKI issued; others need evidence of theirs."""
    ours = [
        record
        for certificate in chain
        for record in pki.store.find(serial=certificate.serial_number)
        if record.der and record.certificate == certificate
    ]
    return Evidence(ocsp=tuple(answer_for(pki, each.issuer, each.serial) for each in ours))


# provisioning certificates


def add_provisioning_certificate(pki: Pki, chain: tuple[bytes, ...]) -> str:
    """Enter a vehicle's provisioning chain (DER, leaf first) into the pool; returns its PCID.

    Raises ProvisioningRefusedError unless it verifies to a known root.
    """
    pcid = _verified_name(pki, chain, Role.OEM_PROVISIONING)
    pki.store.pool_put("provisioning", pcid, msgspec.msgpack.encode(list(chain)))
    return pcid


def provisioning_chain(pki: Pki, pcid: str) -> tuple[bytes, ...]:
    """DER, leaf first. Raises NotFoundError."""
    value = pki.store.pool_get("provisioning", pcid)
    if value is None:
        raise NotFoundError(f"no provisioning certificate of {pcid!r}")
    return tuple(msgspec.msgpack.decode(value, type=list[bytes]))


# contracts


def generate_contract(pki: Pki, pcid: str, emaid: str, organization: str) -> Issued:
    """Issue a contract for the vehicle and keep it, its key wrapped, in the contract pool.

    Raises NotFoundError for an unknown PCID, RequestError for a wrong eMAID or too many contracts.
    """
    chain = provisioning_chain(pki, pcid)
    provisioning = parse_der(chain[0])
    present = {each.emaid for each in _contracts(pki, pcid)}
    if emaid not in present and len(present) >= MAX_CONTRACTS:
        raise RequestError(f"vehicle {pcid} has {len(present)} contracts, at most {MAX_CONTRACTS}")
    issued, package = _new_contract(pki, provisioning, pcid, emaid, organization)
    entry = _Contract(
        emaid,
        f"{issued.certificate.serial_number:x}",
        list(package.chain),
        package.key.encrypted,
        package.key.dh_public_key,
    )
    pki.store.pool_put("contract", f"{pcid}/{emaid}", msgspec.msgpack.encode(entry))
    return issued


def delete_contract(pki: Pki, pcid: str, emaid: str) -> None:
    """Take a contract out of the pool; revoking its certificate is another step."""
    if not pki.store.pool_delete("contract", f"{pcid}/{emaid}"):
        raise NotFoundError(f"no contract {emaid} of {pcid}")


def answer_installation(pki: Pki, exi: bytes, namespace: str) -> list[tuple[str, bytes]]:
    """(eMAID, signed EXI response) for each contract that the vehicle may have now.

    An update (-2) renews the contract that signed the request. Raises RequestError for what cannot
    be read, SignatureRejectedError, ProvisioningRefusedError.
    """
    request = read_request(exi, namespace)
    request.check_signature()
    if request.is_update:
        return [_update(pki, request)]
    pcid = _name(request.certificate)
    chain = request.chain if request.chain[1:] else _pooled(pki, pcid, request.chain)
    _verified_name(pki, chain, Role.OEM_PROVISIONING)
    suite = suite_of_key(narrow_public_key(request.certificate.public_key()))
    packages = [each.package for each in _usable(pki, pcid, suite, request.prioritized_emaids)]
    if not packages:
        raise ProvisioningRefusedError(
            CertificateStatus.NO_CERTIFICATE_AVAILABLE, f"no contract of {pcid}"
        )
    chosen = packages[: max(1, request.max_contracts)]
    return [
        (package.emaid, _respond(pki, request, package, suite, len(packages) - 1 - number))
        for number, package in enumerate(chosen)
    ]


def _update(pki: Pki, request: InstallationRequest) -> tuple[str, bytes]:
    emaid = _verified_name(pki, request.chain, Role.CONTRACT)
    old = request.certificate
    organization = str(old.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)
    _, package = _new_contract(pki, old, emaid, emaid, organization)
    return emaid, _respond(pki, request, package, Suite.ISO_2, 0)


def _new_contract(
    pki: Pki, receiver: x509.Certificate, pcid: str, emaid: str, organization: str
) -> tuple[Issued, ContractPackage]:
    suite = suite_of_key(narrow_public_key(receiver.public_key()))
    credential = issue_credential(pki, suite, Role.CONTRACT, Subject(emaid, organization))
    issued = credential.issued
    aad = associated_data(pcid, issued.certificate)
    key = wrap(credential.private_key, receiver_key(receiver), pki.random, aad=aad)
    chain = tuple(each.public_bytes(Encoding.DER) for each in issued.chain)
    return issued, ContractPackage(emaid, chain, key)


def _respond(
    pki: Pki, request: InstallationRequest, package: ContractPackage, suite: Suite, remaining: int
) -> bytes:
    name = ca_id(suite, Role.CPS)
    record = pki.store.current(name)
    chain = (record.certificate, *intermediates(pki.store, record.issuer))
    return make_response(
        request,
        package,
        tuple(each.public_bytes(Encoding.DER) for each in chain),
        pki.keys.load(name),
        remaining=remaining,
        timestamp_s=int(pki.clock.now().timestamp()),
    )


def _contracts(pki: Pki, pcid: str) -> list[_Contract]:
    rows = pki.store.pool_list("contract", f"{pcid}/")
    return [msgspec.msgpack.decode(value, type=_Contract) for _, value in rows]


def _usable(pki: Pki, pcid: str, suite: Suite, wanted: tuple[str, ...]) -> list[_Contract]:
    """Contracts in force for this vehicle's key, those it prefers first."""
    issuer = ca_id(suite, Role.MO_SUB2)
    now = pki.clock.now()
    found = []
    for contract in _contracts(pki, pcid):
        record = pki.store.get(issuer, int(contract.serial, 16))
        if record is not None and record.status is Status.ISSUED and record.not_after > now:
            found.append(contract)
    order = {emaid: number for number, emaid in enumerate(wanted)}
    return sorted(found, key=lambda each: order.get(each.emaid, len(order)))


def _pooled(pki: Pki, pcid: str, sent: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The chain from the pool: requests of -2 carry the leaf alone."""
    try:
        pooled = provisioning_chain(pki, pcid)
    except NotFoundError as error:
        raise ProvisioningRefusedError(CertificateStatus.CERT_CHAIN_ERROR, str(error)) from None
    return (*sent, *pooled[1:])


def _verified_name(pki: Pki, chain: tuple[bytes, ...], role: Role) -> str:
    """The common name of a chain that verifies. Raises ProvisioningRefusedError."""
    try:
        loaded = [load_certificate(each) for each in chain[:MAX_CHAIN_CERTIFICATES]]
    except RequestError as error:
        raise ProvisioningRefusedError(CertificateStatus.CERT_CHAIN_ERROR, str(error)) from None
    if not loaded:
        raise ProvisioningRefusedError(CertificateStatus.NO_CERTIFICATE_AVAILABLE, "no chain")
    evidence = own_evidence(pki, loaded)
    verdict = verify(chain, role, roots(pki), evidence, pki.clock.now())
    if not verdict.accepted:
        raise ProvisioningRefusedError(verdict.status, verdict.detail)
    return _name(loaded[0])


def _name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""
