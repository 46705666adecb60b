"""`v2g-pki`: a V2G PKI on the command line.

The passphrase of the keys comes from --passphrase-file, from V2G_PKI_PASSPHRASE, or is asked for;
there is no default.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from rich.console import Console
from rich.table import Table

from pki.build import Subject
from pki.errors import PkiError, RequestError
from pki.hierarchy import (
    DEFAULT_SUITES,
    Config,
    init_folder,
    open_folder,
    open_records,
    read_config,
)
from pki.issue import Pki
from pki.keys import write_durably
from pki.leaf import issue_credential, issue_for_request
from pki.lint import lint as lint_certificate
from pki.ocsp import Responder, presign
from pki.parse import UNREADABLE, load_certificate
from pki.profiles import AUTHORITIES, Role, Suite, profile
from pki.record import Record, Status
from pki.revoke import REASONS, make_crl
from pki.revoke import revoke as revoke_certificate

app = typer.Typer(help="A V2G PKI: issue, revoke, answer, serve.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="Folder of the PKI.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", help="File whose first line opens the keys.")
]


def _passphrase(file: Path | None, *, confirm: bool = False) -> bytes:
    if file is not None:
        return file.read_bytes().split(b"\n", 1)[0].rstrip(b"\r")
    given = os.environ.get("V2G_PKI_PASSPHRASE")
    if given is None:
        given = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return str(given).encode()


def _open(folder: Path, file: Path | None) -> Pki:
    return open_folder(folder, _passphrase(file))


def _print(result: Any, as_json: bool, text: str) -> None:
    typer.echo(json.dumps(result, indent=2) if as_json else text)


def _row(record: Record) -> dict[str, str]:
    return {
        "serial": record.serial_hex,
        "name": record.name,
        "issuer": record.issuer,
        "suite": record.suite,
        "role": record.role,
        "subject": record.subject,
        "status": record.status,
        "not_after": record.not_after.isoformat(),
    }


@app.command()
def init(
    folder: Folder,
    organization: Annotated[str, typer.Option(help="O of every certificate.")],
    country: str = "DE",
    suite: Annotated[
        list[Suite] | None, typer.Option(help="Default: -2, -20 (P-521), OCPP.")
    ] = None,
    ocsp_url: str = "",
    crl_url: Annotated[str, typer.Option(help="{ca} becomes the authority's name.")] = "",
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make roots, Sub-CAs, OCSP responders and provisioning leaves, with encrypted keys."""
    config = Config(organization, country, ocsp_url, crl_url)
    chosen = suite or list(DEFAULT_SUITES)
    pki = init_folder(folder, _passphrase(passphrase_file, confirm=True), config, suites=chosen)
    made = [_row(record) for record in pki.store.find()]
    _print(
        made,
        as_json,
        f"{len(made)} certificates in {folder}. Now move {folder / 'keys' / 'offline'} to a safe.",
    )


@app.command()
def issue(
    folder: Folder,
    suite: Annotated[Suite, typer.Option()],
    role: Annotated[Role, typer.Option()],
    cn: Annotated[str, typer.Option(help="SECCID, eMAID, PCID, serial number or FQDN.")],
    out: Annotated[Path, typer.Option(help="Folder for chain.pem and key.pem.")],
    organization: Annotated[str | None, typer.Option(help="Default: the PKI's.")] = None,
    dns: Annotated[list[str] | None, typer.Option(help="DNS names of a server.")] = None,
    csr: Annotated[Path | None, typer.Option(help="PEM request; without it a key is made.")] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Issue a leaf certificate."""
    passphrase = _passphrase(passphrase_file)
    pki = open_folder(folder, passphrase)
    config = read_config(folder)
    subject = Subject(cn, organization or config.organization, config.country, tuple(dns or ()))
    if csr is None:
        credential = issue_credential(pki, suite, role, subject)
        issued = credential.issued
        credential.write(out, passphrase)
    else:
        request = _signing_request(csr)
        issued = issue_for_request(pki, suite, role, request, subject)
        out.mkdir(parents=True, exist_ok=True)
        write_durably(out / "chain.pem", issued.chain_pem, mode=0o644)
    record = pki.store.current(issued.name)
    _print(_row(record), as_json, f"{record.serial_hex}  {record.subject}  -> {out / 'chain.pem'}")


def _signing_request(path: Path) -> x509.CertificateSigningRequest:
    try:
        return x509.load_pem_x509_csr(path.read_bytes())
    except UNREADABLE as error:
        raise RequestError(f"{path}: {error}") from None


@app.command()
def revoke(
    folder: Folder,
    serial: Annotated[str, typer.Argument(help="Serial number, hexadecimal.")],
    reason: Annotated[str, typer.Option(help=", ".join(REASONS))] = "unspecified",
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a certificate for good."""
    try:
        number = int(serial, 16)
    except ValueError:
        raise RequestError(f"serial {serial!r} is not hexadecimal") from None
    record = revoke_certificate(_open(folder, passphrase_file), number, reason)
    _print(_row(record), as_json, f"{record.serial_hex} is revoked ({record.reason})")


@app.command()
def ocsp(
    folder: Folder,
    request: Annotated[Path | None, typer.Option(help="DER request to answer.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the DER answer goes.")] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Sign answers ahead for every certificate, or answer one request."""
    pki = _open(folder, passphrase_file)
    if request is not None:
        if out is None:
            raise RequestError("--out is needed with --request")
        out.write_bytes(Responder(pki).answer(request.read_bytes()))
        _print({"out": str(out)}, as_json, f"-> {out}")
        return
    signed = {name: presign(pki, name) for name in _authorities(pki)}
    _print(signed, as_json, f"{sum(signed.values())} answers of {len(signed)} authorities signed")


@app.command()
def crl(
    folder: Folder,
    ca: Annotated[list[str] | None, typer.Option(help="Default: all but the roots.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for <ca>.crl (DER).")] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Sign new revocation lists."""
    pki = _open(folder, passphrase_file)
    names = ca or [name for name in _authorities(pki) if not name.endswith("-root")]
    entries = {}
    for name in names:
        signed = make_crl(pki, name)
        entries[name] = len(list(signed))
        if out is not None:
            path = out / f"{name}.crl"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, signed.public_bytes(Encoding.DER), mode=0o644)
    text = "\n".join(f"{name}: {count} revoked" for name, count in entries.items())
    _print(entries, as_json, text)


def _authorities(pki: Pki) -> list[str]:
    rows = pki.store.find(status=Status.ISSUED)
    return sorted({row.name for row in rows if row.role in AUTHORITIES})


@app.command()
def lint(
    certificate: Annotated[Path, typer.Argument(help="PEM or DER.")],
    suite: Annotated[Suite, typer.Option()],
    role: Annotated[Role, typer.Option()],
    as_json: AsJson = False,
) -> None:
    """Check any certificate against a profile; exit code 1 if an error is found."""
    loaded = load_certificate(certificate.read_bytes())
    findings = lint_certificate(loaded, profile(role, suite), suite)
    rows = [{"severity": f.severity, "code": f.code, "detail": f.detail} for f in findings]
    text = "\n".join(f"{f.severity}: {f.code}: {f.detail}" for f in findings) or "no findings"
    _print(rows, as_json, text)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


@app.command()
def serve(
    folder: Folder,
    token_file: Annotated[Path, typer.Option(help="Bearer tokens, one a line.")],
    host: str = "127.0.0.1",
    port: int = 8443,
    tls_chain: Annotated[
        Path | None, typer.Option(help="PEM chain; without it plain HTTP.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM key, same passphrase.")] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Serve EST, OCSP, revocation lists and the contract, root and provisioning pools."""
    import uvicorn

    from pki.serve import create_app

    passphrase = _passphrase(passphrase_file)
    pki = open_folder(folder, passphrase)
    tokens = [line.strip() for line in token_file.read_text().splitlines() if line.strip()]
    uvicorn.run(
        create_app(pki, read_config(folder), tokens),
        host=host,
        port=port,
        ssl_certfile=tls_chain,
        ssl_keyfile=tls_key,
        ssl_keyfile_password=passphrase.decode() if tls_key else None,
    )


@app.command(name="list")
def list_certificates(
    folder: Folder,
    role: Annotated[Role | None, typer.Option()] = None,
    status: Annotated[Status | None, typer.Option()] = None,
    as_json: AsJson = False,
) -> None:
    """List certificates."""
    rows = open_records(folder)[0].find(role=role, status=status)
    if as_json:
        typer.echo(json.dumps([_row(row) for row in rows], indent=2))
        return
    table = Table("serial", "role", "subject", "status", "not after")
    for row in rows:
        until = datetime.date(row.not_after).isoformat()
        table.add_row(row.serial_hex, row.role, row.subject, row.status, until)
    Console().print(table)


@app.command()
def audit(folder: Folder, as_json: AsJson = False) -> None:
    """Check the audit log's chain of hashes and show it; exit code 2 if it was tampered with."""
    entries = open_records(folder)[1].verify()
    rows = [{"seq": e.seq, "at": e.at, "event": e.event, **e.data} for e in entries]
    text = "\n".join(f"{e.seq} {e.at} {e.event} {json.dumps(e.data)}" for e in entries)
    _print(rows, as_json, f"{text}\n{len(entries)} entries, chain unbroken")


def main() -> None:
    """Entry point: errors of the PKI and of files are one line on stderr and exit code 2."""
    try:
        app()
    except (PkiError, OSError) as error:
        typer.echo(f"v2g-pki: {error}", err=True)
        raise SystemExit(2) from None
