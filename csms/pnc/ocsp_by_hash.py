"""What an OCSP answer says of a certificate of which only OCPP's hash data are known. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from pki.evidence import EvidenceError, ocsp_status
from pki.hash_data import HashData

_KEY = ec.derive_private_key(1, ec.SECP256R1())
"""Signs stand-ins, which nobody ever trusts."""


def status_by_hash(
    answer: bytes, data: HashData, issuer: x509.Certificate, at: datetime
) -> ocsp.OCSPCertStatus:
    """``pki.evidence.ocsp_status`` reads of the certificate no more than serial number and issuer.

    A stand-in with those two takes its place. Raises ``EvidenceError``.
    """
    try:
        stand_in = (
            x509.CertificateBuilder()
            .serial_number(int(data.serial_number, 16))
            .issuer_name(issuer.subject)
            .subject_name(x509.Name([]))
            .public_key(_KEY.public_key())
            .not_valid_before(at - timedelta(days=1))
            .not_valid_after(at + timedelta(days=1))
            .sign(_KEY, hashes.SHA256())
        )
    except ValueError as error:
        raise EvidenceError(f"serial number {data.serial_number}: {error}") from None
    return ocsp_status(answer, stand_in, issuer, at)
