from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pki.build import Subject
from pki.errors import IssuanceError, NotFoundError, RequestError
from pki.hierarchy import Config, issue_successor_root
from pki.issue import LintError, Order, ca_id, issue, recover, root_of
from pki.keys import PrivateKey, generate
from pki.leaf import issue_credential, issue_for_request, issue_leaf
from pki.lint import lint
from pki.profiles import SUITES, KeyKind, Role, Suite, authorities, profile
from pki.record import Status
from tests.unit.pki.support import (
    COMMON_NAMES,
    EMAID,
    LEAVES,
    NOW,
    clock_of,
    credential,
    der,
    new_pki,
    root,
    seeded,
    shared_credential,
    shared_pki,
)


@pytest.mark.parametrize(("suite", "role"), LEAVES)
def test_leaves_have_the_profile_of_the_table(suite: Suite, role: Role) -> None:
    certificate = shared_credential(suite, role).issued.certificate
    row = profile(role, suite)
    assert lint(certificate, row, suite) == []
    assert len(der(certificate)) <= SUITES[suite].max_octets
    assert certificate.not_valid_before_utc == NOW
    assert certificate.not_valid_after_utc == NOW + row.validity
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert [each.value for each in names] == [COMMON_NAMES[role]]
    critical = {each.oid for each in certificate.extensions if each.critical}
    assert critical == {x509.BasicConstraints.oid, x509.KeyUsage.oid}


@pytest.mark.parametrize("suite", list(Suite))
def test_hierarchy_is_as_deep_as_the_table_says(suite: Suite) -> None:
    pki = shared_pki(suite)
    for row in authorities(suite):
        certificate = pki.store.current(ca_id(suite, row.role)).certificate
        assert lint(certificate, row, suite) == []
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        assert (constraints.ca, constraints.path_length) == (True, row.path_length)
        assert lint(
            pki.store.current(f"{suite}/{row.role}/ocsp").certificate,
            profile(Role.OCSP_RESPONDER, suite),
            suite,
        ) == []  # fmt: skip


def test_a_leaf_does_not_outlive_its_issuer_unless_the_table_says_so() -> None:
    pki = new_pki(Suite.ISO_2)
    end = pki.store.current("iso15118-2/mo-sub2").not_after
    clock_of(pki).at = end - timedelta(days=30)
    contract = credential(pki, Suite.ISO_2, Role.CONTRACT).issued.certificate
    provisioning = credential(pki, Suite.ISO_2, Role.OEM_PROVISIONING).issued.certificate
    assert contract.not_valid_after_utc == end
    assert provisioning.not_valid_after_utc == end - timedelta(days=30) + timedelta(days=4 * 365)
    clock_of(pki).at = end
    with pytest.raises(RequestError, match="expired"):
        credential(pki, Suite.ISO_2, Role.CONTRACT)


def test_every_certificate_is_in_the_log_before_it_is_in_the_store() -> None:
    pki = shared_pki(Suite.ISO_2)
    entries = pki.audit.verify()
    announced = {e.data["serial"]: e.data for e in entries if e.event == "sign"}
    issued = {e.data["serial"]: e.data for e in entries if e.event == "issued"}
    for record in pki.store.find(status=Status.ISSUED):
        tbs = record.certificate.tbs_certificate_bytes
        assert announced[record.serial_hex]["tbs_sha256"] == hashlib.sha256(tbs).hexdigest()
        assert issued[record.serial_hex]["sha256"] == hashlib.sha256(record.der).hexdigest()


def test_what_breaks_its_profile_never_meets_the_real_key() -> None:
    pki = new_pki(Suite.ISO_2)
    before = len(pki.store.find())
    wrong = ec.generate_private_key(ec.SECP384R1()).public_key()
    with pytest.raises(LintError) as caught:
        issue_leaf(pki, Suite.ISO_2, Role.SECC, Subject("SECC1", "Acme"), wrong)
    assert [each.code for each in caught.value.findings] == ["key"]
    assert len(pki.store.find()) == before
    assert pki.audit.verify()[-1].event == "issued"  # of the hierarchy; no "sign" after it


def test_a_signer_that_signs_something_else_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    pki = new_pki(Suite.ISO_2)
    from pki import issue as module

    real = module._sign
    calls: list[PrivateKey] = []

    def swapped(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
        calls.append(key)
        if len(calls) == 2:
            builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
        return real(builder, key)

    monkeypatch.setattr(module, "_sign", swapped)
    with pytest.raises(IssuanceError, match="differs"):
        credential(pki, Suite.ISO_2, Role.SECC)
    assert pki.store.find(role=Role.SECC, status=Status.ISSUED) == []
    assert [each.role for each in recover(pki)] == [Role.SECC]


def test_roles_are_issued_by_whom_the_table_names() -> None:
    pki = shared_pki(Suite.ISO_2)
    key = generate(KeyKind.P256, seeded()).public_key()
    subject = Subject(EMAID, "Acme")
    order = Order(Suite.ISO_2, Role.CONTRACT, subject, key, "x", "iso15118-2/cpo-sub2")
    with pytest.raises(RequestError, match="cannot issue contract"):
        issue(pki, order)
    with pytest.raises(RequestError, match="needs an issuer"):
        issue(pki, replace(order, issuer=None, name="iso15118-2/mo-sub2"))
    leaf = shared_credential(Suite.ISO_2, Role.SECC).issued.name
    pki.keys.save(leaf, generate(KeyKind.P256, seeded()))
    with pytest.raises(RequestError, match="cannot issue ocsp-responder"):
        issue(pki, replace(order, role=Role.OCSP_RESPONDER, subject=Subject("x", "y"), issuer=leaf))
    with pytest.raises(NotFoundError):
        root_of(pki.store, "nobody")


@pytest.mark.parametrize(
    ("role", "name"),
    [
        (Role.CONTRACT, "not an eMAID"),
        (Role.CONTRACT, "DE-ACM-C123456789-X-"),
        (Role.OEM_PROVISIONING, "SHORT"),
        (Role.SECC, ""),
        (Role.SECC, "x" * 65),
        (Role.SECC, "a\nb"),
    ],
)
def test_common_names_are_checked(role: Role, name: str) -> None:
    with pytest.raises(RequestError, match="common name"):
        issue_credential(shared_pki(Suite.ISO_2), Suite.ISO_2, role, Subject(name, "Acme"))


def test_organization_and_country_are_checked() -> None:
    pki = shared_pki(Suite.ISO_2)
    with pytest.raises(RequestError, match="organization"):
        issue_credential(pki, Suite.ISO_2, Role.SECC, Subject("SECC1", ""))
    with pytest.raises(RequestError, match="subject"):
        issue_credential(pki, Suite.ISO_2, Role.SECC, Subject("SECC1", "Acme", country="Germany"))


def test_roles_of_other_suites_are_refused() -> None:
    with pytest.raises(RequestError, match="vehicle does not exist in suite iso15118-2"):
        profile(Role.VEHICLE, Suite.ISO_2)
    with pytest.raises(RequestError, match="is not a leaf"):
        issue_credential(shared_pki(Suite.ISO_2), Suite.ISO_2, Role.MO_SUB2, Subject("x", "Acme"))


def test_signing_requests_keep_their_key_and_nothing_else() -> None:
    pki = shared_pki(Suite.OCPP)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "liar")])
    )
    builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    request = builder.sign(key, hashes.SHA256())
    issued = issue_for_request(
        pki, Suite.OCPP, Role.CHARGING_STATION, request, Subject("SN-1", "Acme")
    )
    assert issued.certificate.public_key() == key.public_key()
    assert lint(issued.certificate, profile(Role.CHARGING_STATION, Suite.OCPP), Suite.OCPP) == []
    names = issued.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert [each.value for each in names] == ["SN-1"]


def test_a_request_signed_by_another_key_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(key, hashes.SHA256())
    )
    octets = bytearray(request.public_bytes(Encoding.DER))
    octets[-1] ^= 1
    broken = x509.load_der_x509_csr(bytes(octets))
    with pytest.raises(RequestError, match="not signed by its own key"):
        issue_for_request(
            shared_pki(Suite.OCPP), Suite.OCPP, Role.CHARGING_STATION, broken, Subject("S", "A")
        )


def test_same_seed_same_keys_and_serials() -> None:
    first, second = new_pki(Suite.ISO_2, seed=5), new_pki(Suite.ISO_2, seed=5)
    assert [each.tbs_sha256 for each in first.store.find()] == [
        each.tbs_sha256 for each in second.store.find()
    ]


def test_a_serial_is_used_once() -> None:
    pki = new_pki(Suite.ISO_2)
    stuck = replace(pki, random=lambda n: b"\x42" * n)
    credential(stuck, Suite.ISO_2, Role.SECC)
    with pytest.raises(RequestError, match="serial 4242"):
        credential(stuck, Suite.ISO_2, Role.SECC)


@pytest.mark.parametrize("suite", [Suite.OCPP, Suite.ISO_2])
def test_a_successor_root_is_signed_by_the_old_one(suite: Suite) -> None:
    """OCPP 2.0.1 M05.FR.09: a station takes a new root only on the old one's word."""
    pki = new_pki(suite)
    new = issue_successor_root(pki, suite, Config("Acme 2"))
    old = root(pki, suite)
    new.certificate.verify_directly_issued_by(old)
    assert new.certificate.public_key() != old.public_key()
    row = profile(Role.CSMS_ROOT if suite is Suite.OCPP else Role.V2G_ROOT, suite)
    assert lint(new.certificate, row, suite) == []
    assert new.certificate.not_valid_after_utc == old.not_valid_after_utc


def test_a_sub_ca_cannot_make_a_root() -> None:
    pki = shared_pki(Suite.ISO_2)
    key = generate(KeyKind.P256, seeded()).public_key()
    subject = Subject("Usurper", "Acme")
    order = Order(Suite.ISO_2, Role.V2G_ROOT, subject, key, "x-root", "iso15118-2/mo-sub1")
    with pytest.raises(RequestError, match="cannot issue v2g-root"):
        issue(pki, order)
