"""Server-side TLS of the OCPP security profiles.

A00.FR.318 (2.0.1; .317 in the 1.6 whitepaper) names four suites: ECDHE-ECDSA and static RSA key exchange,
AES-128/256-GCM. Serving all of them takes an ECDSA and an RSA certificate side by side. Python's default
context would refuse static RSA, so the list is explicit. ECDHE-RSA, which gives forward secrecy to stations
that know it, goes before static RSA. TLS 1.3's suites are OpenSSL's own.
"""

from __future__ import annotations

import ssl
from typing import Any, Final

from csms.gateway.handshake import PeerCertificate
from csms.gateway.settings import TlsSettings

CIPHERS: Final = ":".join(
    (
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
    )
)


def server_context(settings: TlsSettings, *, mutual: bool) -> ssl.SSLContext:
    """The context of a listener; ``mutual`` demands a station certificate (security profile 3).

    Raises ``ValueError`` without a certificate, and what ``ssl`` raises for files it cannot use.
    """
    if not settings.certificates:
        raise ValueError("tls.certificates: at least one server certificate is needed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= (
        ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    )
    context.set_ciphers(CIPHERS)
    for certificate in settings.certificates:
        context.load_cert_chain(
            certificate.chain_file, certificate.key_file, password=certificate.password
        )
    if mutual:
        if settings.client_ca_file is None:
            raise ValueError("tls.client_ca_file: needed to verify station certificates")
        context.load_verify_locations(settings.client_ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
        if settings.crl_file is not None:
            context.load_verify_locations(settings.crl_file)
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    return context


def peer_certificate(decoded: dict[str, Any] | None) -> PeerCertificate | None:
    """From ``SSLSocket.getpeercert()``, which is only filled after verification."""
    if not decoded:
        return None
    names: dict[str, str] = {key: value for rdn in decoded.get("subject", ()) for key, value in rdn}
    return PeerCertificate(names.get("commonName"), names.get("organizationName"))
