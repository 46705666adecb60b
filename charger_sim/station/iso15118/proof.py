"""What a station shows of a contract to the central system: hash data, or the chain (C07)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

from charger_sim.iso15118.errors import RemoteProtocolError
from charger_sim.iso15118.trust import TrustStore
from pki.hash_data import hash_data

MAX_HASH_DATA = 4


def leads_to(chain: Sequence[bytes], roots: Sequence[x509.Certificate], now: datetime) -> bool:
    """Whether the contract's chain (DER, leaf first) ends in one of the station's roots, and holds
    at ``now``. Nobody is asked for revocations."""
    try:
        TrustStore(tuple(roots), lambda: now).check(chain, None)
    except RemoteProtocolError:
        return False
    return True


def hashes_of(chain: Sequence[bytes], roots: Sequence[x509.Certificate]) -> list[dict[str, str]]:
    """OCSPRequestDataType of each certificate of a chain that :func:`leads_to` a root.

    Empty where one of them names no responder: then only the chain itself will do.
    """
    certificates = [x509.load_der_x509_certificate(each) for each in chain]
    above = [root for root in roots if root.subject == certificates[-1].issuer]
    entries = []
    for certificate, issuer in pairwise([*certificates, *above[:1]]):
        url = _responder(certificate)
        if url is None:
            return []
        entries.append(hash_data(certificate, issuer).to_ocpp() | {"responderURL": url})
    return entries[:MAX_HASH_DATA]


def pem_of(chain: Sequence[bytes]) -> str:
    """The chain as OCPP's ``certificate``."""
    return "".join(
        x509.load_der_x509_certificate(each).public_bytes(Encoding.PEM).decode() for each in chain
    )


def _responder(certificate: x509.Certificate) -> str | None:
    try:
        found = certificate.extensions.get_extension_for_oid(
            ExtensionOID.AUTHORITY_INFORMATION_ACCESS
        ).value
    except x509.ExtensionNotFound:
        return None
    if not isinstance(found, x509.AuthorityInformationAccess):
        return None
    for access in found:
        location = access.access_location
        if access.access_method == AuthorityInformationAccessOID.OCSP and isinstance(
            location, x509.UniformResourceIdentifier
        ):
            return str(location.value)
    return None
