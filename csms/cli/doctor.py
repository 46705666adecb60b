"""``csms doctor``: what would keep the central system from running well, and how to mend it."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import typer
from cryptography import x509

from csms.cli.common import ConfigFile, read_settings
from csms.cli.output import Json, print_json, print_table
from csms.cli.site_check import check_site
from csms.clock import SystemClock
from csms.domain.errors import DomainError
from csms.grid.network import FeederError
from csms.settings import Settings
from csms.store import open_store

EXPIRY_WARNING = timedelta(days=30)


class Finding(NamedTuple):
    """One check. ``fix`` is empty when all is well."""

    check: str
    ok: bool
    found: str
    fix: str = ""


def doctor(config: ConfigFile = None, json: Json = False) -> None:
    """Check ports, certificates, clock, database, feeder and broker. Exit status 0 when all is well."""
    settings = read_settings(config)
    before: list[Callable[[Settings], Finding]] = [
        _python, _clock, _ocpp_port, _http_port, _certificates, _database
    ]  # fmt: skip
    findings = [check(settings) for check in before] + _feeders(settings) + [_broker(settings)]
    if json:
        print_json({"ok": all(f.ok for f in findings), "checks": [f._asdict() for f in findings]})
    else:
        print_table(
            ("check", "", "found", "to mend it"),
            ((f.check, "ok" if f.ok else "FAIL", f.found, f.fix) for f in findings),
        )
    raise typer.Exit(0 if all(f.ok for f in findings) else 1)


def _python(_settings: Settings) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", sys.version_info >= (3, 11), version, "")


def _clock(_settings: Settings) -> Finding:
    now = SystemClock().now()
    sane = now > datetime(2026, 1, 1, tzinfo=UTC)
    fix = "" if sane else "set the machine's clock (NTP): stations take their time from it"
    return Finding("clock", sane, now.isoformat(timespec="seconds"), fix)


def _ocpp_port(settings: Settings) -> Finding:
    return _port("port for stations", settings.gateway.host, settings.gateway.port, "gateway.port")


def _http_port(settings: Settings) -> Finding:
    return _port("port for page and API", settings.http.host, settings.http.port, "http.port")


def _port(check: str, host: str, port: int, key: str) -> Finding:
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        fix = f"stop what listens there, or set {key} to another port"
        return Finding(check, False, f"{host}:{port}: {error.strerror}", fix)
    return Finding(check, True, f"{host}:{port} is free")


def _certificates(settings: Settings) -> Finding:
    sections = [
        *(settings.gateway.tls.certificates if settings.gateway.tls else ()),
        *([settings.http.certificate] if settings.http.certificate else ()),
    ]
    if not sections:
        return Finding("certificates", True, "none configured: this machine only")
    now = SystemClock().now()
    for section in sections:
        try:
            leaf = x509.load_pem_x509_certificates(section.chain_file.read_bytes())[0]
        except (OSError, ValueError, IndexError) as error:
            return Finding(
                "certificates", False, f"{section.chain_file}: {error}", "give a PEM chain"
            )
        if leaf.not_valid_after_utc < now + EXPIRY_WARNING:
            found = f"{section.chain_file} ends {leaf.not_valid_after_utc:%Y-%m-%d}"
            return Finding("certificates", False, found, "renew it")
    return Finding("certificates", True, f"{len(sections)} valid")


def _database(settings: Settings) -> Finding:
    async def try_it() -> None:
        store = await open_store(settings.store.url.get_secret_value())
        await store.history.stations()
        await store.close()

    try:
        asyncio.run(try_it())
    except DomainError as error:
        return Finding("database", False, error.message, "see store.url")
    return Finding("database", True, "answers, schema is current")


def _feeders(settings: Settings) -> list[Finding]:
    several = bool(settings.sites)
    findings = []
    for n, site in enumerate(settings.feeder_sites, 1):
        check = f"feeder {site.name}" if several else "feeder"
        try:
            findings.append(Finding(check, True, check_site(site)))
        except (FeederError, OSError) as error:
            key = f"sites[{n}]" if several else "site"
            fix = f"see {key}.feeder and {key}.evses"
            findings.append(Finding(check, False, str(error), fix))
    return findings


def _broker(settings: Settings) -> Finding:
    url = settings.mqtt.url
    if url is None:
        return Finding("MQTT broker", True, "not configured")
    scheme, _, address = url.partition("://")
    host, _, port = address.rpartition(":") if ":" in address else (address, "", "")
    try:
        socket.create_connection(
            (host or address, int(port or (8883 if scheme == "mqtts" else 1883))), timeout=3.0
        ).close()
    except OSError as error:
        return Finding("MQTT broker", False, f"{address}: {error}", "start it, or see mqtt.url")
    return Finding("MQTT broker", True, f"{address} answers")
