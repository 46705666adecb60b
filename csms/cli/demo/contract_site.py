"""A central system whose built-in PKI lives in memory: contracts without a folder, passphrase or network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from csms.clock import Clock
from csms.pnc.assemble import BuiltInPki, Ports, assemble
from csms.pnc.http import HttpAnswer, HttpFailed
from csms.settings.model import Pnc
from pki.hierarchy import Config, in_memory
from pki.issue import Pki
from pki.ports import RandomBytes
from pki.profiles import Suite

CONFIG = Config("Demonstration", ocsp_url="http://ocsp.invalid/ocsp")


class NoNetwork:
    """Whatever is asked of the outside fails: the PKI answers in process."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",  # noqa: ARG002
        headers: Mapping[str, str] | None = None,  # noqa: ARG002
        timeout_s: float,  # noqa: ARG002
    ) -> HttpAnswer:
        raise HttpFailed(f"{method} {url}: there is no network in a demonstration")


def demonstration_pki(clock: Clock, random: RandomBytes) -> Pki:
    """Both editions' hierarchies."""
    return in_memory(CONFIG, suites=[Suite.ISO_2, Suite.ISO_20], clock=clock, random=random)


def contract_settings() -> Pnc:
    """Plug & Charge on; folder and passphrase stand for the PKI in memory and are not read."""
    return Pnc(enabled=True, pki_folder=Path("in-memory"), pki_passphrase="not read")  # type: ignore[arg-type]  # noqa: S106


def contract_ports(pki: Pki, clock: Clock) -> Ports | None:
    return assemble(contract_settings(), BuiltInPki(pki, CONFIG), NoNetwork(), clock)
