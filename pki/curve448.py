"""From Ed448 keys to X448 keys.

edwards448 is 4-isogenous to curve448 with u = y^2 / x^2, base point to base point (RFC 7748 clause
4.2), and both clamp their scalars alike (RFC 8032 clause 5.2.5). So the owner of an Ed448
certificate can receive a contract key wrapped for X448, without a second key.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey, Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey

_P: Final = 2**448 - 2**224 - 1
_D: Final = -39081


def agreement_public_key(key: Ed448PublicKey) -> X448PublicKey:
    """The X448 public key of an Ed448 public key. Raises ValueError for a degenerate point."""
    y = int.from_bytes(key.public_bytes_raw(), "little") & (2**455 - 1)
    # x^2 = (1 - y^2) / (1 - d y^2), from the equation of the curve
    above = y * y * (1 - _D * y * y) % _P
    below = (1 - y * y) % _P
    if y >= _P or below == 0:
        raise ValueError("the Ed448 public key has no image on curve448")
    return X448PublicKey.from_public_bytes((above * pow(below, -1, _P) % _P).to_bytes(56, "little"))


def agreement_private_key(key: Ed448PrivateKey) -> X448PrivateKey:
    """The X448 private key of an Ed448 private key; X448 clamps the scalar itself."""
    expanded = hashlib.shake_256(key.private_bytes_raw()).digest(114)
    return X448PrivateKey.from_private_bytes(expanded[:56])
