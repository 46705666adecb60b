"""OCSP's certificateHashData in the form of OCPP (2.0.1 part 2, CertificateHashDataType).

Hashes and serial number are hexadecimal, the serial without leading zeros and of at most 40
digits. Comparison ignores case, as OCPP's identifierString does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

ALGORITHMS: Final[dict[str, hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}
_HEX: Final = re.compile(r"[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True)
class HashData:
    """Identifies a certificate by its issuer and serial. Lower-case hexadecimal."""

    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str

    def to_ocpp(self) -> dict[str, str]:
        """The fields under their OCPP names."""
        return {
            "hashAlgorithm": self.hash_algorithm,
            "issuerNameHash": self.issuer_name_hash,
            "issuerKeyHash": self.issuer_key_hash,
            "serialNumber": self.serial_number,
        }

    def names_issuer(self, issuer: x509.Certificate) -> bool:
        """Whether `issuer` is the authority of these data."""
        algorithm = _hash(self.hash_algorithm)
        name = digest(issuer.subject.public_bytes(), algorithm).hex()
        key = issuer_key_hash(issuer, algorithm).hex()
        return (self.issuer_name_hash, self.issuer_key_hash) == (name, key)


def digest(octets: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    """The hash of `octets`."""
    taken = hashes.Hash(algorithm)
    taken.update(octets)
    return taken.finalize()


def issuer_key_hash(issuer: x509.Certificate, algorithm: hashes.HashAlgorithm) -> bytes:
    """The hash by which OCSP names an authority's key: of the key's bits, without its header."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(issuer, issuer, algorithm)
    return builder.build().issuer_key_hash


def hash_data(
    certificate: x509.Certificate, issuer: x509.Certificate, algorithm: str = "SHA256"
) -> HashData:
    """Hash data of `certificate`; its issuer's key is hashed as its certificate carries it.

    For a root `issuer` is the root itself. Raises ValueError for another algorithm than SHA256,
    SHA384 and SHA512.
    """
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, _hash(algorithm))
    built = request.build()
    return HashData(
        algorithm,
        built.issuer_name_hash.hex(),
        built.issuer_key_hash.hex(),
        f"{built.serial_number:x}",
    )


def from_ocpp(fields: Mapping[str, object]) -> HashData:
    """Read what a station sent. Raises ValueError naming the field.

    Leading zeros of the serial number, which the standard forbids, are removed.
    """
    algorithm = fields.get("hashAlgorithm")
    if not isinstance(algorithm, str):
        raise ValueError(f"hashAlgorithm {algorithm!r}, expected one of {list(ALGORITHMS)}")
    digits = _hash(algorithm).digest_size * 2
    serial = _hexadecimal(fields, "serialNumber", None)
    if len(serial) > 40:
        raise ValueError(f"serialNumber of {len(serial)} digits, at most 40")
    return HashData(
        algorithm,
        _hexadecimal(fields, "issuerNameHash", digits),
        _hexadecimal(fields, "issuerKeyHash", digits),
        serial.lstrip("0") or "0",
    )


def ocsp_request(data: HashData) -> bytes:
    """The DER request to the responder, without a nonce: answers are pre-signed."""
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        bytes.fromhex(data.issuer_name_hash),
        bytes.fromhex(data.issuer_key_hash),
        int(data.serial_number, 16),
        _hash(data.hash_algorithm),
    )
    return builder.build().public_bytes(Encoding.DER)


def _hash(algorithm: str) -> hashes.HashAlgorithm:
    if algorithm not in ALGORITHMS:
        raise ValueError(f"hashAlgorithm {algorithm!r}, expected one of {list(ALGORITHMS)}")
    return ALGORITHMS[algorithm]


def _hexadecimal(fields: Mapping[str, object], key: str, digits: int | None) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise ValueError(f"{key} is not hexadecimal")
    if digits is not None and len(value) != digits:
        raise ValueError(f"{key} of {len(value)} digits, expected {digits}")
    return value.lower()
