"""OpenSSL's command line as the judge of what is issued, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pki.leaf import Credential
from pki.ocsp import answer_for
from pki.profiles import Role, Suite
from pki.provisioning import own_evidence
from pki.revoke import make_crl, revoke
from tests.unit.pki.support import (
    LEAVES,
    NOW,
    credential,
    new_pki,
    root,
    shared_credential,
    shared_lists,
    shared_pki,
)

OPENSSL = shutil.which("openssl")
pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(OPENSSL is None, reason="no openssl command line"),
]


def _openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    assert OPENSSL is not None
    return subprocess.run(
        [OPENSSL, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def _write(folder: Path, suite: Suite, own: Credential) -> None:
    pem = [each.public_bytes(Encoding.PEM) for each in own.issued.chain]
    (folder / "leaf.pem").write_bytes(pem[0])
    (folder / "rest.pem").write_bytes(b"".join(pem[1:]))
    (folder / "issuer.pem").write_bytes(pem[1])
    (folder / "root.pem").write_bytes(root(shared_pki(suite), suite).public_bytes(Encoding.PEM))


@pytest.mark.parametrize(("suite", "role"), LEAVES)
def test_verify(tmp_path: Path, suite: Suite, role: Role) -> None:
    own = shared_credential(suite, role)
    _write(tmp_path, suite, own)
    crls = b"".join(each.public_bytes(Encoding.PEM) for each in shared_lists(suite).crls)
    (tmp_path / "lists.pem").write_bytes(crls)
    purpose = {Role.CSMS_SERVER: "sslserver", Role.SECC: "sslserver"}.get(role, "any")
    if role in {Role.CHARGING_STATION, Role.VEHICLE}:
        purpose = "sslclient"
    result = _openssl(
        "verify", "-x509_strict", "-crl_check_all", "-attime", str(int(NOW.timestamp())),
        "-purpose", purpose, "-CAfile", tmp_path / "root.pem", "-CRLfile", tmp_path / "lists.pem",
        "-untrusted", tmp_path / "rest.pem", tmp_path / "leaf.pem",
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("suite", list(Suite))
def test_ocsp_answers(tmp_path: Path, suite: Suite) -> None:
    pki = shared_pki(suite)
    role = Role.CHARGING_STATION if "ocpp" in suite else Role.SECC
    own = shared_credential(suite, role)
    _write(tmp_path, suite, own)
    (tmp_path / "answer.der").write_bytes(own_evidence(pki, own.issued.chain).ocsp[0])
    result = _openssl(
        "ocsp", "-sha256", "-issuer", tmp_path / "issuer.pem", "-cert", tmp_path / "leaf.pem",
        "-respin", tmp_path / "answer.der", "-CAfile", tmp_path / "root.pem",
        "-verify_other", tmp_path / "rest.pem",
        "-attime", str(int(NOW.timestamp())), "-validity_period", "999999999", "-no_nonce",
    )  # fmt: skip
    assert "Response verify OK" in result.stderr, result.stderr
    assert "leaf.pem: good" in result.stdout


def test_revocation_is_seen(tmp_path: Path) -> None:
    pki = new_pki(Suite.ISO_2)
    own = credential(pki, Suite.ISO_2, Role.SECC)
    _write(tmp_path, Suite.ISO_2, own)
    anchor = root(pki, Suite.ISO_2).public_bytes(Encoding.PEM)
    (tmp_path / "root.pem").write_bytes(anchor)
    revoke(pki, own.issued.certificate.serial_number, "keyCompromise")
    signed = make_crl(pki, own.issued.issuer)
    (tmp_path / "list.pem").write_bytes(signed.public_bytes(Encoding.PEM))
    text = _openssl("crl", "-in", tmp_path / "list.pem", "-noout", "-text").stdout
    assert "Key Compromise" in text
    assert f"{own.issued.certificate.serial_number:X}" in text
    checked = _openssl(
        "verify", "-crl_check", "-attime", str(int(NOW.timestamp())),
        "-CAfile", tmp_path / "root.pem", "-CRLfile", tmp_path / "list.pem",
        "-untrusted", tmp_path / "rest.pem", tmp_path / "leaf.pem",
    )  # fmt: skip
    assert "certificate revoked" in checked.stderr
    answer = answer_for(pki, own.issued.issuer, own.issued.certificate.serial_number)
    (tmp_path / "answer.der").write_bytes(answer)
    shown = _openssl("ocsp", "-respin", tmp_path / "answer.der", "-noverify", "-resp_text").stdout
    assert "Cert Status: revoked" in shown
    assert "keyCompromise" in shown


@pytest.mark.parametrize("suite", [Suite.ISO_2, Suite.ISO_20, Suite.ISO_20_ED448, Suite.OCPP_RSA])
def test_written_keys_open_with_the_passphrase(tmp_path: Path, suite: Suite) -> None:
    role = Role.CHARGING_STATION if suite is Suite.OCPP_RSA else Role.SECC
    own = shared_credential(suite, role)
    _, key = own.write(tmp_path, b"correct horse battery")
    good = _openssl("pkey", "-in", key, "-passin", "pass:correct horse battery", "-pubout")
    assert good.returncode == 0
    public = _openssl("x509", "-in", tmp_path / "chain.pem", "-noout", "-pubkey")
    assert good.stdout == public.stdout
    assert _openssl("pkey", "-in", key, "-passin", "pass:wrong", "-noout").returncode != 0
