"""Reading what is at hand: primitives of both editions that are neither cryptography nor messages."""

from __future__ import annotations

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pki.issue import Pki, ca_id, intermediates
from pki.profiles import Role, Suite


def service_lookup(pki: Pki, suite: Suite, pcid: str) -> None:
    """What the provisioning service reads from its store: the vehicle's contracts and whether they
    are in force, the service's own chain and key."""
    for _, entry in pki.store.pool_list("contract", f"{pcid}/"):
        msgspec.msgpack.decode(entry)
        pki.store.get(ca_id(suite, Role.MO_SUB2), 1)
    name = ca_id(suite, Role.CPS)
    record = pki.store.current(name)
    for each in (record.certificate, *intermediates(pki.store, record.issuer)):
        each.public_bytes(Encoding.DER)
    pki.keys.load(name)


def read_certificate(octets: bytes) -> None:
    """Whose it is, and the key."""
    certificate = x509.load_der_x509_certificate(octets)
    certificate.public_key()
    certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)


def name_root(root: x509.Certificate) -> None:
    """As a request for a contract lists the roots that the car knows."""
    root.issuer.rfc4514_string()
