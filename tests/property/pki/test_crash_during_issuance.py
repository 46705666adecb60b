"""A crash between any two steps of issuance leaves no certificate that the log does not know."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from pki.build import Subject
from pki.hierarchy import Config, init_folder, open_folder
from pki.issue import Pki, recover
from pki.keys import PrivateKey
from pki.leaf import issue_credential
from pki.profiles import Role, Suite
from pki.record import Status
from tests.unit.pki.support import new_pki

PASSPHRASE = b"correct horse battery staple"


class Crash(BaseException):
    """Not an Exception, so that no handler takes it for an error."""


@dataclass
class Countdown:
    """Crashes before or after the n-th step that is watched."""

    left: int
    signed: list[bytes] = field(default_factory=list)

    def step(self) -> None:
        if self.left == 0:
            raise Crash
        self.left -= 1


class Watched:
    """Passes all on, counting before and after each call of the named methods."""

    def __init__(self, target: object, names: set[str], countdown: Countdown) -> None:
        self._target = target
        self._names = names
        self._countdown = countdown

    def __getattr__(self, name: str) -> object:
        value = getattr(self._target, name)
        if name not in self._names:
            return value

        def call(*arguments: object, **keywords: object) -> object:
            self._countdown.step()
            result = value(*arguments, **keywords)
            self._countdown.step()
            return result

        return call


def _watched(pki: Pki, countdown: Countdown) -> Pki:
    store = Watched(pki.store, {"reserve", "complete"}, countdown)
    audit = Watched(pki.audit, {"append"}, countdown)
    return replace(pki, store=store, audit=audit)  # type: ignore[arg-type]


def _check(pki: Pki, signed: list[bytes]) -> None:
    """All that was ever signed by a real key was announced; all that is stored is in the log."""
    entries = pki.audit.verify()
    announced = {entry.data["tbs_sha256"] for entry in entries if entry.event == "sign"}
    for tbs in signed:
        assert hashlib.sha256(tbs).hexdigest() in announced
    for record in pki.store.find():
        assert record.tbs_sha256 in announced
        assert record.status in {Status.ISSUED, Status.ABANDONED}
        if record.status is Status.ISSUED:
            tbs = record.certificate.tbs_certificate_bytes
            assert hashlib.sha256(tbs).hexdigest() == record.tbs_sha256


def _spy_on_signatures(monkeypatch: pytest.MonkeyPatch, pki: Pki, signed: list[bytes]) -> None:
    from pki import issue as module

    real: Callable[[x509.CertificateBuilder, PrivateKey], x509.Certificate] = module._sign
    own = pki.keys.load("iso15118-2/cpo-sub2").public_key()

    def spy(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
        certificate = real(builder, key)
        if key.public_key() == own:
            signed.append(certificate.tbs_certificate_bytes)
        return certificate

    monkeypatch.setattr(module, "_sign", spy)


def test_crash_before_and_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    pki = new_pki(Suite.ISO_2)
    signed: list[bytes] = []
    _spy_on_signatures(monkeypatch, pki, signed)
    outcomes = []
    for number in range(100):
        published = []
        try:
            crashing = _watched(pki, Countdown(number))
            published.append(
                issue_credential(crashing, Suite.ISO_2, Role.SECC, Subject(f"S{number}", "Acme"))
            )
        except Crash:
            pass
        recover(pki)
        _check(pki, signed)
        stored = pki.store.find(name=f"iso15118-2/secc/S{number}", status=Status.ISSUED)
        outcomes.append((bool(stored), bool(published)))
        assert stored or not published
        if published:
            break
    # refused at first, then stored but not handed out, at last handed out
    assert outcomes[0] == (False, False)
    assert (True, False) in outcomes
    assert outcomes[-1] == (True, True)
    assert len(outcomes) == 9  # four steps, each with a before and an after, and the good end


@given(st.lists(st.integers(0, 12), min_size=1, max_size=8))
@settings(max_examples=15, deadline=None)
def test_any_series_of_crashes(crashes: list[int]) -> None:
    pki = new_pki(Suite.OCPP)
    subject = Subject("SN", "Acme")
    for number in crashes:
        try:
            issue_credential(
                _watched(pki, Countdown(number)), Suite.OCPP, Role.CHARGING_STATION, subject
            )
        except Crash:
            recover(pki)
    recover(pki)
    _check(pki, [])


_CHILD = """
import sys
from pathlib import Path
from pki.build import Subject
from pki.hierarchy import open_folder
from pki.leaf import issue_credential
from pki.profiles import Role, Suite

pki = open_folder(Path(sys.argv[1]), b"correct horse battery staple")
for number in range(10_000):
    issued = issue_credential(pki, Suite.OCPP, Role.CHARGING_STATION, Subject(f"SN{number}", "A"))
    print(f"{issued.issued.certificate.serial_number:x}", flush=True)
"""


def _kill_while_issuing(folder: Path, times: int) -> None:
    init_folder(folder, PASSPHRASE, Config("Acme"), suites=[Suite.OCPP])
    published: set[str] = set()
    for number in range(times):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        published.add(child.stdout.readline().strip())
        time.sleep(0.002 * (number % 7))
        os.kill(child.pid, signal.SIGKILL)
        *whole, _torn = child.stdout.read().split("\n")
        published.update(whole)
        child.wait()
        pki = open_folder(folder, PASSPHRASE)
        _check(pki, [])
        stored = {record.serial_hex for record in pki.store.find(status=Status.ISSUED)}
        assert published - {""} <= stored
        pki.store.close()


def test_kill_9(tmp_path: Path) -> None:
    _kill_while_issuing(tmp_path / "pki", 2)


@pytest.mark.long
def test_kill_9_a_hundred_times(tmp_path: Path) -> None:
    _kill_while_issuing(tmp_path / "pki", 100)
