"""Certificate profiles of Plug & Charge and of OCPP's security profiles 2 and 3, as data.

ISO 15118-2:2014 annex F, ISO 15118-20:2022 annex B; OCPP 2.0.1 part 2, A00.FR.405, .501-.511.
A profile is what `pki.issue` builds, what `pki.lint` checks, and what `pki.verify` demands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki.errors import RequestError


class KeyKind(StrEnum):
    """Key algorithm of a suite."""

    P256 = "P-256"
    P521 = "P-521"
    ED448 = "Ed448"
    RSA3072 = "RSA-3072"


class Suite(StrEnum):
    """A hierarchy of one key algorithm, from its root to the leaves."""

    ISO_2 = "iso15118-2"
    ISO_20 = "iso15118-20"
    ISO_20_ED448 = "iso15118-20-ed448"
    OCPP = "ocpp"
    OCPP_RSA = "ocpp-rsa"


class Role(StrEnum):
    """What a certificate is for."""

    V2G_ROOT = "v2g-root"
    CPO_SUB1 = "cpo-sub1"
    CPO_SUB2 = "cpo-sub2"
    MO_SUB1 = "mo-sub1"
    MO_SUB2 = "mo-sub2"
    OEM_SUB1 = "oem-sub1"
    OEM_SUB2 = "oem-sub2"
    CPS_SUB1 = "cps-sub1"
    CPS_SUB2 = "cps-sub2"
    SECC = "secc"
    CONTRACT = "contract"
    OEM_PROVISIONING = "oem-provisioning"
    CPS = "cps"
    VEHICLE = "vehicle"
    CSMS_ROOT = "csms-root"
    CSMS_SUB = "csms-sub"
    CSMS_SERVER = "csms-server"
    CHARGING_STATION = "charging-station"
    OCSP_RESPONDER = "ocsp-responder"


@dataclass(frozen=True, slots=True)
class SuiteRules:
    """Limits of a suite. `max_octets` is of one DER certificate; `exact_key` refuses other keys."""

    key_kind: KeyKind
    max_octets: int
    exact_key: bool
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class Profile:
    """One row of the profile table.

    `key_usage` holds attribute names of `cryptography.x509.KeyUsage`. `issuer` is None for a root
    and for an OCSP responder, which any authority may delegate to. `domain_component` is the DC
    of the subject; it is demanded where `dc_required`, otherwise only a different one is refused.
    We set all of `key_usage`; others may leave `optional_key_usage` out.
    `may_outlive_issuer`: the authority is renewed with its key, so that the path stays valid.
    """

    role: Role
    issuer: Role | None
    key_usage: frozenset[str]
    validity: timedelta
    optional_key_usage: frozenset[str] = frozenset()
    path_length: int | None = None
    is_ca: bool = False
    extended_key_usage: frozenset[x509.ObjectIdentifier] = frozenset()
    domain_component: str | None = None
    dc_required: bool = False
    needs_ocsp_url: bool = False
    needs_dns_name: bool = False
    may_outlive_issuer: bool = False
    common_name: re.Pattern[str] = re.compile(r".{1,64}")


_DAY: Final = timedelta(days=1)
_YEAR: Final = timedelta(days=365)
_SIGN: Final = frozenset({"key_cert_sign", "crl_sign"})
_SIGNATURE: Final = frozenset({"digital_signature"})
_TARIFF: Final = frozenset({"digital_signature", "content_commitment"})
_AGREEMENT: Final = _SIGNATURE | {"key_agreement"}

EMAID: Final = re.compile(r"[A-Z]{2}-?[A-Z0-9]{3}-?[A-Z0-9]{9}(-?[A-Z0-9])?")
PCID: Final = re.compile(r"[A-Za-z0-9]{17,18}")
_FQDN: Final = re.compile(r"(?=.{1,64}$)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")


def _sub_cas(domain: str, first: Role, second: Role) -> tuple[Profile, Profile]:
    upper = Profile(
        first, Role.V2G_ROOT, _SIGN, 4 * _YEAR, path_length=1, is_ca=True, domain_component=domain,
        dc_required=True, needs_ocsp_url=True,
    )  # fmt: skip
    lower = replace(upper, role=second, issuer=first, path_length=0)
    return upper, lower


_MO_SUB1, _MO_SUB2 = _sub_cas("MO", Role.MO_SUB1, Role.MO_SUB2)
_TABLE: Final = (
    Profile(
        Role.V2G_ROOT, None, _SIGN, 40 * _YEAR, is_ca=True, domain_component="V2G",
        dc_required=True,
    ),
    *_sub_cas("CPO", Role.CPO_SUB1, Role.CPO_SUB2),
    *_sub_cas("OEM", Role.OEM_SUB1, Role.OEM_SUB2),
    *_sub_cas("CPS", Role.CPS_SUB1, Role.CPS_SUB2),
    _MO_SUB1,
    # signs the SalesTariff as well
    replace(_MO_SUB2, key_usage=_SIGN | _TARIFF, optional_key_usage=_TARIFF),
    Profile(
        Role.SECC, Role.CPO_SUB2, _AGREEMENT, 60 * _DAY, domain_component="CPO",
        dc_required=True, needs_ocsp_url=True,
    ),
    Profile(
        Role.CONTRACT, Role.MO_SUB2, _AGREEMENT | {"content_commitment", "key_encipherment"},
        2 * _YEAR, domain_component="MO", needs_ocsp_url=True, common_name=EMAID,
    ),
    Profile(
        Role.OEM_PROVISIONING, Role.OEM_SUB2, _AGREEMENT, 4 * _YEAR, domain_component="OEM",
        may_outlive_issuer=True, common_name=PCID,
    ),
    Profile(
        Role.CPS, Role.CPS_SUB2, _SIGNATURE, 90 * _DAY, domain_component="CPS", dc_required=True,
        needs_ocsp_url=True,
    ),
    Profile(
        Role.VEHICLE, Role.OEM_SUB2, _SIGNATURE, 2 * _YEAR,
        extended_key_usage=frozenset({ExtendedKeyUsageOID.CLIENT_AUTH}), needs_ocsp_url=True,
    ),
    Profile(Role.CSMS_ROOT, None, _SIGN, 20 * _YEAR, is_ca=True),
    Profile(
        Role.CSMS_SUB, Role.CSMS_ROOT, _SIGN, 4 * _YEAR, path_length=0, is_ca=True,
        needs_ocsp_url=True,
    ),
    Profile(
        Role.CSMS_SERVER, Role.CSMS_SUB, _SIGNATURE, 90 * _DAY,
        extended_key_usage=frozenset({ExtendedKeyUsageOID.SERVER_AUTH}), needs_ocsp_url=True,
        needs_dns_name=True, common_name=_FQDN,
    ),
    Profile(
        Role.CHARGING_STATION, Role.CSMS_SUB, _SIGNATURE, 2 * _YEAR,
        extended_key_usage=frozenset({ExtendedKeyUsageOID.CLIENT_AUTH}), needs_ocsp_url=True,
    ),
    Profile(
        Role.OCSP_RESPONDER, None, _SIGNATURE, 398 * _DAY,
        extended_key_usage=frozenset({ExtendedKeyUsageOID.OCSP_SIGNING}),
    ),
)  # fmt: skip
_PROFILES: Final = {row.role: row for row in _TABLE}
AUTHORITIES: Final = frozenset(row.role for row in _TABLE if row.is_ca)
ROOTS: Final = tuple(row.role for row in _TABLE if row.is_ca and row.issuer is None)

_OCPP_ROLES: Final = frozenset(
    {
        Role.CSMS_ROOT,
        Role.CSMS_SUB,
        Role.CSMS_SERVER,
        Role.CHARGING_STATION,
        Role.OCSP_RESPONDER,
    }
)
_ISO_20_ROLES: Final = (frozenset(Role) - _OCPP_ROLES) | {Role.OCSP_RESPONDER}

SUITES: Final = {
    Suite.ISO_2: SuiteRules(KeyKind.P256, 800, True, _ISO_20_ROLES - {Role.VEHICLE}),
    Suite.ISO_20: SuiteRules(KeyKind.P521, 1600, True, _ISO_20_ROLES),
    Suite.ISO_20_ED448: SuiteRules(KeyKind.ED448, 1600, True, _ISO_20_ROLES),
    Suite.OCPP: SuiteRules(KeyKind.P256, 2500, False, _OCPP_ROLES),
    Suite.OCPP_RSA: SuiteRules(KeyKind.RSA3072, 2500, False, _OCPP_ROLES),
}

MAX_CHAIN_CERTIFICATES: Final = 3
"""Without the root (V2G2-008, V2G20-2368)."""


def profile(role: Role, suite: Suite) -> Profile:
    """The profile of `role` in `suite`. Raises RequestError where the suite has no such role.

    An EdDSA key cannot agree on or encipher keys (RFC 8410 clause 5): those usages fall away.
    Static RSA, one of OCPP's four TLS suites, enciphers a key to the server.
    """
    if role not in SUITES[suite].roles:
        raise RequestError(f"role {role} does not exist in suite {suite}")
    found = _PROFILES[role]
    if suite is Suite.ISO_20_ED448:
        usage = found.key_usage - {"key_agreement", "key_encipherment"}
        found = replace(found, key_usage=usage)
    if suite is Suite.OCPP_RSA and role is Role.CSMS_SERVER:
        found = replace(found, key_usage=found.key_usage | {"key_encipherment"})
    if suite is not Suite.ISO_2 and role is Role.SECC:
        usages = frozenset({ExtendedKeyUsageOID.SERVER_AUTH})
        found = replace(found, extended_key_usage=usages)
    return found


def authorities(suite: Suite) -> list[Profile]:
    """The CA profiles of a suite, issuers before those whom they certify."""
    rows = [profile(role, suite) for role in Role if role in SUITES[suite].roles]
    return [row for row in rows if row.is_ca]
