"""What was judged before must not make the next verdict another one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki import openssl, verify
from pki.authorities import Remembered
from pki.keys import signature_hash
from pki.openssl import EXPIRED, SIGNATURE_FAILURE, Rejection, verified_path
from pki.profiles import Role, Suite
from pki.provisioning import own_evidence
from pki.revoke import revoke
from pki.verify import Reason
from tests.unit.pki.support import (
    NOW,
    chain_above,
    clock_of,
    credential,
    forge,
    new_pki,
    root,
    shared_credential,
    shared_pki,
)

SUITE = Suite.ISO_2


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openssl, "_remembered", Remembered())
    monkeypatch.setattr(verify, "_seconded", Remembered())


def anchors() -> list[x509.Certificate]:
    return [root(shared_pki(SUITE), SUITE)]


def contract() -> tuple[x509.Certificate, ...]:
    return shared_credential(SUITE, Role.CONTRACT).issued.chain


def watch(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many certificates below its anchors OpenSSL is given, path by path."""
    counts: list[int] = []
    real = openssl._built

    def built(*arguments: Any) -> list[Any]:
        counts.append(1 + len(arguments[1]))
        return real(*arguments)

    monkeypatch.setattr(openssl, "_built", built)
    return counts


def test_the_same_authorities_are_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    verified = watch(monkeypatch)
    leaf, *above = contract()
    first = verified_path(leaf, above, anchors(), NOW)
    another = forge(shared_pki(SUITE), SUITE, Role.CONTRACT).certificate
    assert verified_path(another, above, anchors(), NOW) == [another, *first[1:]]
    assert verified == [3, 1]


def test_the_next_leaf_is_verified() -> None:
    leaf, *above = contract()
    verified_path(leaf, above, anchors(), NOW)
    stranger = forge(new_pki(SUITE, seed=2), SUITE, Role.CONTRACT).certificate
    with pytest.raises(Rejection):
        verified_path(stranger, above, anchors(), NOW)
    octets = bytearray(leaf.public_bytes(Encoding.DER))
    octets[-1] ^= 1
    changed = x509.load_der_x509_certificate(bytes(octets))
    with pytest.raises(Rejection) as refused:
        verified_path(changed, above, anchors(), NOW)
    assert (refused.value.code, refused.value.depth) == (SIGNATURE_FAILURE, 0)


def test_an_authority_that_ends_is_refused() -> None:
    leaf, *above = contract()
    verified_path(leaf, above, anchors(), NOW)
    end = above[0].not_valid_after_utc
    pki = shared_pki(SUITE)
    later = forge(pki, SUITE, Role.CONTRACT, at=end - timedelta(days=9), may_outlive_issuer=True)
    verified_path(later.certificate, above, anchors(), end - timedelta(days=1))
    with pytest.raises(Rejection) as refused:
        verified_path(later.certificate, above, anchors(), end + timedelta(days=1))
    assert refused.value.code == EXPIRED


def test_another_root_is_another_matter() -> None:
    leaf, *above = contract()
    verified_path(leaf, above, anchors(), NOW)
    with pytest.raises(Rejection):
        verified_path(leaf, above, [root(new_pki(SUITE, seed=2), SUITE)], NOW)


def test_a_revoked_authority_is_refused() -> None:
    pki = new_pki(SUITE)
    chain = credential(pki, SUITE, Role.CONTRACT).issued.chain
    trusted = [root(pki, SUITE)]

    def judged() -> verify.Verdict:
        evidence = own_evidence(pki, chain)
        return verify.verify(chain, Role.CONTRACT, trusted, evidence, pki.clock.now())

    assert judged().accepted
    assert judged().accepted
    clock_of(pki).move(minutes=1)
    revoke(pki, chain[1].serial_number)
    assert judged().reason is Reason.REVOKED


def test_the_second_opinion_is_of_every_leaf() -> None:
    pki, above = shared_pki(SUITE), chain_above(shared_pki(SUITE), SUITE, Role.CONTRACT)
    verify._second_opinion([*contract(), *anchors()], NOW)
    stranger = forge(new_pki(SUITE, seed=2), SUITE, Role.CONTRACT).certificate
    with pytest.raises(verify._Refusal):
        verify._second_opinion([stranger, *above, *anchors()], NOW)
    good = forge(pki, SUITE, Role.CONTRACT).certificate
    verify._second_opinion([good, *above, *anchors()], NOW)


def test_authorities_that_constrain_what_is_below_are_not_remembered() -> None:
    leaf, issuer, *above = (*contract(), *anchors())
    remembered = Remembered[str]()
    remembered.keep("plain", [leaf, issuer, *above])
    assert remembered.above("plain", leaf, NOW) == (issuer, *above)
    constraining = _with_name_constraints(issuer)
    remembered.keep("constraining", [leaf, constraining, *above])
    assert remembered.above("constraining", leaf, NOW) == ()
    remembered.keep("short", [leaf, issuer])
    assert remembered.above("short", leaf, NOW) == ()
    assert remembered.above("plain", constraining, NOW) == ()


def _with_name_constraints(issuer: x509.Certificate) -> x509.Certificate:
    pki = shared_pki(SUITE)
    key = pki.keys.load("iso15118-2/mo-sub2")
    permitted = x509.NameConstraints([x509.DNSName("example.com")], None)
    builder = (
        x509.CertificateBuilder()
        .subject_name(issuer.subject)
        .issuer_name(issuer.issuer)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(issuer.not_valid_before_utc)
        .not_valid_after(issuer.not_valid_after_utc)
        .add_extension(permitted, critical=True)
    )
    return builder.sign(key, signature_hash(key))  # type: ignore[arg-type]
