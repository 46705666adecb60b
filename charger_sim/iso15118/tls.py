"""TLS contexts of both editions, from credentials of `pki`.

ISO 15118-2 clause 7.7.3: TLS 1.2, ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, P-256, server-authenticated.
ISO 15118-20 clause 7.7.3: TLS 1.3, mutual, certificates on P-521 or Ed448.

What Python's ``ssl`` cannot do: staple OCSP answers or ask for them, restrict TLS 1.3 to its two
cipher suites, and list signature algorithms (the certificates' keys decide; OpenSSL accepts
ecdsa_secp521r1_sha512 and ed448). One group at a time can be set: secp521r1, or X448.
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from charger_sim.iso15118.errors import RemoteProtocolError
from pki.leaf import Credential
from pki.ports import RandomBytes

ISO_2_CIPHERS: Final = "ECDHE-ECDSA-AES128-SHA256"
ISO_2_GROUP: Final = "prime256v1"
ISO_20_GROUP: Final = "secp521r1"
ISO_20_GROUP_448: Final = "X448"


def secc_context_2(credential: Credential, random: RandomBytes) -> ssl.SSLContext:
    """A charger's for ISO 15118-2."""
    context = _tls_1_2(ssl.PROTOCOL_TLS_SERVER)
    _load(context, credential, random)
    return context


def evcc_context_2(v2g_roots: Sequence[x509.Certificate]) -> ssl.SSLContext:
    """A car's for ISO 15118-2. It names no host: call `check_secc` once connected."""
    context = _tls_1_2(ssl.PROTOCOL_TLS_CLIENT)
    _trust(context, v2g_roots)
    return context


def secc_context_20(
    credential: Credential,
    oem_roots: Sequence[x509.Certificate],
    random: RandomBytes,
    *,
    group: str = ISO_20_GROUP,
) -> ssl.SSLContext:
    """A charger's for ISO 15118-20; the car must show a vehicle certificate under `oem_roots`."""
    context = _tls_1_3(ssl.PROTOCOL_TLS_SERVER, group)
    context.num_tickets = 0  # they hold the car's certificates, and no car here resumes a session
    _load(context, credential, random)
    _trust(context, oem_roots)
    return context


def evcc_context_20(
    credential: Credential,
    v2g_roots: Sequence[x509.Certificate],
    random: RandomBytes,
    *,
    group: str = ISO_20_GROUP,
) -> ssl.SSLContext:
    """A car's for ISO 15118-20, with its vehicle certificate."""
    context = _tls_1_3(ssl.PROTOCOL_TLS_CLIENT, group)
    _load(context, credential, random)
    _trust(context, v2g_roots)
    return context


def check_secc(tls: ssl.SSLObject) -> None:
    """The charger's leaf must have the domain component CPO (V2G2-925). Raises RemoteProtocolError."""
    octets = tls.getpeercert(binary_form=True)
    if octets is None:
        raise RemoteProtocolError("the charger showed no certificate")
    subject = x509.load_der_x509_certificate(octets).subject
    domains = [each.value for each in subject.get_attributes_for_oid(NameOID.DOMAIN_COMPONENT)]
    if "CPO" not in domains:
        raise RemoteProtocolError(f"the charger's certificate has DC {domains}, expected CPO")


def _tls_1_2(side: ssl._SSLMethod) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ISO_2_CIPHERS)
    context.set_ecdh_curve(ISO_2_GROUP)
    return context


def _tls_1_3(side: ssl._SSLMethod, group: str) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.set_ecdh_curve(group)
    return context


def _trust(context: ssl.SSLContext, roots: Sequence[x509.Certificate]) -> None:
    context.check_hostname = False  # V2G certificates name SECCIDs, not hosts
    context.verify_mode = ssl.CERT_REQUIRED
    pem = b"".join(root.public_bytes(Encoding.PEM) for root in roots)
    context.load_verify_locations(cadata=pem.decode("ascii"))


def _load(context: ssl.SSLContext, credential: Credential, random: RandomBytes) -> None:
    """OpenSSL's loader takes files only: the key goes through one, encrypted, for a moment."""
    passphrase = random(24).hex()
    with tempfile.TemporaryDirectory() as folder:
        chain, key = credential.write(Path(folder), passphrase.encode())
        context.load_cert_chain(chain, key, passphrase)
