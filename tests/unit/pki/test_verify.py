from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from pki import ocsp as responder
from pki.build import Subject
from pki.evidence import Evidence
from pki.issue import Pki
from pki.profiles import Role, Suite, profile
from pki.provisioning import own_evidence
from pki.revoke import make_crl, revoke
from pki.verify import CertificateStatus, Reason, Verdict, verify
from tests.unit.pki.support import (
    EMAID,
    LEAVES,
    NOW,
    Forged,
    chain_above,
    clock_of,
    credential,
    der,
    forge,
    lists,
    new_pki,
    root,
    shared_credential,
    shared_lists,
    shared_pki,
)

S = CertificateStatus


@pytest.mark.parametrize(("suite", "role"), LEAVES)
def test_every_profile_is_accepted_by_list(suite: Suite, role: Role) -> None:
    pki = shared_pki(suite)
    issued = shared_credential(suite, role).issued
    evidence = shared_lists(suite)
    verdict = verify(issued.chain, role, [root(pki, suite)], evidence, NOW)
    assert (verdict.status, verdict.detail, verdict.warnings) == (S.ACCEPTED, "", ())
    assert verdict.path == (*issued.chain, root(pki, suite))


@pytest.mark.parametrize(("suite", "role"), LEAVES)
def test_every_profile_is_accepted_by_ocsp(suite: Suite, role: Role) -> None:
    pki = shared_pki(suite)
    issued = shared_credential(suite, role).issued
    evidence = own_evidence(pki, issued.chain)
    assert len(evidence.ocsp) == len(issued.chain)
    verdict = verify(issued.chain, role, [root(pki, suite)], evidence, NOW)
    assert (verdict.status, verdict.detail) == (S.ACCEPTED, "")


def test_pem_text_and_an_included_root_are_accepted() -> None:
    pki = shared_pki(Suite.ISO_2)
    issued = shared_credential(Suite.ISO_2, Role.CONTRACT).issued
    anchor = root(pki, Suite.ISO_2)
    text = issued.chain_pem.decode()
    evidence = shared_lists(Suite.ISO_2)
    assert verify(text, Role.CONTRACT, [anchor], evidence, NOW).accepted
    assert verify([*issued.chain, anchor], Role.CONTRACT, [anchor], evidence, NOW).accepted


def test_lists_fill_in_where_ocsp_is_silent() -> None:
    pki = shared_pki(Suite.ISO_2)
    issued = shared_credential(Suite.ISO_2, Role.CONTRACT).issued
    leaf_only = own_evidence(pki, issued.chain[:1])
    mixed = Evidence(crls=shared_lists(Suite.ISO_2).crls, ocsp=leaf_only.ocsp)
    anchor = [root(pki, Suite.ISO_2)]
    assert verify(issued.chain, Role.CONTRACT, anchor, mixed, NOW).accepted
    alone = verify(issued.chain, Role.CONTRACT, anchor, leaf_only, NOW)
    assert (alone.status, alone.reason) == (S.CERT_CHAIN_ERROR, Reason.REVOCATION_UNKNOWN)


# Evil certificates. Each case makes a chain; everything else is as for a good one.


@dataclass
class Evil:
    """One attack: its chain, and what differs from a good verification."""

    chain: list[x509.Certificate | bytes]
    status: CertificateStatus
    reason: Reason
    role: Role = Role.CONTRACT
    at: datetime = NOW
    evidence: Evidence | None = None
    keyword: dict[str, object] = field(default_factory=dict)
    finding: str = ""


def _contract(pki: Pki, suite: Suite, **changes: object) -> list[x509.Certificate | bytes]:
    forged = forge(pki, suite, Role.CONTRACT, **changes)  # type: ignore[arg-type]
    return [forged.certificate, *chain_above(pki, suite, Role.CONTRACT)]


def _wrong_dc(pki: Pki, suite: Suite) -> Evil:
    chain = _contract(pki, suite, domain_component="CPO")
    return Evil(chain, S.CERT_CHAIN_ERROR, Reason.PROFILE, finding="domain-component")


def _secc_without_dc(pki: Pki, suite: Suite) -> Evil:
    leaf = forge(pki, suite, Role.SECC, domain_component=None).certificate
    chain = [leaf, *chain_above(pki, suite, Role.SECC)]
    return Evil(
        chain, S.CERT_CHAIN_ERROR, Reason.PROFILE, role=Role.SECC, finding="domain-component"
    )


def _wrong_key_usage(pki: Pki, suite: Suite) -> Evil:
    chain = _contract(pki, suite, key_usage=frozenset({"digital_signature"}))
    return Evil(chain, S.CERT_CHAIN_ERROR, Reason.PROFILE, finding="key-usage")


def _surplus_key_usage(pki: Pki, suite: Suite) -> Evil:
    usage = profile(Role.CONTRACT, suite).key_usage | {"data_encipherment"}
    return Evil(
        _contract(pki, suite, key_usage=usage),
        S.CERT_CHAIN_ERROR,
        Reason.PROFILE,
        finding="key-usage",
    )


def _leaf_is_an_authority(pki: Pki, suite: Suite) -> Evil:
    usage = frozenset({"key_cert_sign", "crl_sign"})
    return Evil(
        _contract(pki, suite, is_ca=True, key_usage=usage),
        S.CERT_CHAIN_ERROR,
        Reason.PROFILE,
        finding="basic-constraints",
    )


def _of_another_domain(pki: Pki, suite: Suite) -> Evil:
    """A charger's certificate shown as a contract."""
    chain = list(shared_credential(suite, Role.SECC).issued.chain)
    return Evil([*chain], S.CERT_CHAIN_ERROR, Reason.PROFILE, finding="domain-component")


def _contract_issued_by_cpo(pki: Pki, suite: Suite) -> Evil:
    leaf = forge(pki, suite, Role.CONTRACT, issuer=f"{suite}/cpo-sub2").certificate
    chain = [leaf, *chain_above(pki, suite, Role.SECC)]
    return Evil(
        [*chain], S.CERT_CHAIN_ERROR, Reason.PROFILE, finding="depth 1 (mo-sub2): domain-component"
    )


def _path_too_long(pki: Pki, suite: Suite) -> Evil:
    upper = forge(
        pki, suite, Role.MO_SUB2, issuer=f"{suite}/v2g-root", serial=0xA1 << 70,
        subject=Subject("Upper", "Acme"),
    )  # fmt: skip
    lower = forge(
        pki, suite, Role.MO_SUB2, issuer=upper, serial=0xA2 << 70, subject=Subject("Low", "Acme")
    )
    leaf = forge(pki, suite, Role.CONTRACT, issuer=lower)
    chain = [leaf.certificate, lower.certificate, upper.certificate]
    return Evil([*chain], S.CERT_CHAIN_ERROR, Reason.PATH, finding="path length")


def _sub_ca_without_path_length(pki: Pki, suite: Suite) -> Evil:
    sub = forge(
        pki, suite, Role.MO_SUB2, issuer=f"{suite}/mo-sub1", path_length=None,
        subject=Subject("Boundless", "Acme"),
    )  # fmt: skip
    leaf = forge(pki, suite, Role.CONTRACT, issuer=sub, serial=0xB1 << 70)
    upper = chain_above(pki, suite, Role.CONTRACT)[1]
    evidence = Evidence(
        crls=(*shared_lists(suite).crls, _empty_list(sub)),
    )
    chain = [leaf.certificate, sub.certificate, upper]
    return Evil(
        [*chain],
        S.CERT_CHAIN_ERROR,
        Reason.PROFILE,
        evidence=evidence,
        finding="depth 1 (mo-sub2): path-length",
    )


def _empty_list(authority: Forged) -> x509.CertificateRevocationList:
    own = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(NOW)
        .next_update(NOW + timedelta(days=1))
        .add_extension(identifier, critical=False)
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    return builder.sign(authority.key, responder.signature_hash(authority.key))


def _expired(pki: Pki, suite: Suite) -> Evil:
    chain = _contract(pki, suite, at=NOW - timedelta(days=800))
    return Evil(chain, S.CERTIFICATE_EXPIRED, Reason.EXPIRED)


def _not_yet_valid(pki: Pki, suite: Suite) -> Evil:
    chain = _contract(pki, suite, at=NOW + timedelta(days=1))
    return Evil(chain, S.CERTIFICATE_EXPIRED, Reason.NOT_YET_VALID)


def _wrong_curve(pki: Pki, suite: Suite) -> Evil:
    chain = _contract(pki, suite, key=ec.generate_private_key(ec.SECP384R1()))
    return Evil(chain, S.CERT_CHAIN_ERROR, Reason.PROFILE, finding="key")


def _bitcoin_curve(pki: Pki, suite: Suite) -> Evil:
    chain = _contract(pki, suite, key=ec.generate_private_key(ec.SECP256K1()))
    return Evil(chain, S.CERT_CHAIN_ERROR, Reason.PROFILE, finding="key")


def _no_revocation_information(pki: Pki, suite: Suite) -> Evil:
    chain = [*shared_credential(suite, Role.CONTRACT).issued.chain]
    return Evil([*chain], S.CERT_CHAIN_ERROR, Reason.REVOCATION_UNKNOWN, evidence=Evidence())


def _self_signed(pki: Pki, suite: Suite) -> Evil:
    row = profile(Role.CONTRACT, suite)
    key = shared_credential(suite, Role.CONTRACT).private_key
    seed = forge(pki, suite, Role.CONTRACT, row=row, key=key)
    own_issuer = Forged(seed.certificate, key)
    leaf = forge(pki, suite, Role.CONTRACT, row=row, issuer=own_issuer, key=key)
    assert leaf.certificate.issuer == leaf.certificate.subject
    return Evil([leaf.certificate], S.CERT_CHAIN_ERROR, Reason.PATH, finding="self")


def _foreign_root(pki: Pki, suite: Suite) -> Evil:
    """The same names, other keys."""
    stranger = new_pki(suite, seed=99)
    issued = credential(stranger, suite, Role.CONTRACT).issued
    return Evil([*issued.chain], S.CERT_CHAIN_ERROR, Reason.PATH)


def _wrong_issuer(pki: Pki, suite: Suite) -> Evil:
    """The Sub-CA's name, but another key signed."""
    sub = pki.store.current(f"{suite}/mo-sub2").certificate
    stranger = Forged(sub, shared_credential(suite, Role.CONTRACT).private_key)
    leaf = forge(pki, suite, Role.CONTRACT, issuer=stranger)
    chain = [leaf.certificate, *chain_above(pki, suite, Role.CONTRACT)]
    return Evil([*chain], S.SIGNATURE_ERROR, Reason.SIGNATURE)


def _tampered_signature(pki: Pki, suite: Suite) -> Evil:
    leaf, *rest = shared_credential(suite, Role.CONTRACT).issued.chain
    octets = bytearray(der(leaf))
    octets[-1] ^= 1
    return Evil([bytes(octets), *rest], S.SIGNATURE_ERROR, Reason.SIGNATURE)


def _tampered_name(pki: Pki, suite: Suite) -> Evil:
    leaf, *rest = shared_credential(suite, Role.CONTRACT).issued.chain
    octets = der(leaf).replace(EMAID.encode(), b"DEACMC99999999X")
    return Evil([octets, *rest], S.SIGNATURE_ERROR, Reason.SIGNATURE)


def _oversized_chain(pki: Pki, suite: Suite) -> Evil:
    chain = shared_credential(suite, Role.CONTRACT).issued.chain
    others = chain_above(pki, suite, Role.SECC)
    return Evil([*chain, *others], S.CERT_CHAIN_ERROR, Reason.OVERSIZED)


def _oversized_certificate(pki: Pki, suite: Suite) -> Evil:
    names = Subject(EMAID, "A" * 60, dns_names=tuple(f"n{i}.example.com" for i in range(90)))
    chain = _contract(pki, suite, subject=names, needs_dns_name=True)
    return Evil(chain, S.CERT_CHAIN_ERROR, Reason.PROFILE, finding="size")


def _missing_intermediate(pki: Pki, suite: Suite) -> Evil:
    leaf = shared_credential(suite, Role.CONTRACT).issued.certificate
    return Evil([leaf], S.CERT_CHAIN_ERROR, Reason.PATH)


def _no_emaid(pki: Pki, suite: Suite) -> Evil:
    row = replace(profile(Role.CONTRACT, suite), common_name=profile(Role.SECC, suite).common_name)
    subject = Subject("not an eMAID", "Acme")
    return Evil(
        _contract(pki, suite, row=row, subject=subject),
        S.CERT_CHAIN_ERROR,
        Reason.PROFILE,
        finding="common-name",
    )


def _garbage(pki: Pki, suite: Suite) -> Evil:
    return Evil([b"\x30\x03\x02\x01\x05"], S.CERT_CHAIN_ERROR, Reason.MALFORMED)


def _nothing(pki: Pki, suite: Suite) -> Evil:
    return Evil([], S.NO_CERTIFICATE_AVAILABLE, Reason.EMPTY)


def _root_alone(pki: Pki, suite: Suite) -> Evil:
    return Evil([root(pki, suite)], S.NO_CERTIFICATE_AVAILABLE, Reason.EMPTY)


def _expired_list(pki: Pki, suite: Suite) -> Evil:
    chain = [*shared_credential(suite, Role.CONTRACT).issued.chain]
    later = NOW + timedelta(days=8)
    return Evil(
        [*chain], S.CERT_CHAIN_ERROR, Reason.REVOCATION_UNKNOWN, at=later,
        evidence=shared_lists(suite),
    )  # fmt: skip


def _cancelled(pki: Pki, suite: Suite) -> Evil:
    chain = [*shared_credential(suite, Role.CONTRACT).issued.chain]
    keyword: dict[str, object] = {"cancelled": lambda emaid: emaid == EMAID}
    return Evil([*chain], S.CONTRACT_CANCELLED, Reason.CANCELLED, keyword=keyword)


def _vehicle_without_client_auth(pki: Pki, suite: Suite) -> Evil:
    if suite is Suite.ISO_2:
        return _wrong_dc(pki, suite)  # vehicles have no certificate of their own in -2
    leaf = forge(pki, suite, Role.VEHICLE, extended_key_usage=frozenset()).certificate
    chain = [leaf, *chain_above(pki, suite, Role.VEHICLE)]
    return Evil(
        [*chain],
        S.CERT_CHAIN_ERROR,
        Reason.PROFILE,
        role=Role.VEHICLE,
        finding="extended-key-usage",
    )


EVIL: list[Callable[[Pki, Suite], Evil]] = [
    _wrong_dc,
    _secc_without_dc,
    _wrong_key_usage,
    _surplus_key_usage,
    _leaf_is_an_authority,
    _of_another_domain,
    _contract_issued_by_cpo,
    _path_too_long,
    _sub_ca_without_path_length,
    _expired,
    _not_yet_valid,
    _wrong_curve,
    _bitcoin_curve,
    _no_revocation_information,
    _self_signed,
    _foreign_root,
    _wrong_issuer,
    _tampered_signature,
    _tampered_name,
    _oversized_chain,
    _oversized_certificate,
    _missing_intermediate,
    _no_emaid,
    _garbage,
    _nothing,
    _root_alone,
    _expired_list,
    _cancelled,
    _vehicle_without_client_auth,
]


@pytest.mark.parametrize("suite", [Suite.ISO_2, Suite.ISO_20, Suite.ISO_20_ED448])
@pytest.mark.parametrize("make", EVIL, ids=lambda make: make.__name__.strip("_"))
def test_evil_certificates_are_refused_with_the_right_word(
    suite: Suite, make: Callable[[Pki, Suite], Evil]
) -> None:
    pki = shared_pki(suite)
    evil = make(pki, suite)
    evidence = shared_lists(suite) if evil.evidence is None else evil.evidence
    verdict = verify(
        evil.chain,
        evil.role,
        [root(pki, suite)],
        evidence,
        evil.at,
        **evil.keyword,  # type: ignore[arg-type]
    )
    assert (verdict.status, verdict.reason) == (evil.status, evil.reason), verdict.detail
    assert evil.finding in verdict.detail


# revocation, which changes a PKI


def _check(pki: Pki, chain: tuple[x509.Certificate, ...], evidence: Evidence) -> Verdict:
    anchor = [root(pki, Suite.ISO_2)]
    return verify(chain, Role.CONTRACT, anchor, evidence, clock_of(pki).now())


def test_revoked_contract_by_list_and_by_ocsp() -> None:
    pki = new_pki(Suite.ISO_2)
    issued = credential(pki, Suite.ISO_2, Role.CONTRACT).issued
    before_lists, before_ocsp = lists(pki), own_evidence(pki, issued.chain)
    assert _check(pki, issued.chain, before_lists).accepted
    revoke(pki, issued.certificate.serial_number, "keyCompromise")
    for evidence in (lists(pki), own_evidence(pki, issued.chain)):
        verdict = _check(pki, issued.chain, evidence)
        assert (verdict.status, verdict.reason) == (S.CERTIFICATE_REVOKED, Reason.REVOKED)
    # what was fetched before still says good: freshness is the caller's choice of evidence
    assert _check(pki, issued.chain, before_ocsp).accepted


def test_revoked_sub_ca_revokes_what_it_issued() -> None:
    pki = new_pki(Suite.ISO_2)
    issued = credential(pki, Suite.ISO_2, Role.CONTRACT).issued
    all_lists = lists(pki)
    authority = issued.intermediates[0]
    revoke(pki, authority.serial_number, "cACompromise")
    fresh = make_crl(pki, "iso15118-2/mo-sub1")
    evidence = Evidence(crls=(*(c for c in all_lists.crls if c.issuer != fresh.issuer), fresh))
    assert _check(pki, issued.chain, evidence).status is S.CERTIFICATE_REVOKED


def test_revocation_by_ocsp_outweighs_an_old_list() -> None:
    pki = new_pki(Suite.ISO_2)
    issued = credential(pki, Suite.ISO_2, Role.CONTRACT).issued
    old = lists(pki)
    revoke(pki, issued.certificate.serial_number)
    both = Evidence(crls=old.crls, ocsp=own_evidence(pki, issued.chain).ocsp)
    assert _check(pki, issued.chain, both).status is S.CERTIFICATE_REVOKED


def test_unknown_to_the_responder_is_refused_even_with_a_list() -> None:
    pki = shared_pki(Suite.ISO_2)
    leaf = forge(pki, Suite.ISO_2, Role.CONTRACT, serial=0xC1 << 100)
    chain = (leaf.certificate, *chain_above(pki, Suite.ISO_2, Role.CONTRACT))
    answer = responder.answer_for(pki, "iso15118-2/mo-sub2", 0xC1 << 100)
    single = ocsp.load_der_ocsp_response(answer)
    assert single.certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    evidence = Evidence(crls=shared_lists(Suite.ISO_2).crls, ocsp=(answer,))
    verdict = verify(chain, Role.CONTRACT, [root(pki, Suite.ISO_2)], evidence, NOW)
    assert verdict.reason is Reason.REVOCATION_UNKNOWN


def test_a_contract_without_an_ocsp_address_is_accepted_by_list_with_a_warning() -> None:
    """Contracts in the field often lack the address."""
    pki = new_pki(Suite.ISO_2)
    bare = replace(pki, urls=replace(pki.urls, ocsp=""))
    issued = credential(bare, Suite.ISO_2, Role.CONTRACT).issued
    verdict = _check(pki, issued.chain, lists(pki))
    assert verdict.accepted
    assert verdict.warnings == ("depth 0: ocsp-url: no OCSP address in the authority information",)


def test_second_opinion_refuses_what_openssl_lets_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of the first verifier alone does not open the door."""
    pki = shared_pki(Suite.ISO_2)
    good = shared_credential(Suite.ISO_2, Role.CONTRACT).issued
    sub = pki.store.current("iso15118-2/mo-sub2").certificate
    stranger = Forged(sub, shared_credential(Suite.ISO_2, Role.CONTRACT).private_key)
    leaf = forge(pki, Suite.ISO_2, Role.CONTRACT, issuer=stranger).certificate
    path = [leaf, *good.intermediates, root(pki, Suite.ISO_2)]
    monkeypatch.setattr("pki.openssl.verified_path", lambda *_, **__: path)
    evidence = Evidence(crls=shared_lists(Suite.ISO_2).crls)
    verdict = verify(path[:-1], Role.CONTRACT, [path[-1]], evidence, NOW)
    assert (verdict.status, verdict.reason) == (S.CERT_CHAIN_ERROR, Reason.SECOND_OPINION)
