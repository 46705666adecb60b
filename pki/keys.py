"""Key pairs: made from injected randomness, kept encrypted.

`KeyStore` is the seam for hardware: a PKCS#11 store implements it by returning objects with the
private-key interfaces of `cryptography`, whose `sign` calls the token.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from pki.errors import KeyStoreError, RequestError
from pki.ports import RandomBytes
from pki.profiles import SUITES, KeyKind, Suite

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey | rsa.RSAPrivateKey
PublicKey: TypeAlias = ec.EllipticCurvePublicKey | ed448.Ed448PublicKey | rsa.RSAPublicKey

MIN_PASSPHRASE_OCTETS: Final = 12
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
_CURVES: Final[dict[KeyKind, tuple[ec.EllipticCurve, int]]] = {
    KeyKind.P256: (
        ec.SECP256R1(),
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    ),
    KeyKind.P521: (
        ec.SECP521R1(),
        int(
            "01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA"
            "51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409",
            16,
        ),
    ),
}


def generate(kind: KeyKind, random: RandomBytes) -> PrivateKey:
    """A new key. EC scalars come of 64 surplus random bits (FIPS 186-5 A.2.1).

    The seed of an Ed448 key ends in a zero octet: ISO 15118-20 transports contract keys of this
    curve in 56 octets, RFC 8032 seeds have 57. The other 448 bits are random.
    RSA primes come from OpenSSL's generator, which takes no other source.
    """
    if kind is KeyKind.RSA3072:
        return rsa.generate_private_key(public_exponent=65537, key_size=3072)
    if kind is KeyKind.ED448:
        return ed448.Ed448PrivateKey.from_private_bytes(random(56) + b"\0")
    curve, order = _CURVES[kind]
    surplus = int.from_bytes(random((order.bit_length() + 7) // 8 + 8))
    return ec.derive_private_key(surplus % (order - 1) + 1, curve)


def signature_hash(key: PrivateKey | PublicKey) -> hashes.HashAlgorithm | None:
    """The hash that goes with a key in certificates, CRLs and OCSP answers; None for EdDSA."""
    if isinstance(key, ed448.Ed448PrivateKey | ed448.Ed448PublicKey):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        if key.curve.key_size > 384:
            return hashes.SHA512()
        return hashes.SHA384() if key.curve.key_size > 256 else hashes.SHA256()
    return hashes.SHA256()


def narrow_public_key(key: object) -> PublicKey:
    """`key` if it is of a kind this PKI certifies. Raises RequestError."""
    if isinstance(key, ec.EllipticCurvePublicKey | ed448.Ed448PublicKey | rsa.RSAPublicKey):
        return key
    raise RequestError(f"public key of type {type(key).__name__}, expected EC, Ed448 or RSA")


def kind_of(key: PublicKey) -> KeyKind | None:
    """The kind, None for a curve or size that no suite names."""
    if isinstance(key, ed448.Ed448PublicKey):
        return KeyKind.ED448
    if isinstance(key, rsa.RSAPublicKey):
        return KeyKind.RSA3072 if key.key_size == 3072 else None
    return {"secp256r1": KeyKind.P256, "secp521r1": KeyKind.P521}.get(key.curve.name)


def suite_of_key(key: PublicKey) -> Suite:
    """The ISO 15118 suite of a key. Raises RequestError for other keys."""
    kind = kind_of(key)
    for suite in (Suite.ISO_2, Suite.ISO_20, Suite.ISO_20_ED448):
        if SUITES[suite].key_kind is kind:
            return suite
    raise RequestError("no ISO 15118 suite has a key like this")


def encrypted_pem(key: PrivateKey, passphrase: bytes) -> bytes:
    """PKCS#8 PEM under `passphrase`. Raises RequestError for a passphrase that is too short."""
    check_passphrase(passphrase)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase),
    )


def check_passphrase(passphrase: bytes) -> None:
    """Raises RequestError for a passphrase of under 12 octets."""
    if len(passphrase) < MIN_PASSPHRASE_OCTETS:
        raise RequestError(f"passphrase: at least {MIN_PASSPHRASE_OCTETS} octets")


def load_pem(pem: bytes, passphrase: bytes) -> PrivateKey:
    """Raises KeyStoreError, which never shows the key or the passphrase."""
    try:
        key = serialization.load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError):
        raise KeyStoreError("the key does not open with this passphrase") from None
    if isinstance(key, ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey | rsa.RSAPrivateKey):
        return key
    raise KeyStoreError(f"private key of type {type(key).__name__}, expected EC, Ed448 or RSA")


class KeyStore(Protocol):
    """Where private keys live, by name such as "iso15118-2/mo-sub2"."""

    def save(self, name: str, key: PrivateKey) -> None:
        """Durable on return."""
        ...

    def load(self, name: str) -> PrivateKey:
        """Raises KeyStoreError where there is none."""
        ...


class MemoryKeyStore:
    """For simulations and tests."""

    def __init__(self) -> None:
        self._keys: dict[str, PrivateKey] = {}

    def save(self, name: str, key: PrivateKey) -> None:
        self._keys[name] = key

    def load(self, name: str) -> PrivateKey:
        if name not in self._keys:
            raise KeyStoreError(f"no key {name!r}")
        return self._keys[name]


class FileKeyStore:
    """One encrypted PEM file per key. `offline` keys (roots) lie in a folder that can be taken away.

    PKCS#8 as OpenSSL writes it stretches a passphrase only 2,048 times, so the files are encrypted
    under the hexadecimal of scrypt(passphrase, `salt`, N=65536, r=8, p=1), 32 octets: what
    `openssl kdf ... SCRYPT` prints opens them without this program.
    """

    def __init__(self, folder: Path, passphrase: bytes, random: RandomBytes = os.urandom) -> None:
        check_passphrase(passphrase)
        self._folder = folder
        self._passphrase = _stretched(passphrase, _salt(folder / "salt", random))
        self._opened: dict[str, PrivateKey] = {}

    def path(self, name: str) -> Path:
        if not _NAME.fullmatch(name) or ".." in name:
            raise KeyStoreError(f"key name {name!r}: letters, digits, ._- and / only")
        place = "offline" if name.endswith("-root") else "online"
        return self._folder / place / f"{name}.key.pem"

    def save(self, name: str, key: PrivateKey) -> None:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_durably(path, encrypted_pem(key, self._passphrase))
        self._opened[name] = key

    def load(self, name: str) -> PrivateKey:
        if name not in self._opened:
            try:
                pem = self.path(name).read_bytes()
            except FileNotFoundError:
                raise KeyStoreError(f"no key {name!r} in {self._folder}") from None
            self._opened[name] = load_pem(pem, self._passphrase)
        return self._opened[name]


def _salt(path: Path, random: RandomBytes) -> bytes:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_durably(path, random(16).hex().encode())
    return bytes.fromhex(path.read_text())


def _stretched(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=65_536, r=8, p=1).derive(passphrase).hex().encode()


def write_durably(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file so that after a crash it is either absent, the old one, or whole."""
    partial = path.with_name(path.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
