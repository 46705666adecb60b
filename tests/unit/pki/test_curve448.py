from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey, Ed448PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from pki.curve448 import agreement_private_key, agreement_public_key


@given(st.binary(min_size=57, max_size=57))
@settings(max_examples=50, deadline=None)
def test_both_halves_of_a_key_map_to_one_pair(seed: bytes) -> None:
    """OpenSSL computes both sides: Ed448's public key, and X448's of the mapped scalar."""
    signing = Ed448PrivateKey.from_private_bytes(seed)
    mapped = agreement_public_key(signing.public_key())
    assert agreement_private_key(signing).public_key() == mapped


def test_the_base_point_maps_to_five() -> None:
    """RFC 7748 clause 4.2: curve448's base point has u = 5."""
    y = int(
        "298819210078481492676017930443930673437544040154080242095928241"
        "372331506189835876003536878655418784733982303233503462500531545062832660"
    )
    base = Ed448PublicKey.from_public_bytes(y.to_bytes(57, "little"))
    assert agreement_public_key(base).public_bytes_raw() == (5).to_bytes(56, "little")


@pytest.mark.parametrize("y", [1, 2**448 - 2**224 - 2])
def test_points_without_an_image_are_refused(y: int) -> None:
    with pytest.raises(ValueError, match=r"curve448|point|invalid"):
        agreement_public_key(Ed448PublicKey.from_public_bytes(y.to_bytes(57, "little")))
