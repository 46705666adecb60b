"""Wrapping a contract's private key for the vehicle that will own it.

ISO 15118-2 clause 7.9.2.4.3 (V2G2-815 ff.): ECDH on P-256, AES-128-CBC of the 32-octet scalar.
ISO 15118-20 clause 7.9.2.5 (V2G20-2491 ff.): ECDH on P-521 or X448, AES-256-GCM of the 66- or
56-octet key, with PCID and SKI as associated data. The session key is of NIST SP 800-56A's
single-step KDF with the party octets "U" and "V".

A 448-bit contract key is an Ed448 seed; RFC 8032 seeds have 57 octets and the field holds 56, so
seeds of contract keys end in a zero octet (`pki.keys.generate`), which is not sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x448
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki.curve448 import agreement_private_key, agreement_public_key
from pki.errors import ContractKeyError
from pki.keys import PrivateKey, generate
from pki.ports import RandomBytes
from pki.profiles import KeyKind

AgreementPrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | x448.X448PrivateKey
AgreementPublicKey: TypeAlias = ec.EllipticCurvePublicKey | x448.X448PublicKey

_OTHER_INFO: Final = bytes((0x01, 0x55, 0x56))
_TAG_OCTETS: Final = 16
_NONCE_OCTETS: Final = 12
_SCALAR_OCTETS: Final = {"secp256r1": 32, "secp521r1": 66}


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """`encrypted` begins with the IV; `dh_public_key` is the sender's ephemeral key.

    Octets: P-256 48 and 65, P-521 94 and 133, X448 84 and 56.
    """

    encrypted: bytes
    dh_public_key: bytes


def associated_data(pcid: str, contract: x509.Certificate, *, ski_octets: int = 20) -> bytes:
    """PCID in capitals, then the contract's SKI in hexadecimal capitals (V2G20-2492).

    SKIs of RFC 5280 have 20 octets; the standard's text counts 16, hence `ski_octets`.
    """
    ski = contract.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    return pcid.upper().encode("ascii") + ski[:ski_octets].hex().upper().encode("ascii")


def receiver_key(certificate: x509.Certificate) -> AgreementPublicKey:
    """The key of a provisioning (or contract) certificate that keys are wrapped for."""
    key = certificate.public_key()
    if isinstance(key, ed448.Ed448PublicKey):
        return agreement_public_key(key)
    if isinstance(key, ec.EllipticCurvePublicKey | x448.X448PublicKey):
        return key
    raise ContractKeyError(f"a {type(key).__name__} cannot agree on keys")


def receiver_private_key(key: PrivateKey | x448.X448PrivateKey) -> AgreementPrivateKey:
    """The owner's side of `receiver_key`."""
    if isinstance(key, ed448.Ed448PrivateKey):
        return agreement_private_key(key)
    if isinstance(key, ec.EllipticCurvePrivateKey | x448.X448PrivateKey):
        return key
    raise ContractKeyError(f"a {type(key).__name__} cannot agree on keys")


def wrap(
    contract_key: PrivateKey,
    receiver: AgreementPublicKey,
    random: RandomBytes,
    *,
    aad: bytes = b"",
) -> WrappedKey:
    """Encrypt `contract_key` for `receiver`: P-256 as ISO 15118-2 says, P-521 and X448 as -20.

    `aad` is of `associated_data`, and unused on P-256. Raises ContractKeyError where the two keys
    are of different suites.
    """
    plain = _private_octets(contract_key)
    if isinstance(receiver, x448.X448PublicKey):
        if not isinstance(contract_key, ed448.Ed448PrivateKey):
            raise ContractKeyError("X448 wraps Ed448 contract keys only")
        own = x448.X448PrivateKey.from_private_bytes(random(56))
        nonce = random(_NONCE_OCTETS)
        key = _session_key(own.exchange(receiver), 32)
        sealed = nonce + AESGCM(key).encrypt(nonce, plain, aad)
        return WrappedKey(sealed, own.public_key().public_bytes_raw())
    curve = receiver.curve.name
    if len(plain) != _SCALAR_OCTETS.get(curve) or isinstance(contract_key, ed448.Ed448PrivateKey):
        raise ContractKeyError(f"the contract key is not of the receiver's curve {curve}")
    kind = KeyKind.P256 if curve == "secp256r1" else KeyKind.P521
    ephemeral = generate(kind, random)
    if not isinstance(ephemeral, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{kind} is no elliptic curve")
    shared = ephemeral.exchange(ec.ECDH(), receiver)
    point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    if kind is KeyKind.P256:
        iv = random(16)
        cipher = Cipher(algorithms.AES(_session_key(shared, 16)), modes.CBC(iv)).encryptor()
        return WrappedKey(iv + cipher.update(plain) + cipher.finalize(), point)
    nonce = random(_NONCE_OCTETS)
    sealed = AESGCM(_session_key(shared, 32)).encrypt(nonce, plain, aad)
    return WrappedKey(nonce + sealed, point)


def unwrap(
    wrapped: WrappedKey,
    receiver: AgreementPrivateKey,
    contract: x509.Certificate,
    *,
    aad: bytes = b"",
) -> PrivateKey:
    """Decrypt, and check that the key fits the contract certificate. Raises ContractKeyError."""
    try:
        key = _open(wrapped, receiver, aad)
    except (ValueError, InvalidTag) as error:
        raise ContractKeyError(f"the contract key does not open: {type(error).__name__}") from None
    if key.public_key() != contract.public_key():
        raise ContractKeyError("the contract key does not fit the contract certificate")
    return key


def _open(wrapped: WrappedKey, receiver: AgreementPrivateKey, aad: bytes) -> PrivateKey:
    if isinstance(receiver, x448.X448PrivateKey):
        _expect(wrapped, _NONCE_OCTETS + 56 + _TAG_OCTETS, 56)
        peer = x448.X448PublicKey.from_public_bytes(wrapped.dh_public_key)
        seed = _open_gcm(wrapped.encrypted, receiver.exchange(peer), aad)
        return ed448.Ed448PrivateKey.from_private_bytes(seed + b"\0")
    curve = receiver.curve
    octets = _SCALAR_OCTETS.get(curve.name)
    if octets is None:
        raise ContractKeyError(f"no contract keys are wrapped on {curve.name}")
    overhead = 16 if octets == 32 else _NONCE_OCTETS + _TAG_OCTETS
    _expect(wrapped, overhead + octets, 1 + 2 * octets)
    point = ec.EllipticCurvePublicKey.from_encoded_point(curve, wrapped.dh_public_key)
    shared = receiver.exchange(ec.ECDH(), point)
    if octets == 32:
        iv, sealed = wrapped.encrypted[:16], wrapped.encrypted[16:]
        cipher = Cipher(algorithms.AES(_session_key(shared, 16)), modes.CBC(iv)).decryptor()
        plain = cipher.update(sealed) + cipher.finalize()
    else:
        plain = _open_gcm(wrapped.encrypted, shared, aad)
    return ec.derive_private_key(int.from_bytes(plain), curve)


def _open_gcm(encrypted: bytes, shared: bytes, aad: bytes) -> bytes:
    nonce, sealed = encrypted[:_NONCE_OCTETS], encrypted[_NONCE_OCTETS:]
    return AESGCM(_session_key(shared, 32)).decrypt(nonce, sealed, aad)


def _expect(wrapped: WrappedKey, encrypted: int, public: int) -> None:
    found = (len(wrapped.encrypted), len(wrapped.dh_public_key))
    if found != (encrypted, public):
        raise ContractKeyError(
            f"encrypted key and DH public key of {found} octets, expected {(encrypted, public)}"
        )


def _session_key(shared: bytes, octets: int) -> bytes:
    algorithm = hashes.SHA256() if octets == 16 else hashes.SHA512()
    return ConcatKDFHash(algorithm, octets, _OTHER_INFO).derive(shared)


def _private_octets(key: PrivateKey) -> bytes:
    if isinstance(key, ed448.Ed448PrivateKey):
        seed = key.private_bytes_raw()
        if seed[56]:
            raise ContractKeyError("the seed of a 448-bit contract key must end in a zero octet")
        return seed[:56]
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _SCALAR_OCTETS:
        return key.private_numbers().private_value.to_bytes(_SCALAR_OCTETS[key.curve.name])
    raise ContractKeyError("contract keys are P-256, P-521 or Ed448")
