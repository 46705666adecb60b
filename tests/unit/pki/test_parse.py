from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pki.errors import RequestError
from pki.evidence import Evidence
from pki.parse import load_certificate
from pki.profiles import Role, Suite
from pki.verify import Reason, verify
from tests.unit.pki.support import NOW, der, shared_credential


def test_der_and_pem() -> None:
    certificate = shared_credential(Suite.ISO_2, Role.CONTRACT).issued.certificate
    assert load_certificate(der(certificate)) == certificate
    assert load_certificate(certificate.public_bytes(Encoding.PEM)) == certificate


def test_an_unknown_version_is_no_crash() -> None:
    """Found by fuzzing: cryptography's InvalidVersion is no ValueError."""
    octets = bytearray(der(shared_credential(Suite.ISO_2, Role.CONTRACT).issued.certificate))
    assert octets[8:13] == bytes.fromhex("a003020102")
    octets[12] = 7
    with pytest.raises(RequestError, match="7 is not a valid X509 version"):
        load_certificate(bytes(octets))
    verdict = verify([bytes(octets)], Role.CONTRACT, [], Evidence(), NOW)
    assert verdict.reason is Reason.MALFORMED
