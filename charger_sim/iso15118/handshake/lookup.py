"""What a provisioning service reads from its store: a primitive of both editions."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding

from pki.issue import Pki, ca_id, intermediates
from pki.profiles import Role, Suite


def service_lookup(pki: Pki, suite: Suite, pcid: str) -> None:
    """The vehicle's contracts and whether they are in force, the service's chain and its key."""
    pki.store.pool_list("contract", f"{pcid}/")
    pki.store.get(ca_id(suite, Role.MO_SUB2), 1)
    name = ca_id(suite, Role.CPS)
    record = pki.store.current(name)
    for each in (record.certificate, *intermediates(pki.store, record.issuer)):
        each.public_bytes(Encoding.DER)
    pki.keys.load(name)
