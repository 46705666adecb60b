"""OpenSSL's verdict on a path (RFC 5280 clause 6), strictly, with or without revocation lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import crypto

from pki.authorities import Remembered

SIGNATURE_FAILURE: Final = 7
NOT_YET_VALID: Final = 9
EXPIRED: Final = 10
REVOKED: Final = 23
NO_LIST: Final = frozenset({3, 8, 11, 12, 15, 16, 33, 35, 36, 44, 54})
"""X509_V_ERR_* of a list: missing, badly signed, not in force, malformed, of another scope."""
MALFORMED: Final = -1
# a root's signature over itself is not checked: what makes it an anchor is that it was configured
_PATH_FLAGS: Final = crypto.X509StoreFlags.X509_STRICT | crypto.X509StoreFlags.POLICY_CHECK
# X509_V_FLAG_*, not exported by pyOpenSSL: indirect and partitioned lists, delta lists
_EXTENDED_CRL_SUPPORT: Final = 0x1000
_USE_DELTAS: Final = 0x2000
_Given: TypeAlias = tuple[tuple[x509.Certificate, ...], tuple[x509.Certificate, ...]]
_remembered: Final = Remembered[_Given]()
"""By intermediates and roots, as they were given."""


class Rejection(Exception):
    """`code` is OpenSSL's X509_V_ERR_*, or MALFORMED; `depth` counts from the leaf."""

    def __init__(self, code: int, depth: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.depth = depth
        self.message = message


def verified_path(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    at: datetime,
    *,
    crls: Sequence[x509.CertificateRevocationList] = (),
    check_lists: str = "none",
) -> list[x509.Certificate]:
    """The path from `leaf` to a root. Raises Rejection.

    `check_lists` is "none", "leaf" or "all": whose revocation must be settled by `crls`.
    """
    if check_lists != "none":
        flags = _PATH_FLAGS | crypto.X509StoreFlags.CRL_CHECK | _EXTENDED_CRL_SUPPORT | _USE_DELTAS
        if check_lists == "all":
            flags |= crypto.X509StoreFlags.CRL_CHECK_ALL
        return _whole_path(leaf, intermediates, roots, at, flags, crls)
    given = (tuple(intermediates), tuple(roots))
    known = _remembered.above(given, leaf, at)
    if known and _is_under(leaf, known[0], at):
        return [leaf, *known]
    path = _whole_path(leaf, intermediates, roots, at, _PATH_FLAGS)
    _remembered.keep(given, path)
    return path


def _is_under(leaf: x509.Certificate, issuer: x509.Certificate, at: datetime) -> bool:
    """Whether `leaf` is good under an authority that has been judged. If not, the whole path says
    why."""
    flags = _PATH_FLAGS | crypto.X509StoreFlags.PARTIAL_CHAIN
    try:
        return len(_built(leaf, (), (issuer,), at, flags)) == 2
    except (crypto.X509StoreContextError, crypto.Error):
        return False


def _whole_path(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    at: datetime,
    flags: int,
    crls: Sequence[x509.CertificateRevocationList] = (),
) -> list[x509.Certificate]:
    try:
        path = _built(leaf, intermediates, roots, at, flags, crls)
    except crypto.X509StoreContextError as error:
        code, depth, message = error.errors
        raise Rejection(int(code), int(depth), str(message)) from None
    except crypto.Error as error:
        raise Rejection(MALFORMED, 0, f"OpenSSL cannot read it: {error}") from None
    given = {each.public_bytes(Encoding.DER): each for each in (leaf, *intermediates, *roots)}
    return [_same(each, given) for each in path]


def _built(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    at: datetime,
    flags: int,
    crls: Sequence[x509.CertificateRevocationList] = (),
) -> list[crypto.X509]:
    """OpenSSL's verified chain. Raises what pyOpenSSL raises."""
    store = crypto.X509Store()
    for anchor in anchors:
        store.add_cert(_authority(anchor))
    for crl in crls:
        store.add_crl(crl)
    store.set_time(at.astimezone(UTC))
    store.set_flags(flags)
    untrusted = [_authority(each) for each in intermediates]
    context = crypto.X509StoreContext(store, crypto.X509.from_cryptography(leaf), untrusted)
    return context.get_verified_chain()


@lru_cache(maxsize=256)
def _authority(certificate: x509.Certificate) -> crypto.X509:
    """OpenSSL's form of a certificate that comes again with every chain of its hierarchy."""
    return crypto.X509.from_cryptography(certificate)


def _same(found: crypto.X509, given: dict[bytes, x509.Certificate]) -> x509.Certificate:
    """The object that the caller gave, whose parsed extensions are kept, else a new one."""
    known = given.get(crypto.dump_certificate(crypto.FILETYPE_ASN1, found))
    return known if known is not None else found.to_cryptography()
