from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448

from pki.errors import KeyStoreError, RequestError
from pki.keys import FileKeyStore, generate, kind_of, suite_of_key
from pki.profiles import KeyKind, Suite
from tests.unit.pki.support import seeded

PASSPHRASE = b"correct horse battery staple"


@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.P521, KeyKind.ED448])
def test_keys_come_of_the_given_randomness(kind: KeyKind) -> None:
    first, same, other = (generate(kind, seeded(seed)) for seed in (3, 3, 4))
    assert first.public_key() == same.public_key() != other.public_key()
    assert kind_of(first.public_key()) is kind


@pytest.mark.parametrize(
    ("kind", "curve"), [(KeyKind.P256, ec.SECP256R1()), (KeyKind.P521, ec.SECP521R1())]
)
def test_extreme_randomness_still_gives_a_key(kind: KeyKind, curve: ec.EllipticCurve) -> None:
    """A scalar of zero or of the curve's order would be refused by OpenSSL."""
    for fill in (b"\0", b"\xff"):
        key = generate(kind, lambda n, fill=fill: fill * n)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert key.curve.name == curve.name
    zero = generate(kind, bytes)
    assert isinstance(zero, ec.EllipticCurvePrivateKey)
    assert zero.private_numbers().private_value == 1


def test_ed448_seeds_fit_the_field_of_iso_15118_20() -> None:
    key = generate(KeyKind.ED448, seeded())
    assert isinstance(key, ed448.Ed448PrivateKey)
    assert key.private_bytes_raw()[56] == 0


def test_kept_encrypted_for_the_owner_alone(tmp_path: Path) -> None:
    store = FileKeyStore(tmp_path / "keys", PASSPHRASE)
    key = generate(KeyKind.P256, seeded())
    store.save("iso15118-2/mo-sub2", key)
    path = store.path("iso15118-2/mo-sub2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    again = FileKeyStore(tmp_path / "keys", PASSPHRASE).load("iso15118-2/mo-sub2")
    assert again.public_key() == key.public_key()


def test_the_passphrase_itself_does_not_open_the_file(tmp_path: Path) -> None:
    """PKCS#8's own stretching is weak, so the file's password is scrypt's output."""
    store = FileKeyStore(tmp_path / "keys", PASSPHRASE)
    store.save("k", generate(KeyKind.P256, seeded()))
    with pytest.raises(ValueError, match=r"(?i)decrypt|password|padding|parse"):
        serialization.load_pem_private_key(store.path("k").read_bytes(), PASSPHRASE)


def test_roots_lie_apart(tmp_path: Path) -> None:
    store = FileKeyStore(tmp_path / "keys", PASSPHRASE)
    store.save("iso15118-2/v2g-root", generate(KeyKind.P256, seeded()))
    assert store.path("iso15118-2/v2g-root").is_relative_to(tmp_path / "keys" / "offline")
    store.path("iso15118-2/v2g-root").unlink()
    with pytest.raises(KeyStoreError, match="no key 'iso15118-2/v2g-root'"):
        FileKeyStore(tmp_path / "keys", PASSPHRASE).load("iso15118-2/v2g-root")


def test_a_wrong_passphrase_is_told_without_secrets(tmp_path: Path) -> None:
    FileKeyStore(tmp_path, PASSPHRASE).save("k", generate(KeyKind.P256, seeded()))
    with pytest.raises(KeyStoreError) as caught:
        FileKeyStore(tmp_path, b"another passphrase").load("k")
    assert "another" not in str(caught.value)


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="at least 12"):
        FileKeyStore(tmp_path, b"short")


@pytest.mark.parametrize("name", ["../outside", "a/../../b", "/etc/passwd", "", "a b", "a//b"])
def test_names_do_not_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyStoreError):
        FileKeyStore(tmp_path, PASSPHRASE).path(name)


def test_suite_of_key() -> None:
    assert suite_of_key(ec.generate_private_key(ec.SECP521R1()).public_key()) is Suite.ISO_20
    with pytest.raises(RequestError):
        suite_of_key(ec.generate_private_key(ec.SECP384R1()).public_key())
