"""Reading what others made. `cryptography` parses names, times and extensions only when asked."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from pki.errors import RequestError

UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What `cryptography` raises for malformed or unknown content, on loading or on first use."""


@lru_cache(maxsize=512)
def parse_der(octets: bytes) -> x509.Certificate:
    """The certificate of DER: one object for the same octets, so that it is parsed once.

    Raises what `UNREADABLE` lists, here or when a part of it is first used.
    """
    return x509.load_der_x509_certificate(octets)


def load_certificate(octets: bytes) -> x509.Certificate:
    """A certificate of DER, or of PEM if it looks like that, parsed to its end.

    Raises RequestError, so that names and extensions of what is returned can be used freely.
    """
    try:
        if octets.lstrip().startswith(b"-----BEGIN"):
            loaded = x509.load_pem_x509_certificate(octets)
            return _to_its_end(loaded)
        return _whole_der(octets)
    except UNREADABLE as error:
        raise RequestError(f"the certificate cannot be read: {error}") from None


@lru_cache(maxsize=512)
def _whole_der(octets: bytes) -> x509.Certificate:
    return _to_its_end(parse_der(octets))


def _to_its_end(certificate: x509.Certificate) -> x509.Certificate:
    _ = (certificate.subject, certificate.issuer, certificate.extensions, certificate.public_key())
    return certificate
