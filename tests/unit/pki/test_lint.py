from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from pki.build import Subject
from pki.errors import RequestError
from pki.keys import PrivateKey
from pki.lint import errors, lint
from pki.parse import load_certificate
from pki.profiles import Role, Suite, profile
from tests.unit.pki.support import (
    COMMON_NAMES,
    EMAID,
    NOW,
    der,
    forge,
    shared_credential,
    shared_pki,
)


@dataclass
class Fault:
    """What is changed in the profile when the certificate is made, and the finding expected."""

    code: str
    changes: dict[str, object]
    role: Role = Role.CONTRACT
    suite: Suite = Suite.ISO_2
    severity: str = "error"
    more: set[str] = field(default_factory=set)


FAULTS = [
    Fault("domain-component", {"domain_component": "V2G"}),
    Fault("domain-component", {"domain_component": None}, role=Role.SECC),
    Fault("key-usage", {"key_usage": frozenset({"digital_signature"})}),
    Fault("basic-constraints", {"is_ca": True}),
    Fault("key", {"key": ec.generate_private_key(ec.SECP384R1())}),
    Fault("key", {"key": rsa.generate_private_key(65537, 2048)}),
    Fault("key", {"key": ec.generate_private_key(ec.SECP256R1())}, suite=Suite.ISO_20),
    Fault("path-length", {"path_length": 1, "issuer": "iso15118-2/mo-sub1"}, role=Role.MO_SUB2),
    Fault("path-length", {"path_length": None, "issuer": "iso15118-2/mo-sub1"}, role=Role.MO_SUB2),
    Fault("extended-key-usage", {"extended_key_usage": frozenset()}, Role.SECC, Suite.ISO_20),
    Fault("extended-key-usage", {"extended_key_usage": frozenset()}, Role.CSMS_SERVER, Suite.OCPP),
    Fault("subject-alternative-name", {"needs_dns_name": False}, Role.CSMS_SERVER, Suite.OCPP),
    Fault("common-name", {"subject": Subject("something else", "Acme")}),
    Fault("serial-entropy", {"serial": 12345}, severity="warning"),
    Fault("ocsp-url", {"row": profile(Role.OCSP_RESPONDER, Suite.ISO_2)}, severity="warning"),
    Fault("validity", {"validity": profile(Role.CONTRACT, Suite.ISO_2).validity * 2}, severity="warning"),
    Fault("key", {"key": rsa.generate_private_key(65537, 1024)}, Role.CHARGING_STATION, Suite.OCPP),
    Fault("key", {"key": ec.generate_private_key(ec.SECP192R1())}, Role.CHARGING_STATION, Suite.OCPP),
]  # fmt: skip


@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda f: f"{f.code}-{f.role}-{next(iter(f.changes))}"
)
def test_each_fault_is_named(fault: Fault) -> None:
    pki = shared_pki(fault.suite)
    changes = dict(fault.changes)
    subject = changes.pop("subject", Subject(COMMON_NAMES.get(fault.role, "CA"), "Acme"))
    row = changes.pop("row", profile(fault.role, fault.suite))
    if fault.code in {"common-name", "ocsp-url"}:
        changes["common_name"] = profile(Role.SECC, Suite.ISO_2).common_name
    if fault.code == "validity":
        changes["may_outlive_issuer"] = True
    if fault.code == "ocsp-url":
        changes["issuer"] = "iso15118-2/mo-sub2"
    forged = forge(pki, fault.suite, fault.role, row=row, subject=subject, **changes)  # type: ignore[arg-type]
    findings = lint(forged.certificate, profile(fault.role, fault.suite), fault.suite)
    assert (fault.severity, fault.code) in {(each.severity, each.code) for each in findings}


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())]
)
def test_ocpp_takes_keys_of_enough_bits(key: PrivateKey) -> None:
    """A00.FR.501 (2.0.1): RSA of 2048 bits, EC of 224, or more."""
    pki = shared_pki(Suite.OCPP)
    leaf = forge(pki, Suite.OCPP, Role.CHARGING_STATION, key=key).certificate
    assert lint(leaf, profile(Role.CHARGING_STATION, Suite.OCPP), Suite.OCPP) == []


def test_size_is_limited() -> None:
    pki = shared_pki(Suite.ISO_2)
    names = Subject(COMMON_NAMES[Role.CONTRACT], "Acme", dns_names=("x" * 60,) * 5)
    leaf = forge(pki, Suite.ISO_2, Role.CONTRACT, subject=names, needs_dns_name=True).certificate
    (finding,) = errors(lint(leaf, profile(Role.CONTRACT, Suite.ISO_2), Suite.ISO_2))
    assert (finding.code, finding.detail) == ("size", f"{len(der(leaf))} octets, at most 800")


def test_an_unknown_critical_extension_is_found() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    bare = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "y")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW.replace(month=4))
        .add_extension(unknown, critical=True)
        .sign(key, hashes.SHA256())
    )
    codes = {each.code for each in lint(bare, profile(Role.SECC, Suite.ISO_2), Suite.ISO_2)}
    assert codes == {
        "critical-extension",
        "organization",
        "domain-component",
        "basic-constraints",
        "key-usage",
        "subject-key-identifier",
        "authority-key-identifier",
        "ocsp-url",
    }


def test_names_that_cannot_be_read_are_a_finding() -> None:
    """Found by fuzzing: cryptography raises only when the name is asked for."""
    certificate = shared_credential(Suite.ISO_2, Role.CONTRACT).issued.certificate
    broken = der(certificate).replace(EMAID.encode(), b"\xff" + EMAID.encode()[1:])
    loaded = x509.load_der_x509_certificate(broken)
    (finding,) = lint(loaded, profile(Role.CONTRACT, Suite.ISO_2), Suite.ISO_2)
    assert finding.code == "unreadable"
    with pytest.raises(RequestError, match="cannot be read"):
        load_certificate(broken)


def test_mo_sub_ca_2_may_leave_the_tariff_usages_out() -> None:
    pki = shared_pki(Suite.ISO_2)
    usage = frozenset({"key_cert_sign", "crl_sign"})
    sub = forge(pki, Suite.ISO_2, Role.MO_SUB2, issuer="iso15118-2/mo-sub1", key_usage=usage)
    assert lint(sub.certificate, profile(Role.MO_SUB2, Suite.ISO_2), Suite.ISO_2) == []
