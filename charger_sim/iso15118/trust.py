"""What a car checks of chains without being online: path, times, domain; no revocation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from charger_sim.iso15118.errors import RemoteProtocolError
from pki import openssl
from pki.parse import UNREADABLE, parse_der

_MAX_CERTIFICATES = 4


@dataclass(frozen=True, slots=True)
class TrustStore:
    """A car's roots, and its clock: aware UTC."""

    roots: tuple[x509.Certificate, ...]
    now: Callable[[], datetime]

    def check(self, chain: Sequence[bytes], domain: str | None) -> x509.Certificate:
        """The leaf of a chain (DER, leaf first) that leads to a root, its DC being `domain`.

        Raises RemoteProtocolError.
        """
        if not 0 < len(chain) <= _MAX_CERTIFICATES:
            raise RemoteProtocolError(f"chain of {len(chain)} certificates")
        try:
            leaf, *rest = (parse_der(each) for each in chain)
            openssl.verified_path(leaf, rest, self.roots, self.now())
            found = leaf.subject.get_attributes_for_oid(NameOID.DOMAIN_COMPONENT)
        except openssl.Rejection as rejection:
            raise RemoteProtocolError(f"chain: {rejection.message}") from None
        except UNREADABLE as error:
            raise RemoteProtocolError(f"certificate: {error}") from None
        domains = [each.value for each in found]
        if domain is not None and domain not in domains:
            raise RemoteProtocolError(f"the certificate has DC {domains}, expected {domain}")
        return leaf
