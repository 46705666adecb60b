"""Handshakes with what was issued: ISO 15118-2, -20, and OCPP's security profiles 2 and 3."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pki.build import Subject
from pki.hierarchy import Config, in_memory
from pki.issue import Pki, root_of
from pki.leaf import Credential, issue_credential
from pki.profiles import Role, Suite
from tests.unit.pki.support import COMMON_NAMES

PASSPHRASE = b"correct horse battery"


@pytest.fixture(scope="module")
def pki() -> Pki:
    """By the machine's clock: Python's ssl knows no other."""
    suites = [Suite.ISO_2, Suite.ISO_20, Suite.OCPP, Suite.OCPP_RSA]
    return in_memory(Config("Acme"), suites=suites)


def _own(pki: Pki, suite: Suite, role: Role) -> Credential:
    return issue_credential(pki, suite, role, Subject(COMMON_NAMES[role], "Acme"))


def _trust(context: ssl.SSLContext, pki: Pki, peer: Credential) -> None:
    anchor = root_of(pki.store, peer.issued.name)
    context.load_verify_locations(cadata=anchor.public_bytes(Encoding.DER))
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT


def _server(own: Credential, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(context, own, folder / "server")
    return context


def _client() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # ISO 15118 certificates name no host
    return context


def _load(context: ssl.SSLContext, own: Credential, folder: Path) -> None:
    chain, key = own.write(folder, PASSPHRASE)
    context.load_cert_chain(chain, key, PASSPHRASE)


def _handshake(
    server: ssl.SSLContext, client: ssl.SSLContext, name: str | None = None
) -> ssl.SSLObject:
    """In memory; returns the server's side. Raises ssl.SSLError."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    there = server.wrap_bio(up, down, server_side=True)
    here = client.wrap_bio(down, up, server_hostname=name)
    for _ in range(6):
        for side in (here, there):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    assert here.version() == there.version()
    return there


def test_iso_15118_2(pki: Pki, tmp_path: Path) -> None:
    """TLS 1.2, the charger alone has a certificate."""
    secc = _own(pki, Suite.ISO_2, Role.SECC)
    server, client = _server(secc, tmp_path), _client()
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    server.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
    client.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
    _trust(client, pki, secc)
    done = _handshake(server, client)
    assert (done.version(), done.cipher()) == (
        "TLSv1.2",
        ("ECDHE-ECDSA-AES128-SHA256", "TLSv1.2", 128),
    )


def test_iso_15118_20(pki: Pki, tmp_path: Path) -> None:
    """TLS 1.3, mutual, P-521."""
    secc, vehicle = _own(pki, Suite.ISO_20, Role.SECC), _own(pki, Suite.ISO_20, Role.VEHICLE)
    server, client = _server(secc, tmp_path), _client()
    client.minimum_version = ssl.TLSVersion.TLSv1_3
    _load(client, vehicle, tmp_path / "client")
    _trust(client, pki, secc)
    _trust(server, pki, vehicle)
    done = _handshake(server, client)
    assert done.version() == "TLSv1.3"
    peer = done.getpeercert(binary_form=True)
    assert peer == vehicle.issued.certificate.public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("suite", "cipher"),
    [(Suite.OCPP, "ECDHE-ECDSA-AES256-GCM-SHA384"), (Suite.OCPP_RSA, "AES128-GCM-SHA256")],
)
def test_ocpp_security_profile_3(pki: Pki, tmp_path: Path, suite: Suite, cipher: str) -> None:
    """ECDHE-ECDSA and static RSA, host name checked, the station known by its serial number."""
    csms, station = _own(pki, suite, Role.CSMS_SERVER), _own(pki, suite, Role.CHARGING_STATION)
    server, client = _server(csms, tmp_path), _client()
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    server.set_ciphers(cipher)
    client.set_ciphers(cipher)
    client.check_hostname = True
    _load(client, station, tmp_path / "client")
    _trust(client, pki, csms)
    _trust(server, pki, station)
    done = _handshake(server, client, "csms.example.com")
    subject = {key: value for rdn in done.getpeercert()["subject"] for key, value in rdn}  # type: ignore[index]
    assert (subject["organizationName"], subject["commonName"]) == ("Acme", "SN-0042")
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        _handshake(server, client, "other.example.com")


def test_a_charger_cannot_be_the_client(pki: Pki, tmp_path: Path) -> None:
    """-20: the certificate of a charger names serverAuth alone."""
    secc, thief = _own(pki, Suite.ISO_20, Role.SECC), _own(pki, Suite.ISO_20, Role.SECC)
    server, client = _server(secc, tmp_path), _client()
    _load(client, thief, tmp_path / "client")
    _trust(client, pki, secc)
    _trust(server, pki, thief)
    with pytest.raises(ssl.SSLError, match=r"(?i)unsuitable certificate purpose|unsupported"):
        _handshake(server, client)
