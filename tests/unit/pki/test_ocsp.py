"""OCSP: what the responder says, and what a relying party takes for proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from pki.errors import NotFoundError, RequestError
from pki.evidence import CLOCK_SKEW, EvidenceError, ocsp_status, ocsp_status_by_hash
from pki.hash_data import hash_data, ocsp_request
from pki.issue import Pki
from pki.keys import PrivateKey, signature_hash
from pki.ocsp import ANSWER_VALIDITY, MAX_REQUEST_OCTETS, Responder, answer_for, presign
from pki.profiles import Role, Suite
from pki.record import Status
from pki.revoke import revoke
from tests.unit.pki.support import (
    NOW,
    Forged,
    clock_of,
    credential,
    forge,
    new_pki,
    shared_credential,
    shared_pki,
)

GOOD, REVOKED, UNKNOWN = (
    ocsp.OCSPCertStatus.GOOD,
    ocsp.OCSPCertStatus.REVOKED,
    ocsp.OCSPCertStatus.UNKNOWN,
)
CA = "iso15118-2/mo-sub2"


def _request(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    algorithm: hashes.HashAlgorithm | None = None,
    nonce: bytes | None = None,
) -> bytes:
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        certificate, issuer, algorithm or hashes.SHA256()
    )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def _pair(pki: Pki) -> tuple[x509.Certificate, x509.Certificate]:
    issued = credential(pki, Suite.ISO_2, Role.CONTRACT).issued
    return issued.certificate, issued.intermediates[0]


@pytest.mark.parametrize(
    "algorithm", [hashes.SHA1(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()]
)
def test_good_by_every_hash(algorithm: hashes.HashAlgorithm) -> None:
    pki = new_pki(Suite.ISO_2)
    leaf, issuer = _pair(pki)
    answer = Responder(pki).answer(_request(leaf, issuer, algorithm))
    assert ocsp_status(answer, leaf, issuer, NOW) is GOOD
    response = ocsp.load_der_ocsp_response(answer)
    assert response.hash_algorithm.name == algorithm.name
    assert response.next_update_utc == NOW + ANSWER_VALIDITY


@pytest.mark.parametrize("suite", list(Suite))
def test_every_suite_signs_with_its_own_delegate(suite: Suite) -> None:
    pki = shared_pki(suite)
    role = Role.CHARGING_STATION if "ocpp" in suite else Role.SECC
    issued = shared_credential(suite, role).issued
    answer = Responder(pki).answer(_request(issued.certificate, issued.intermediates[0]))
    assert ocsp_status(answer, issued.certificate, issued.intermediates[0], NOW) is GOOD
    (delegate,) = ocsp.load_der_ocsp_response(answer).certificates
    assert delegate == pki.store.current(f"{issued.issuer}/ocsp").certificate


def test_the_form_of_ocpp_is_answered() -> None:
    """GetCertificateStatus brings hash data, from which the CSMS makes the request."""
    pki = new_pki(Suite.ISO_2)
    leaf, issuer = _pair(pki)
    answer = Responder(pki).answer(ocsp_request(hash_data(leaf, issuer)))
    assert ocsp_status(answer, leaf, issuer, NOW) is GOOD


def test_revoked_at_once_though_signed_ahead() -> None:
    pki = new_pki(Suite.ISO_2)
    leaf, issuer = _pair(pki)
    responder = Responder(pki)
    for algorithm in (hashes.SHA1(), hashes.SHA256(), hashes.SHA512()):
        assert ocsp_status(
            responder.answer(_request(leaf, issuer, algorithm)), leaf, issuer, NOW
        ) is GOOD  # fmt: skip
    clock_of(pki).move(minutes=1)
    revoke(pki, leaf.serial_number, "keyCompromise")
    for algorithm in (hashes.SHA1(), hashes.SHA256(), hashes.SHA512()):
        answer = responder.answer(_request(leaf, issuer, algorithm))
        assert ocsp_status(answer, leaf, issuer, clock_of(pki).now()) is REVOKED
        response = ocsp.load_der_ocsp_response(answer)
        assert response.revocation_reason is x509.ReasonFlags.key_compromise
        assert response.revocation_time_utc == NOW + timedelta(minutes=1)


def test_unknown_serial_is_unknown_and_not_kept() -> None:
    pki = new_pki(Suite.ISO_2)
    _, issuer = _pair(pki)
    stranger = forge(pki, Suite.ISO_2, Role.CONTRACT).certificate
    answer = Responder(pki).answer(_request(stranger, issuer))
    assert ocsp_status(answer, stranger, issuer, NOW) is UNKNOWN
    assert pki.store.ocsp(CA, stranger.serial_number, "sha256", NOW) is None


def test_half_issued_is_unknown_then_revoked() -> None:
    from pki.issue import recover

    pki = new_pki(Suite.ISO_2)
    leaf, _ = _pair(pki)
    record = pki.store.find(serial=leaf.serial_number)[0]
    pki.store._db.execute(
        "UPDATE certificate SET status = 'pending' WHERE serial = ?", (record.serial_hex,)
    )
    status = ocsp.load_der_ocsp_response(answer_for(pki, CA, leaf.serial_number))
    assert status.certificate_status is UNKNOWN
    pki.store.drop_ocsp(CA, leaf.serial_number)
    assert [each.serial for each in recover(pki)] == [leaf.serial_number]
    status = ocsp.load_der_ocsp_response(answer_for(pki, CA, leaf.serial_number))
    assert status.certificate_status is REVOKED


def test_an_issuer_of_others_is_unauthorized() -> None:
    stranger = new_pki(Suite.ISO_2, seed=7)
    leaf, issuer = _pair(stranger)
    answer = Responder(shared_pki(Suite.ISO_2)).answer(_request(leaf, issuer))
    response = ocsp.load_der_ocsp_response(answer)
    assert response.response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED
    with pytest.raises(EvidenceError, match="UNAUTHORIZED"):
        ocsp_status(answer, leaf, issuer, NOW)


@pytest.mark.parametrize("request_der", [b"", b"\x30\x00", b"nonsense", b"\x30" * 5000])
def test_malformed_requests(request_der: bytes) -> None:
    answer = Responder(shared_pki(Suite.ISO_2)).answer(request_der)
    status = ocsp.load_der_ocsp_response(answer).response_status
    assert status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def test_an_oversized_request_is_malformed() -> None:
    pki = shared_pki(Suite.ISO_2)
    issued = shared_credential(Suite.ISO_2, Role.CONTRACT).issued
    request = _request(issued.certificate, issued.intermediates[0], nonce=b"n" * MAX_REQUEST_OCTETS)
    status = ocsp.load_der_ocsp_response(Responder(pki).answer(request)).response_status
    assert status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def test_signed_ahead_answers_are_served_until_they_expire() -> None:
    pki = new_pki(Suite.ISO_2)
    leaf, issuer = _pair(pki)
    assert presign(pki, CA) == len(pki.store.find(issuer=CA))
    responder = Responder(pki)
    first = responder.answer(_request(leaf, issuer))
    clock_of(pki).move(hours=11)
    assert responder.answer(_request(leaf, issuer)) == first
    clock_of(pki).move(hours=1)
    second = responder.answer(_request(leaf, issuer))
    assert second != first
    assert ocsp_status(second, leaf, issuer, clock_of(pki).now()) is GOOD


def test_nonces_are_not_echoed_and_their_lack_is_accepted() -> None:
    pki = new_pki(Suite.ISO_2)
    leaf, issuer = _pair(pki)
    answer = Responder(pki).answer(_request(leaf, issuer, nonce=b"n" * 16))
    assert ocsp_status(answer, leaf, issuer, NOW, nonce=b"n" * 16) is GOOD


def test_a_responder_that_has_expired_answers_try_later() -> None:
    pki = new_pki(Suite.ISO_2)
    leaf, issuer = _pair(pki)
    clock_of(pki).move(days=399)
    answer = Responder(pki).answer(_request(leaf, issuer))
    assert ocsp.load_der_ocsp_response(answer).response_status is ocsp.OCSPResponseStatus.TRY_LATER


# The relying party. `_answer` makes what a hostile or broken responder might send.


def _answer(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    signer: x509.Certificate,
    key: PrivateKey,
    *,
    this_update: datetime = NOW,
    next_update: datetime | None = NOW + timedelta(hours=1),
    nonce: bytes | None = None,
    included: bool = True,
    algorithm: hashes.HashAlgorithm | None = None,
) -> bytes:
    builder = ocsp.OCSPResponseBuilder().add_response(
        certificate, issuer, hashes.SHA256(), GOOD, this_update, next_update, None, None
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer)
    if included:
        builder = builder.certificates([signer])
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    signed = builder.sign(key, algorithm or signature_hash(key))
    return signed.public_bytes(Encoding.DER)


def _setting() -> tuple[Pki, x509.Certificate, x509.Certificate]:
    issued = shared_credential(Suite.ISO_2, Role.CONTRACT).issued
    return shared_pki(Suite.ISO_2), issued.certificate, issued.intermediates[0]


def _delegate(pki: Pki, **changes: object) -> Forged:
    issuer = changes.pop("issuer", CA)
    return forge(pki, Suite.ISO_2, Role.OCSP_RESPONDER, issuer=issuer, **changes)  # type: ignore[arg-type]


Case = Callable[[Pki, x509.Certificate, x509.Certificate], bytes]


def _by_issuer(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    return _answer(leaf, issuer, issuer, pki.keys.load(CA), included=False)


def _by_delegate(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    delegate = _delegate(pki)
    return _answer(leaf, issuer, delegate.certificate, delegate.key)


def _slightly_ahead(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    key = pki.keys.load(CA)
    return _answer(leaf, issuer, issuer, key, this_update=NOW + CLOCK_SKEW)


def _nonce_echoed(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    return _answer(leaf, issuer, issuer, pki.keys.load(CA), nonce=b"mine" * 4)


@pytest.mark.parametrize("make", [_by_issuer, _by_delegate, _slightly_ahead, _nonce_echoed])
def test_what_is_proof(make: Case) -> None:
    pki, leaf, issuer = _setting()
    assert ocsp_status(make(pki, leaf, issuer), leaf, issuer, NOW, nonce=b"mine" * 4) is GOOD


def _delegate_without_eku(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    delegate = _delegate(pki, extended_key_usage=frozenset())
    return _answer(leaf, issuer, delegate.certificate, delegate.key)


def _delegate_expired(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    delegate = _delegate(pki, at=NOW - timedelta(days=500))
    return _answer(leaf, issuer, delegate.certificate, delegate.key)


def _delegate_not_yet_valid(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    delegate = _delegate(pki, at=NOW + timedelta(days=1))
    return _answer(leaf, issuer, delegate.certificate, delegate.key)


def _delegate_of_another_ca(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    delegate = _delegate(pki, issuer="iso15118-2/cpo-sub2")
    return _answer(leaf, issuer, delegate.certificate, delegate.key)


def _delegate_of_the_issuers_issuer(
    pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate
) -> bytes:
    delegate = _delegate(pki, issuer="iso15118-2/mo-sub1")
    return _answer(leaf, issuer, delegate.certificate, delegate.key)


def _delegate_cannot_sign(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    delegate = _delegate(pki, key_usage=frozenset({"key_agreement"}))
    return _answer(leaf, issuer, delegate.certificate, delegate.key)


def _by_a_contract(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """Every leaf of the CA is issued by it; not every one may speak for it."""
    own = shared_credential(Suite.ISO_2, Role.CONTRACT)
    return _answer(leaf, issuer, own.issued.certificate, own.private_key)


def _delegate_signed_by_another_key(
    pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate
) -> bytes:
    """It bears the issuer's name, and that is all."""
    stranger = Forged(issuer, shared_credential(Suite.ISO_2, Role.SECC).private_key)
    delegate = _delegate(pki, issuer=stranger)
    return _answer(leaf, issuer, delegate.certificate, delegate.key)


def _delegate_not_included(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    delegate = _delegate(pki)
    return _answer(leaf, issuer, delegate.certificate, delegate.key, included=False)


def _of_another_certificate(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    other = forge(pki, Suite.ISO_2, Role.CONTRACT).certificate
    return _answer(other, issuer, issuer, pki.keys.load(CA))


def _same_serial_of_another_ca(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    other = forge(
        pki, Suite.ISO_2, Role.SECC, serial=leaf.serial_number, issuer="iso15118-2/cpo-sub2"
    )
    cpo = pki.store.current("iso15118-2/cpo-sub2").certificate
    return _answer(other.certificate, cpo, cpo, pki.keys.load("iso15118-2/cpo-sub2"))


def _expired(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    return _answer(
        leaf, issuer, issuer, pki.keys.load(CA),
        this_update=NOW - timedelta(hours=2), next_update=NOW - CLOCK_SKEW - timedelta(seconds=1),
    )  # fmt: skip


def _of_the_future(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    at = NOW + CLOCK_SKEW + timedelta(seconds=1)
    return _answer(leaf, issuer, issuer, pki.keys.load(CA), this_update=at)


def _without_end(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    return _answer(leaf, issuer, issuer, pki.keys.load(CA), next_update=None)


def _valid_for_years(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    return _answer(
        leaf, issuer, issuer, pki.keys.load(CA),
        this_update=NOW - timedelta(days=30), next_update=NOW + timedelta(days=3000),
    )  # fmt: skip


def _another_nonce(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    return _answer(leaf, issuer, issuer, pki.keys.load(CA), nonce=b"other nonce 1234")


def _tampered(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    answer = bytearray(_by_issuer(pki, leaf, issuer))
    answer[-1] ^= 1
    return bytes(answer)


def _cut(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    return _by_issuer(pki, leaf, issuer)[:-20]


def _bloated(pki: Pki, leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    return _by_issuer(pki, leaf, issuer) + bytes(20_000)


@pytest.mark.parametrize(
    "make",
    [
        _delegate_without_eku,
        _delegate_expired,
        _delegate_not_yet_valid,
        _delegate_of_another_ca,
        _delegate_of_the_issuers_issuer,
        _delegate_cannot_sign,
        _by_a_contract,
        _delegate_signed_by_another_key,
        _delegate_not_included,
        _of_another_certificate,
        _same_serial_of_another_ca,
        _expired,
        _of_the_future,
        _without_end,
        _valid_for_years,
        _another_nonce,
        _tampered,
        _cut,
        _bloated,
    ],
    ids=lambda make: make.__name__.strip("_"),
)
def test_what_is_no_proof(make: Case) -> None:
    pki, leaf, issuer = _setting()
    answer = make(pki, leaf, issuer)
    with pytest.raises(EvidenceError):
        ocsp_status(answer, leaf, issuer, NOW, nonce=b"mine" * 4)


def test_revoking_twice_or_the_unknown_or_for_no_known_reason() -> None:
    pki = new_pki(Suite.ISO_2)
    leaf, _ = _pair(pki)
    with pytest.raises(RequestError, match="reason 'boredom'"):
        revoke(pki, leaf.serial_number, "boredom")
    revoke(pki, leaf.serial_number)
    with pytest.raises(NotFoundError, match="is revoked"):
        revoke(pki, leaf.serial_number)
    with pytest.raises(NotFoundError, match="no certificate with serial 1234"):
        revoke(pki, 0x1234)
    assert pki.store.find(serial=leaf.serial_number)[0].status is Status.REVOKED


def test_an_answer_signed_while_the_certificate_is_revoked_is_not_kept() -> None:
    """The slower of two threads must not put its "good" over the "revoked"."""
    pki = new_pki(Suite.ISO_2)
    leaf, issuer = _pair(pki)

    class RevokedMeanwhile:
        def __init__(self) -> None:
            self.pending = True

        def __getattr__(self, name: str) -> object:
            return getattr(pki.store, name)

        def put_ocsp(self, *arguments: object) -> None:
            if self.pending:
                self.pending = False
                revoke(pki, leaf.serial_number)
            pki.store.put_ocsp(*arguments)  # type: ignore[arg-type]

    slow = replace(pki, store=RevokedMeanwhile())  # type: ignore[arg-type]
    answer_for(slow, CA, leaf.serial_number)
    kept = Responder(pki).answer(_request(leaf, issuer))
    assert ocsp_status(kept, leaf, issuer, NOW) is REVOKED


def test_what_is_known_by_hash_data_alone() -> None:
    pki = new_pki(Suite.ISO_2)
    leaf, issuer = _pair(pki)
    data = hash_data(leaf, issuer)
    answer = answer_for(pki, CA, leaf.serial_number)
    assert ocsp_status_by_hash(answer, data, issuer, NOW) is GOOD
    with pytest.raises(EvidenceError, match="too old"):
        ocsp_status_by_hash(answer, data, issuer, NOW + timedelta(days=1))
    with pytest.raises(EvidenceError, match="another issuer"):
        ocsp_status_by_hash(answer, data, leaf, NOW)
    other = replace(data, serial_number="1")
    with pytest.raises(EvidenceError, match="not about this certificate"):
        ocsp_status_by_hash(answer, other, issuer, NOW)
    revoke(pki, leaf.serial_number, "keyCompromise")
    assert (
        ocsp_status_by_hash(answer_for(pki, CA, leaf.serial_number), data, issuer, NOW) is REVOKED
    )


def test_what_was_verified_once_is_judged_anew_in_everything_else() -> None:
    """The signatures of an answer and of its delegate are remembered; dates and subject are not."""
    pki = new_pki(Suite.ISO_2)
    (leaf, issuer), (second, _) = _pair(pki), _pair(pki)
    answer = answer_for(pki, CA, leaf.serial_number)
    for _ in range(2):
        assert ocsp_status(answer, leaf, issuer, NOW) is GOOD
        with pytest.raises(EvidenceError, match="not about"):
            ocsp_status(answer, second, issuer, NOW)
        with pytest.raises(EvidenceError, match="not signed by the issuer or a delegate"):
            ocsp_status(answer, leaf, issuer, NOW + timedelta(days=4_000))
        with pytest.raises(EvidenceError, match="too old"):
            ocsp_status(answer, leaf, issuer, NOW + timedelta(days=1))
