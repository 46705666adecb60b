"""`v2g-pki` from init to audit, as an operator would type it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner, Result

from pki.cli import app, main
from pki.errors import PkiError
from pki.hierarchy import open_records

PASSPHRASE = "correct horse battery staple"
RUNNER = CliRunner(env={"V2G_PKI_PASSPHRASE": PASSPHRASE})
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "pki"
    result = RUNNER.invoke(
        app, ["init", str(folder), "--organization", "Acme", "--suite", "iso15118-2",
              "--suite", "ocpp", "--ocsp-url", "http://ocsp.example.com/ocsp", "--json"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert {row["status"] for row in json.loads(result.stdout)} == {"issued"}
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "pki"))


def _run(*arguments: str | Path) -> Result:
    result = RUNNER.invoke(app, [str(each) for each in arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def _issue(folder: Path, out: Path) -> str:
    result = _run(
        "issue", folder, "--suite", "iso15118-2", "--role", "secc", "--cn", "DE*ACM*E1",
        "--out", out, "--json",
    )  # fmt: skip
    return str(json.loads(result.stdout)["serial"])


def test_issue_revoke_crl_audit(folder: Path, tmp_path: Path) -> None:
    serial = _issue(folder, tmp_path / "secc")
    chain = x509.load_pem_x509_certificates((tmp_path / "secc" / "chain.pem").read_bytes())
    assert len(chain) == 3
    key = load_pem_private_key((tmp_path / "secc" / "key.pem").read_bytes(), PASSPHRASE.encode())
    assert key.public_key() == chain[0].public_key()
    revoked = json.loads(_run("revoke", folder, serial, "--reason", "superseded", "--json").stdout)
    assert revoked["status"] == "revoked"
    counts = json.loads(_run("crl", folder, "--out", tmp_path / "crl", "--json").stdout)
    assert counts["iso15118-2/cpo-sub2"] == 1
    assert "iso15118-2/v2g-root" not in counts
    content = (tmp_path / "crl" / "iso15118-2" / "cpo-sub2.crl").read_bytes()
    entry = x509.load_der_x509_crl(content).get_revoked_certificate_by_serial_number(
        int(serial, 16)
    )
    assert entry is not None
    listed = json.loads(_run("list", folder, "--status", "revoked", "--json").stdout)
    assert [row["serial"] for row in listed] == [serial]
    events = [row["event"] for row in json.loads(_run("audit", folder, "--json").stdout)]
    assert events.count("revoked") == 1
    assert serial[:6] in _run("list", folder, "--role", "secc").stdout


def test_issue_for_a_signing_request(folder: Path, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ignored")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    (tmp_path / "csr.pem").write_bytes(request.public_bytes(Encoding.PEM))
    _run(
        "issue", folder, "--suite", "ocpp", "--role", "charging-station", "--cn", "SN-7",
        "--csr", tmp_path / "csr.pem", "--out", tmp_path / "out",
    )  # fmt: skip
    leaf, _ = x509.load_pem_x509_certificates((tmp_path / "out" / "chain.pem").read_bytes())
    assert leaf.public_key() == key.public_key()
    assert leaf.subject.rfc4514_string() == "C=DE,O=Acme,CN=SN-7"
    assert not (tmp_path / "out" / "key.pem").exists()


def test_ocsp_signs_ahead_and_answers(folder: Path, tmp_path: Path) -> None:
    _issue(folder, tmp_path / "secc")
    signed = json.loads(_run("ocsp", folder, "--json").stdout)
    assert signed["iso15118-2/cpo-sub2"] == 2  # the leaf and the responder
    leaf, issuer, _ = x509.load_pem_x509_certificates(
        (tmp_path / "secc" / "chain.pem").read_bytes()
    )
    request = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA256()).build()
    (tmp_path / "request.der").write_bytes(request.public_bytes(Encoding.DER))
    _run("ocsp", folder, "--request", tmp_path / "request.der", "--out", tmp_path / "answer.der")
    answer = ocsp.load_der_ocsp_response((tmp_path / "answer.der").read_bytes())
    assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD


def test_lint_tells_by_its_exit_code(folder: Path, tmp_path: Path) -> None:
    _issue(folder, tmp_path / "secc")
    chain = str(tmp_path / "secc" / "chain.pem")
    good = RUNNER.invoke(app, ["lint", chain, "--suite", "iso15118-2", "--role", "secc"])
    assert (good.exit_code, good.stdout.strip()) == (0, "no findings")
    bad = RUNNER.invoke(app, ["lint", chain, "--suite", "iso15118-2", "--role", "cps", "--json"])
    assert bad.exit_code == 1
    assert {row["code"] for row in json.loads(bad.stdout)} == {"domain-component", "key-usage"}


def test_the_root_key_is_needed_for_the_roots_list_alone(folder: Path, tmp_path: Path) -> None:
    _run("crl", folder, "--ca", "iso15118-2/v2g-root", "--out", tmp_path)
    shutil.rmtree(folder / "keys" / "offline")
    _issue(folder, tmp_path / "secc")
    _run("ocsp", folder)
    result = RUNNER.invoke(app, ["crl", str(folder), "--ca", "iso15118-2/v2g-root"])
    assert isinstance(result.exception, PkiError)
    assert "no key 'iso15118-2/v2g-root'" in str(result.exception)


def test_passphrase_from_a_file(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE + "\n")
    runner = CliRunner(env={"V2G_PKI_PASSPHRASE": "wrong, and longer than 12"})
    result = runner.invoke(app, ["crl", str(folder), "--passphrase-file", str(file)])
    assert result.exit_code == 0, result.output


def test_tampering_with_the_log_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "audit.log"
    path.write_bytes(path.read_bytes().replace(b'"event":"issued"', b'"event":"ISSUED"', 1))
    monkeypatch.setattr("sys.argv", ["v2g-pki", "audit", str(folder)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "does not have the hash it names" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "passphrase", "word"),
    [
        (["init", "{tmp}/new", "--organization", "A"], "short", "at least 12"),
        (["init", "{folder}", "--organization", "A"], PASSPHRASE, "is not empty"),
        (["list", "{tmp}"], PASSPHRASE, "holds no PKI"),
        (["crl", "{folder}"], "a wrong passphrase", "does not open"),
        (["revoke", "{folder}", "xyz"], PASSPHRASE, "not hexadecimal"),
        (["revoke", "{folder}", "12"], PASSPHRASE, "no certificate with serial 12"),
        (["crl", "{folder}", "--ca", "nobody"], PASSPHRASE, "nobody"),
        (["lint", "{tmp}/none", "--suite", "ocpp", "--role", "secc"], PASSPHRASE, "No such file"),
    ],
)
def test_errors_are_one_line(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    passphrase: str,
    word: str,
) -> None:
    given = [each.format(tmp=tmp_path, folder=folder) for each in arguments]
    monkeypatch.setenv("V2G_PKI_PASSPHRASE", passphrase)
    monkeypatch.setattr("sys.argv", ["v2g-pki", *given])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert word in error
    assert error.count("\n") == 1
    assert passphrase not in error.replace("passphrase:", "")


def test_a_weak_passphrase_makes_nothing(tmp_path: Path) -> None:
    runner = CliRunner(env={"V2G_PKI_PASSPHRASE": "short"})
    runner.invoke(app, ["init", str(tmp_path / "new"), "--organization", "A"])
    assert not (tmp_path / "new").exists()


def test_no_secret_in_store_or_log(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            assert PASSPHRASE.encode() not in path.read_bytes()
    store, _ = open_records(folder)
    assert "PRIVATE KEY" not in "\n".join(store._db.iterdump())
