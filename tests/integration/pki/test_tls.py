"""Handshakes with what was issued: ISO 15118-2, -20, and OCPP's security profiles 2 and 3."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from pki.leaf import Credential
from pki.profiles import Role, Suite
from tests.unit.pki.support import root, seeded, shared_credential, shared_pki  # noqa: F401
from tests.unit.pki.support import FixedClock, credential

from datetime import UTC, datetime
from pki.hierarchy import Config, in_memory
from pki.issue import Pki, root_of

PASSPHRASE = b"correct horse battery"


@pytest.fixture(scope="module")
def pki() -> Pki:
    """By the machine's clock: Python's ssl knows no other."""
    return in_memory(Config("Acme"), suites=[Suite.ISO_2, Suite.ISO_20, Suite.OCPP, Suite.OCPP_RSA])


def _load(context: ssl.SSLContext, own: Credential, folder: Path) -> None:
    chain, key = own.write(folder, PASSPHRASE)
    context.load_cert_chain(chain, key, PASSPHRASE)


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None) -> ssl.SSLObject:
    """In memory; returns the server's side."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    there = server.wrap_bio(up, down, server_side=True)
    here = client.wrap_bio(down, up, server_hostname=name)
    done: set[ssl.SSLObject] = set()
    for _ in range(10):
        for side in (here, there):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass
        if len(done) == 2:
            return there
    raise AssertionError("the handshake did not end")


def _client(pki: Pki, own: Credential) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    anchor = root_of(pki.store, own.issued.name)
    from cryptography.hazmat.primitives.serialization import Encoding

    context.load_verify_locations(cadata=anchor.public_bytes(Encoding.DER))
    return context
