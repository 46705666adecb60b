"""NIST's Public Key Interoperability Test Suite (PKITS 1.0.1) against what decides here: OpenSSL,
strictly and with mandatory lists. The files come with PyPI `cryptography-vectors`.

Of 224 cases the 203 whose files say Valid or Invalid are judged; the others depend on initial policy
settings. PKITS has RSA and DSA keys, so the profile checks on top have no part in it.
"""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography import x509

from pki import openssl
from pki.authorities import Remembered
from pki.openssl import Rejection, verified_path

DATA = Path(cryptography_vectors.__file__).parent / "x509" / "PKITS_data"
AT = datetime(2020, 1, 1, tzinfo=UTC)

# What is valid by PKITS and yet refused: an operator sees a refusal too many, never one too few.
INDIRECT_LISTS = {  # the CRL issuer's certificate lies on a path of its own
    "ValidIDPwithindirectCRLTest24EE",
    "ValidIDPwithindirectCRLTest25EE",
    "ValidcRLIssuerTest28EE",
    "ValidcRLIssuerTest29EE",
    "ValidcRLIssuerTest30EE",
    "ValidcRLIssuerTest33EE",
}
EXPLICIT_POLICY = {  # a CA demands a policy, and pyOpenSSL cannot say which ones the user accepts
    "ValidPolicyMappingTest11EE",
    "ValidPolicyMappingTest12EE",
    "ValidPolicyMappingTest13EE",
    "ValidPolicyMappingTest14EE",
    "ValidPolicyMappingTest1EE",
    "ValidPolicyMappingTest3EE",
    "ValidPolicyMappingTest5EE",
    "ValidPolicyMappingTest6EE",
    "ValidPolicyMappingTest9EE",
    "ValidSelfIssuedinhibitAnyPolicyTest7EE",
    "ValidSelfIssuedinhibitAnyPolicyTest9EE",
    "ValidSelfIssuedinhibitPolicyMappingTest7EE",
    "ValidinhibitAnyPolicyTest2EE",
    "ValidinhibitPolicyMappingTest2EE",
    "ValidinhibitPolicyMappingTest4EE",
    "ValidrequireExplicitPolicyTest4EE",
}
UNREADABLE = {  # DSA parameters inherited from the issuer: `cryptography` does not parse them
    "ValidDSAParameterInheritanceTest5EE",
}


@cache
def _files() -> tuple[dict[str, x509.Certificate | None], list[x509.CertificateRevocationList]]:
    certificates: dict[str, x509.Certificate | None] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # negative serials and the like are what PKITS is about
        for path in sorted((DATA / "certs").glob("*.crt")):
            try:
                certificates[path.stem] = x509.load_der_x509_certificate(path.read_bytes())
            except ValueError:
                certificates[path.stem] = None
        lists = [
            x509.load_der_x509_crl(path.read_bytes()) for path in (DATA / "crls").glob("*.crl")
        ]
    return certificates, lists


def _concerning(
    leaf: x509.Certificate, lists: list[x509.CertificateRevocationList]
) -> tuple[list[x509.Certificate], list[x509.CertificateRevocationList]]:
    """Authorities above the leaf and of indirect lists, and their lists: all 405 files are slow."""
    certificates, _ = _files()
    authorities = [c for name, c in certificates.items() if c is not None and "Test" not in name]
    indirect = [each for each in lists if _is_indirect(each)]
    names = {_folded(leaf.issuer), *(_folded(each.issuer) for each in indirect)}
    while True:
        above = [each for each in authorities if _folded(each.subject) in names]
        more = names | {_folded(each.issuer) for each in above}
        if more == names:
            break
        names = more
    chosen = [each for each in lists if _folded(each.issuer) in names]
    return above, chosen


def _folded(name: x509.Name) -> str:
    """Without the differences that name comparison ignores (RFC 5280 clause 7.1)."""
    return "".join("".join(str(each.value).casefold().split()) for each in name)


def _is_indirect(crl: x509.CertificateRevocationList) -> bool:
    try:
        point = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    except x509.ExtensionNotFound:
        return False
    return point.value.indirect_crl


def _accepts(name: str, *, check_lists: str = "all") -> bool:
    certificates, lists = _files()
    leaf = certificates[name]
    root = certificates["TrustAnchorRootCertificate"]
    if leaf is None or root is None:
        return False
    others, lists = _concerning(leaf, lists)
    try:
        verified_path(leaf, others, [root], AT, crls=lists, check_lists=check_lists)
    except Rejection:
        return False
    return True


def _cases() -> list[str]:
    names = [path.stem for path in (DATA / "certs").glob("*EE.crt")]
    return sorted(name for name in names if name.startswith(("Valid", "Invalid")))


@pytest.mark.oracle
def test_pkits() -> None:
    cases = _cases()
    assert len(cases) == 203
    verdicts = {name: _accepts(name) for name in cases}
    false_accepts = {n for n, accepted in verdicts.items() if accepted and n.startswith("Invalid")}
    false_refusals = {
        n for n, accepted in verdicts.items() if not accepted and n.startswith("Valid")
    }
    assert false_accepts == set()
    assert false_refusals == INDIRECT_LISTS | EXPLICIT_POLICY | UNREADABLE
    assert len(cases) - len(false_accepts) - len(false_refusals) == 180


@pytest.mark.oracle
def test_without_lists_revoked_certificates_would_pass() -> None:
    """Why lists are mandatory: the suite itself shows what a verifier without them accepts."""
    revoked = [name for name in _cases() if name.startswith("InvalidRevoked")]
    assert revoked
    assert all(_accepts(name, check_lists="none") for name in revoked)
    assert not any(_accepts(name) for name in revoked)


@pytest.mark.oracle
def test_remembered_authorities_change_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each case alone, and after all the others have left their authorities behind."""
    alone = {}
    for name in _cases():
        monkeypatch.setattr(openssl, "_remembered", Remembered())
        alone[name] = _accepts(name, check_lists="none")
    monkeypatch.setattr(openssl, "_remembered", Remembered())
    for name in _cases():
        _accepts(name, check_lists="none")
    assert {name: _accepts(name, check_lists="none") for name in _cases()} == alone
    assert len(set(alone.values())) == 2
