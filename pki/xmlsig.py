"""Signatures in the headers of ISO 15118 messages, over EXI fragments.

ISO 15118-2 clause 7.9.2.4, ISO 15118-20 clause 7.9.2.4 (V2G20-765 ff., V2G20-2473 ff.): ECDSA
values are raw r || s. Each reference names one element by its Id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from pki.errors import PkiError, RequestError
from pki.exi import Document, ExiError
from pki.exi.signature import elements_by_id, reference_input, signed_info_input
from pki.keys import PrivateKey, PublicKey, kind_of, signature_hash
from pki.profiles import KeyKind

_EXI: Final = "http://www.w3.org/TR/canonical-exi/"
_MAX_REFERENCES: Final = 4


class SignatureRejectedError(PkiError):
    """The message is not signed as it must be, or not by this key."""


@dataclass(frozen=True, slots=True)
class _Method:
    signature: str
    digest: str
    hash: Callable[[bytes], bytes]
    octets: int


_METHODS: Final = {
    KeyKind.P256: _Method(
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
        "http://www.w3.org/2001/04/xmlenc#sha256",
        lambda octets: hashlib.sha256(octets).digest(),
        64,
    ),
    KeyKind.P521: _Method(
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
        "http://www.w3.org/2001/04/xmlenc#sha512",
        lambda octets: hashlib.sha512(octets).digest(),
        132,
    ),
    KeyKind.ED448: _Method(
        "urn:iso:std:iso:15118:-20:Security:xmldsig#Ed448",
        "urn:iso:std:iso:15118:-20:Security:xmlenc#SHAKE256",
        lambda octets: hashlib.shake_256(octets).digest(64),
        114,
    ),
}


def sign(message: Document, schema: str, key: PrivateKey) -> Document:
    """`message` with a signature over all of its elements that have an Id.

    `schema` is the message's EXI table, such as "iso15118_2". Raises RequestError for a key of no
    ISO 15118 suite or a message without Ids, ExiEncodeError where it does not fit its schema.
    """
    method = _method(key.public_key())
    elements = elements_by_id(message, schema)
    if not elements:
        raise RequestError(f"{message.name}: no element has an Id, nothing to sign")
    signed_info = {
        "CanonicalizationMethod": {"@Algorithm": _EXI},
        "SignatureMethod": {"@Algorithm": method.signature},
        "Reference": [
            {
                "@URI": f"#{each}",
                "Transforms": {"Transform": [{"@Algorithm": _EXI}]},
                "DigestMethod": {"@Algorithm": method.digest},
                "DigestValue": method.hash(reference_input(elements, schema, f"#{each}")),
            }
            for each in elements
        ],
    }
    value = _sign(key, signed_info_input(signed_info), method.octets)
    signature = {"SignedInfo": signed_info, "SignatureValue": {"#text": value}}
    header = {**message.value["Header"], "Signature": signature}
    return Document(message.namespace, message.name, {**message.value, "Header": header})


def check(
    message: Document, schema: str, key: PublicKey, required: frozenset[str]
) -> frozenset[str]:
    """The Ids of what is signed. Raises SignatureRejectedError unless `key` signed an element of
    every name in `required`."""
    try:
        return _check(message, schema, key, required)
    except (KeyError, TypeError, AttributeError, ValueError, ExiError, RequestError) as error:
        raise SignatureRejectedError(
            f"the signature cannot be read: {type(error).__name__}: {error}"
        ) from None


def _check(
    message: Document, schema: str, key: PublicKey, required: frozenset[str]
) -> frozenset[str]:
    method = _method(key)
    header = message.value["Header"]
    if "Signature" not in header:
        raise SignatureRejectedError(f"{message.name} is not signed")
    signed_info = header["Signature"]["SignedInfo"]
    named = _algorithm(signed_info["SignatureMethod"])
    if named != method.signature:
        raise SignatureRejectedError(f"signature method {named!r}, expected {method.signature!r}")
    references = signed_info["Reference"]
    if len(references) > _MAX_REFERENCES:
        raise SignatureRejectedError(f"{len(references)} references, at most {_MAX_REFERENCES}")
    elements = elements_by_id(message, schema)
    signed: dict[str, str] = {}
    for reference in references:
        _check_transforms(reference)
        named = _algorithm(reference["DigestMethod"])
        if named != method.digest:
            raise SignatureRejectedError(f"digest method {named!r}, expected {method.digest!r}")
        octets = reference_input(elements, schema, reference["@URI"])
        if method.hash(octets) != reference["DigestValue"]:
            raise SignatureRejectedError(f"digest of {reference['@URI']} differs")
        identifier = reference["@URI"][1:]
        signed[identifier] = elements[identifier].name
    if lacking := required.difference(signed.values()):
        raise SignatureRejectedError(f"not signed: {', '.join(sorted(lacking))}")
    value = header["Signature"]["SignatureValue"]["#text"]
    if len(value) != method.octets:
        raise SignatureRejectedError(f"signature of {len(value)} octets, expected {method.octets}")
    if not any(_verifies(key, value, octets) for octets in _readings(signed_info, schema)):
        raise SignatureRejectedError("the signature is not by this key")
    return frozenset(signed)


def _readings(signed_info: dict[str, Any], schema: str) -> Iterator[bytes]:
    """What the signature may be of: some peers encode SignedInfo by the message's schema instead
    of the one of xmldsig, some use the string table."""
    tried = set()
    for hits, table in product((False, True), ("xmldsig", schema)):
        octets = signed_info_input(signed_info, table, hits=hits)
        if octets not in tried:
            tried.add(octets)
            yield octets


def _check_transforms(reference: dict[str, Any]) -> None:
    for transform in reference.get("Transforms", {}).get("Transform", []):
        if _algorithm(transform).rstrip("/") != _EXI.rstrip("/"):  # some leave the last "/" out
            raise SignatureRejectedError(f"transform {_algorithm(transform)!r}, expected {_EXI}")


def _algorithm(value: dict[str, Any]) -> str:
    return str(value["@Algorithm"])


def _method(key: PublicKey) -> _Method:
    kind = kind_of(key)
    if kind is None or kind not in _METHODS:
        raise RequestError("ISO 15118 messages are signed with P-256, P-521 or Ed448")
    return _METHODS[kind]


def _sign(key: PrivateKey, octets: bytes, size: int) -> bytes:
    if isinstance(key, ed448.Ed448PrivateKey):
        return key.sign(octets)
    algorithm = signature_hash(key)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or algorithm is None:
        raise RequestError("ISO 15118 messages are signed with P-256, P-521 or Ed448")
    r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(algorithm)))
    return r.to_bytes(size // 2) + s.to_bytes(size // 2)


def _verifies(key: PublicKey, value: bytes, octets: bytes) -> bool:
    try:
        if isinstance(key, ed448.Ed448PublicKey):
            key.verify(value, octets)
            return True
        algorithm = signature_hash(key)
        if not isinstance(key, ec.EllipticCurvePublicKey) or algorithm is None:
            return False
        half = len(value) // 2
        r, s = int.from_bytes(value[:half]), int.from_bytes(value[half:])
        key.verify(encode_dss_signature(r, s), octets, ec.ECDSA(algorithm))
    except InvalidSignature:
        return False
    return True
