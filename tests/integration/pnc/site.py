"""A central system on a real socket with Plug & Charge over a PKI in memory."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from csms.bootstrap import CentralSystem
from csms.clock import SystemClock
from csms.pnc.assemble import BuiltInPki, assemble
from csms.pnc.http import HttpAnswer, HttpClient, HttpFailed
from csms.store import open_store
from pki.hierarchy import Config, in_memory
from pki.issue import Pki
from pki.profiles import Suite
from tests.integration.whole_system.site import Site, settings_at

CONFIG = Config("Acme", ocsp_url="http://ocsp.example.com/ocsp")


def new_pki(*suites: Suite) -> Pki:
    return in_memory(CONFIG, suites=suites)


class NoNetwork:
    """Nothing may be asked of the outside."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> HttpAnswer:
        self.asked.append(f"{method} {url}")
        raise HttpFailed("there is no network in this test")


@asynccontextmanager
async def running(
    folder: Path, pki: Pki | None, client: HttpClient | None = None, **pnc: Any
) -> AsyncIterator[Site]:
    roots: dict[str, Any] = {}
    if pki is not None:  # stands in for pki_folder, which needs a disk and a passphrase
        roots = {"pki_folder": folder, "pki_passphrase": "not read by this test"}
    settings = settings_at(folder, pnc={"enabled": True, **roots, **pnc})
    clock = SystemClock()
    ports = assemble(
        settings.pnc, BuiltInPki(pki, CONFIG) if pki else None, client or NoNetwork(), clock
    )
    store = await open_store(settings.store.url.get_secret_value())
    rng = Random(secrets.randbits(64))
    system = CentralSystem(settings, store, clock, rng, secrets.token_bytes, pnc=ports)
    await system.start()
    try:
        yield Site(system)
    finally:
        await system.stop()
