from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from pki.build import Subject
from pki.issue import SERIAL_OCTETS
from pki.leaf import issue_leaf
from pki.lint import lint
from pki.profiles import Role, Suite, profile
from tests.unit.pki.support import new_pki


def _issue_many(count: int) -> None:
    pki = new_pki(Suite.OCPP)
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    row = profile(Role.CHARGING_STATION, Suite.OCPP)
    before = len(pki.store.find())
    serials = set()
    for number in range(count):
        subject = Subject(f"SN{number}", "Acme")
        certificate = issue_leaf(pki, Suite.OCPP, Role.CHARGING_STATION, subject, key).certificate
        assert lint(certificate, row, Suite.OCPP) == []
        serials.add(certificate.serial_number)
    assert len(serials) == count
    assert len(pki.store.find()) == before + count
    assert len(pki.audit.verify()) >= 2 * count


def test_certificates_have_serials_of_their_own() -> None:
    _issue_many(200)


@pytest.mark.long
def test_ten_thousand_certificates() -> None:
    _issue_many(10_000)


@pytest.mark.long
def test_a_million_serials() -> None:
    assert len({os.urandom(SERIAL_OCTETS) for _ in range(1_000_000)}) == 1_000_000
