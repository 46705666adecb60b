from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki.contract import (
    WrappedKey,
    associated_data,
    receiver_key,
    receiver_private_key,
    unwrap,
    wrap,
)
from pki.errors import ContractKeyError
from pki.keys import generate
from pki.profiles import KeyKind, Role, Suite
from tests.unit.pki.support import PCID, seeded, shared_credential

SUITES = [Suite.ISO_2, Suite.ISO_20, Suite.ISO_20_ED448]
OCTETS = {Suite.ISO_2: (48, 65), Suite.ISO_20: (94, 133), Suite.ISO_20_ED448: (84, 56)}


def _wrapped(suite: Suite) -> tuple[WrappedKey, bytes]:
    contract = shared_credential(suite, Role.CONTRACT)
    provisioning = shared_credential(suite, Role.OEM_PROVISIONING)
    aad = associated_data(PCID, contract.issued.certificate)
    receiver = receiver_key(provisioning.issued.certificate)
    return wrap(contract.private_key, receiver, seeded(5), aad=aad), aad


@pytest.mark.parametrize("suite", SUITES)
def test_round_trip_and_sizes(suite: Suite) -> None:
    wrapped, aad = _wrapped(suite)
    assert (len(wrapped.encrypted), len(wrapped.dh_public_key)) == OCTETS[suite]
    contract = shared_credential(suite, Role.CONTRACT)
    own = receiver_private_key(shared_credential(suite, Role.OEM_PROVISIONING).private_key)
    key = unwrap(wrapped, own, contract.issued.certificate, aad=aad)
    assert key.public_key() == contract.private_key.public_key()


def test_iso_2_by_hand() -> None:
    """ECDH, one round of SHA-256 over 00000001 || Z || 01 55 56, AES-128-CBC without padding."""
    wrapped, _ = _wrapped(Suite.ISO_2)
    own = shared_credential(Suite.ISO_2, Role.OEM_PROVISIONING).private_key
    assert isinstance(own, ec.EllipticCurvePrivateKey)
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), wrapped.dh_public_key)
    z = own.exchange(ec.ECDH(), point)
    key = hashlib.sha256(bytes.fromhex("00000001") + z + bytes.fromhex("015556")).digest()[:16]
    cipher = Cipher(algorithms.AES(key), modes.CBC(wrapped.encrypted[:16])).decryptor()
    scalar = cipher.update(wrapped.encrypted[16:]) + cipher.finalize()
    contract = shared_credential(Suite.ISO_2, Role.CONTRACT).private_key
    assert isinstance(contract, ec.EllipticCurvePrivateKey)
    assert int.from_bytes(scalar) == contract.private_numbers().private_value


def test_iso_20_by_hand() -> None:
    wrapped, aad = _wrapped(Suite.ISO_20)
    own = shared_credential(Suite.ISO_20, Role.OEM_PROVISIONING).private_key
    assert isinstance(own, ec.EllipticCurvePrivateKey)
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP521R1(), wrapped.dh_public_key)
    z = own.exchange(ec.ECDH(), point)
    key = hashlib.sha512(bytes.fromhex("00000001") + z + bytes.fromhex("015556")).digest()[:32]
    scalar = AESGCM(key).decrypt(wrapped.encrypted[:12], wrapped.encrypted[12:], aad)
    contract = shared_credential(Suite.ISO_20, Role.CONTRACT).private_key
    assert isinstance(contract, ec.EllipticCurvePrivateKey)
    assert int.from_bytes(scalar) == contract.private_numbers().private_value


def test_associated_data() -> None:
    contract = shared_credential(Suite.ISO_20, Role.CONTRACT).issued.certificate
    public = contract.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    ski = hashlib.sha1(public).hexdigest().upper()
    assert associated_data(PCID.lower(), contract) == (PCID + ski).encode()
    assert associated_data(PCID, contract, ski_octets=16) == (PCID + ski[:32]).encode()


@pytest.mark.parametrize("suite", [Suite.ISO_20, Suite.ISO_20_ED448])
def test_another_vehicle_or_contract_in_the_associated_data_does_not_open(suite: Suite) -> None:
    wrapped, aad = _wrapped(suite)
    own = receiver_private_key(shared_credential(suite, Role.OEM_PROVISIONING).private_key)
    contract = shared_credential(suite, Role.CONTRACT).issued.certificate
    with pytest.raises(ContractKeyError, match="InvalidTag"):
        unwrap(wrapped, own, contract, aad=b"X" + aad[1:])


@pytest.mark.parametrize("suite", SUITES)
def test_a_key_that_does_not_fit_the_certificate_is_refused(suite: Suite) -> None:
    """-2 has no authentication tag: this check is all that stands between a vehicle and rubbish."""
    wrapped, aad = _wrapped(suite)
    own = receiver_private_key(shared_credential(suite, Role.OEM_PROVISIONING).private_key)
    other = shared_credential(suite, Role.SECC).issued.certificate
    with pytest.raises(ContractKeyError, match="does not fit"):
        unwrap(wrapped, own, other, aad=aad)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("position", [0, 20, -1])
def test_a_flipped_bit_is_refused(suite: Suite, position: int) -> None:
    wrapped, aad = _wrapped(suite)
    octets = bytearray(wrapped.encrypted)
    octets[position] ^= 1
    own = receiver_private_key(shared_credential(suite, Role.OEM_PROVISIONING).private_key)
    contract = shared_credential(suite, Role.CONTRACT).issued.certificate
    with pytest.raises(ContractKeyError):
        unwrap(WrappedKey(bytes(octets), wrapped.dh_public_key), own, contract, aad=aad)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("cut", [1, 30, 1000])
def test_wrong_sizes_are_told(suite: Suite, cut: int) -> None:
    wrapped, aad = _wrapped(suite)
    own = receiver_private_key(shared_credential(suite, Role.OEM_PROVISIONING).private_key)
    contract = shared_credential(suite, Role.CONTRACT).issued.certificate
    short = WrappedKey(wrapped.encrypted[:-cut], wrapped.dh_public_key)
    with pytest.raises(ContractKeyError, match="octets, expected"):
        unwrap(short, own, contract, aad=aad)


def test_a_point_off_the_curve_is_refused() -> None:
    wrapped, aad = _wrapped(Suite.ISO_2)
    point = wrapped.dh_public_key[:-1] + bytes([wrapped.dh_public_key[-1] ^ 1])
    own = receiver_private_key(shared_credential(Suite.ISO_2, Role.OEM_PROVISIONING).private_key)
    contract = shared_credential(Suite.ISO_2, Role.CONTRACT).issued.certificate
    with pytest.raises(ContractKeyError):
        unwrap(WrappedKey(wrapped.encrypted, point), own, contract, aad=aad)


def test_keys_of_different_suites_are_not_mixed() -> None:
    p521 = receiver_key(shared_credential(Suite.ISO_20, Role.OEM_PROVISIONING).issued.certificate)
    x448 = receiver_key(
        shared_credential(Suite.ISO_20_ED448, Role.OEM_PROVISIONING).issued.certificate
    )
    p256 = generate(KeyKind.P256, seeded())
    for receiver in (p521, x448):
        with pytest.raises(ContractKeyError):
            wrap(p256, receiver, seeded())
    with pytest.raises(ContractKeyError):
        wrap(generate(KeyKind.ED448, seeded()), p521, seeded())
    with pytest.raises(ContractKeyError, match="cannot agree"):
        receiver_private_key(generate(KeyKind.RSA3072, seeded()))
