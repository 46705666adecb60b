"""A whole hierarchy at once, and opening one that exists.

Layout of a PKI folder: `pki.sqlite`, `audit.log`, `config.json`, `keys/offline/` (roots: take it
away after `init`; only a root's own CRL and new Sub-CAs need it) and `keys/online/`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from pki.audit import AuditLog, FileTape, MemoryTape
from pki.build import Subject, Urls
from pki.errors import RequestError
from pki.issue import Issued, Order, Pki, ca_id, issue_with_key, recover, responder_id
from pki.keys import FileKeyStore, MemoryKeyStore, check_passphrase, generate, write_durably
from pki.locks import file_lock
from pki.ports import Clock, RandomBytes, SystemClock
from pki.profiles import SUITES, Role, Suite, authorities
from pki.store import Store

DEFAULT_SUITES: Final = (Suite.ISO_2, Suite.ISO_20, Suite.OCPP)


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `init` was told; `config.json` of a PKI folder."""

    organization: str
    country: str = "DE"
    ocsp_url: str = ""
    crl_url: str = ""

    @property
    def urls(self) -> Urls:
        return Urls(self.ocsp_url, self.crl_url)


def build_hierarchy(pki: Pki, suite: Suite, config: Config) -> None:
    """Root, Sub-CAs, and for each of them a delegated OCSP responder."""
    for row in authorities(suite):
        name = ca_id(suite, row.role)
        issuer = None if row.issuer is None else ca_id(suite, row.issuer)
        _authority(pki, suite, row.role, name, issuer, config)
        _authority(pki, suite, Role.OCSP_RESPONDER, responder_id(name), name, config)


def issue_cps_leaf(pki: Pki, suite: Suite, config: Config) -> Issued:
    """The provisioning service's signing certificate, its key kept as "<suite>/cps"."""
    issuer = ca_id(suite, Role.CPS_SUB2)
    return _authority(pki, suite, Role.CPS, ca_id(suite, Role.CPS), issuer, config)


def issue_successor_root(pki: Pki, suite: Suite, config: Config) -> Issued:
    """A new root signed by the old one, as OCPP's root swap wants it (2.0.1, M05.FR.09-13).

    Its name is "<suite>/next/<root>"; a self-signed certificate of the same key is not made here.
    """
    role = next(row.role for row in authorities(suite) if row.issuer is None)
    old = ca_id(suite, role)
    return _authority(pki, suite, role, f"{suite}/next/{role}", old, config)


def _authority(
    pki: Pki, suite: Suite, role: Role, name: str, issuer: str | None, config: Config
) -> Issued:
    key = generate(SUITES[suite].key_kind, pki.random)
    common = f"{config.organization} {name.replace('/', ' ')}"[:64]
    subject = Subject(common, config.organization, config.country)
    order = Order(suite, role, subject, key.public_key(), name, issuer)
    return issue_with_key(pki, order, key)


def init_folder(
    folder: Path,
    passphrase: bytes,
    config: Config,
    *,
    suites: Iterable[Suite] = DEFAULT_SUITES,
    clock: Clock | None = None,
    random: RandomBytes = os.urandom,
) -> Pki:
    """Make a PKI in `folder`, which must be absent or empty. Raises RequestError."""
    if folder.exists() and any(folder.iterdir()):
        raise RequestError(f"{folder} is not empty")
    check_passphrase(passphrase)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_durably(folder / "config.json", msgspec.json.encode(config))
    pki = open_folder(folder, passphrase, clock=clock, random=random)
    _populate(pki, config, suites)
    return pki


def open_folder(
    folder: Path,
    passphrase: bytes,
    *,
    clock: Clock | None = None,
    random: RandomBytes = os.urandom,
) -> Pki:
    """Open a PKI and give up what a crash has left half-issued. Raises RequestError."""
    config = read_config(folder)
    store, audit = open_records(folder)
    pki = Pki(
        store=store,
        keys=FileKeyStore(folder / "keys", passphrase),
        audit=audit,
        clock=clock or SystemClock(),
        random=random,
        urls=config.urls,
        exclusive=file_lock(folder / "issuing.lock"),
    )
    recover(pki)
    return pki


def open_records(folder: Path) -> tuple[Store, AuditLog]:
    """Store and audit log alone, for reading: no passphrase is needed."""
    read_config(folder)
    store = Store(folder / "pki.sqlite")
    return store, AuditLog(FileTape(folder / "audit.log"), store)


def read_config(folder: Path) -> Config:
    """Raises RequestError where `folder` holds no PKI."""
    try:
        return msgspec.json.decode((folder / "config.json").read_bytes(), type=Config)
    except FileNotFoundError:
        raise RequestError(f"{folder} holds no PKI: run init first") from None
    except msgspec.DecodeError as error:
        raise RequestError(f"{folder / 'config.json'}: {error}") from None


def in_memory(
    config: Config,
    *,
    suites: Iterable[Suite] = DEFAULT_SUITES,
    clock: Clock | None = None,
    random: RandomBytes = os.urandom,
) -> Pki:
    """A PKI that ends with the process, for simulations and tests."""
    store = Store(":memory:")
    pki = Pki(
        store=store,
        keys=MemoryKeyStore(),
        audit=AuditLog(MemoryTape(), store),
        clock=clock or SystemClock(),
        random=random,
        urls=config.urls,
    )
    _populate(pki, config, suites)
    return pki


def _populate(pki: Pki, config: Config, suites: Iterable[Suite]) -> None:
    pki.audit.append("init", pki.clock.now(), organization=config.organization)
    for suite in suites:
        build_hierarchy(pki, suite, config)
        if Role.CPS in SUITES[suite].roles:
            issue_cps_leaf(pki, suite, config)
