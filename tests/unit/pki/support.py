"""A PKI in memory with a clock that stands still, and certificates that no PKI should issue."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki.build import Issuer, Subject, Urls, to_be_signed
from pki.evidence import Evidence
from pki.hierarchy import Config, in_memory
from pki.issue import Pki, ca_id, root_of
from pki.keys import PrivateKey, generate, signature_hash
from pki.leaf import Credential, issue_credential
from pki.ports import RandomBytes
from pki.profiles import AUTHORITIES, SUITES, Profile, Role, Suite, profile
from pki.record import Status
from pki.revoke import make_crl

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OCSP_URL = "http://ocsp.example.com/ocsp"
CRL_URL = "http://crl.example.com/{ca}.crl"
PCID = "WVWZZZ1JZXW00000AP"
EMAID = "DEACMC12345678X"
COMMON_NAMES = {
    Role.CONTRACT: EMAID,
    Role.OEM_PROVISIONING: PCID,
    Role.CSMS_SERVER: "csms.example.com",
    Role.CHARGING_STATION: "SN-0042",
    Role.SECC: "DE*ACM*E0001",
    Role.CPS: "CPS signer",
    Role.VEHICLE: PCID,
}
LEAVES = [
    (suite, role) for suite in Suite for role in sorted(SUITES[suite].roles) if role in COMMON_NAMES
]


@dataclass
class FixedClock:
    """Stands still until it is moved."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def move(self, **delta: float) -> None:
        self.at += timedelta(**delta)


def seeded(seed: int = 1) -> RandomBytes:
    return random.Random(seed).randbytes


def new_pki(*suites: Suite, seed: int = 1) -> Pki:
    """A PKI of a test's own."""
    config = Config("Acme", ocsp_url=OCSP_URL, crl_url=CRL_URL)
    return in_memory(config, suites=suites, clock=FixedClock(), random=seeded(seed))


@cache
def shared_pki(suite: Suite) -> Pki:
    """For tests that revoke nothing and do not move the clock."""
    return new_pki(suite)


def clock_of(pki: Pki) -> FixedClock:
    assert isinstance(pki.clock, FixedClock)
    return pki.clock


def credential(pki: Pki, suite: Suite, role: Role) -> Credential:
    return issue_credential(pki, suite, role, Subject(COMMON_NAMES[role], "Acme"))


@cache
def shared_credential(suite: Suite, role: Role) -> Credential:
    return credential(shared_pki(suite), suite, role)


def root(pki: Pki, suite: Suite) -> x509.Certificate:
    ocpp = suite in {Suite.OCPP, Suite.OCPP_RSA}
    return root_of(pki.store, ca_id(suite, Role.CSMS_ROOT if ocpp else Role.V2G_ROOT))


def lists(pki: Pki) -> Evidence:
    """A fresh list of every authority."""
    names = {r.name for r in pki.store.find(status=Status.ISSUED) if r.role in AUTHORITIES}
    return Evidence(crls=tuple(make_crl(pki, name) for name in sorted(names)))


@cache
def shared_lists(suite: Suite) -> Evidence:
    return lists(shared_pki(suite))


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def ders(chain: Sequence[x509.Certificate]) -> tuple[bytes, ...]:
    return tuple(der(each) for each in chain)


@dataclass(frozen=True)
class Forged:
    """A certificate that skipped lint, log and store."""

    certificate: x509.Certificate
    key: PrivateKey


def forge(
    pki: Pki,
    suite: Suite,
    role: Role,
    *,
    row: Profile | None = None,
    issuer: Forged | str | None = None,
    key: PrivateKey | None = None,
    at: datetime = NOW,
    subject: Subject | None = None,
    serial: int = 0x1234_5678_9ABC_DEF0_1234,
    **changes: object,
) -> Forged:
    """A certificate of a changed profile, signed by a real authority or another forged one."""
    row = replace(row or profile(role, suite), **changes)  # type: ignore[arg-type]
    if issuer is None:
        assert row.issuer is not None
        issuer = ca_id(suite, row.issuer)
    if isinstance(issuer, str):
        above = Forged(pki.store.current(issuer).certificate, pki.keys.load(issuer))
        name = issuer
    else:
        above, name = issuer, "forged"
    own = key or generate(SUITES[suite].key_kind, seeded(serial & 0xFFFF))
    builder = to_be_signed(
        row,
        subject or Subject(COMMON_NAMES.get(role, "Forged CA"), "Acme"),
        own.public_key(),
        Issuer(name, above.certificate),
        serial,
        at,
        Urls(OCSP_URL, CRL_URL),
    )
    return Forged(builder.sign(above.key, signature_hash(above.key)), own)


def chain_above(pki: Pki, suite: Suite, role: Role) -> tuple[x509.Certificate, ...]:
    """The Sub-CAs over a leaf of `role`."""
    return shared_credential(suite, role).issued.intermediates
