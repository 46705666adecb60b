from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki.hash_data import ALGORITHMS, from_ocpp, hash_data
from pki.issue import Issued
from pki.profiles import Role, Suite
from tests.unit.pki.support import forge, root, shared_credential, shared_pki


def _issued() -> Issued:
    return shared_credential(Suite.ISO_2, Role.CONTRACT).issued


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
def test_hashes_are_those_of_rfc_6960(algorithm: str) -> None:
    """Of the issuer's DER name, and of its public key without tag, length and unused bits."""
    issued = _issued()
    issuer = issued.intermediates[0]
    data = hash_data(issued.certificate, issuer, algorithm)
    digest = getattr(hashlib, algorithm.lower())
    point = issuer.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert data.issuer_name_hash == digest(issuer.subject.public_bytes()).hexdigest()
    assert data.issuer_key_hash == digest(point).hexdigest()
    assert int(data.serial_number, 16) == issued.certificate.serial_number
    assert from_ocpp(data.to_ocpp()) == data


def test_serial_has_no_leading_zeros_and_is_hexadecimal() -> None:
    pki = shared_pki(Suite.ISO_2)
    leaf = forge(pki, Suite.ISO_2, Role.CONTRACT, serial=0x0ABCDEF012345678).certificate
    issuer = _issued().intermediates[0]
    assert hash_data(leaf, issuer).serial_number == "abcdef012345678"


def test_a_root_is_its_own_issuer() -> None:
    anchor = root(shared_pki(Suite.ISO_20), Suite.ISO_20)
    data = hash_data(anchor, anchor)
    assert data.issuer_name_hash == hashlib.sha256(anchor.subject.public_bytes()).hexdigest()


def test_what_stations_send_is_normalized() -> None:
    good = hash_data(_issued().certificate, _issued().intermediates[0])
    sent = {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": good.issuer_name_hash.upper(),
        "issuerKeyHash": good.issuer_key_hash.upper(),
        "serialNumber": "00" + good.serial_number.upper(),
    }
    assert from_ocpp(sent) == good


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hashAlgorithm", "SHA1"),
        ("hashAlgorithm", None),
        ("issuerNameHash", "ab"),
        ("issuerNameHash", "_-" * 32),
        ("issuerKeyHash", 17),
        ("serialNumber", ""),
        ("serialNumber", "0x12"),
        ("serialNumber", "1" * 41),
        ("serialNumber", None),
    ],
)
def test_bad_fields_are_named(key: str, value: object) -> None:
    sent: dict[str, object] = dict(
        hash_data(_issued().certificate, _issued().intermediates[0]).to_ocpp()
    )
    sent[key] = value
    with pytest.raises(ValueError, match=key):
        from_ocpp(sent)


def test_only_the_algorithms_of_ocpp() -> None:
    assert set(ALGORITHMS) == {"SHA256", "SHA384", "SHA512"}
    with pytest.raises(ValueError, match="SHA1"):
        hash_data(_issued().certificate, _issued().intermediates[0], "SHA1")
