"""Block M at the station; OCPP 1.6 carries the same messages in DataTransfer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from charger_sim.station.certificates import SUITE_OF
from charger_sim.station.rpc import Payload

if TYPE_CHECKING:
    from charger_sim.station.station import Station


def request_certificate(st: Station, kind: str) -> None:
    """Sends SignCertificate for a new key of the charge controllers (A02, A03)."""
    csr = st.certificates.signing_request(kind, st.config.id, st.rng.randbytes)
    action, payload = st.dialect.contracts.signing(csr, kind)
    st.ask(action, payload)


def certificate_signed(st: Station, request: Payload) -> Payload:
    kind = request.get("certificateType", "ChargingStationCertificate")
    try:
        chain = x509.load_pem_x509_certificates(request["certificateChain"].encode())
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        return _rejected("InvalidCertificate", str(error))
    if kind not in SUITE_OF or not st.certificates.signed(kind, chain):
        return _rejected("InvalidCertificate", f"no request of a {kind} waits for this key")
    return {"status": "Accepted"}


def install_certificate(st: Station, request: Payload) -> Payload:
    try:
        certificate = x509.load_pem_x509_certificate(request["certificate"].encode())
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        return _rejected("InvalidCertificate", str(error))
    if not st.certificates.install(request["certificateType"], certificate):
        return {"status": "Failed", "statusInfo": {"reasonCode": "OutOfStorage"}}
    return {"status": "Accepted"}


def installed_certificates(st: Station, request: Payload) -> Payload:
    found = st.certificates.entries(request.get("certificateType"))
    if not found:
        return {"status": "NotFound"}
    return {"status": "Accepted", "certificateHashDataChain": found}


def delete_certificate(st: Station, request: Payload) -> Payload:
    deleted = st.certificates.delete(request["certificateHashData"])
    return {"status": "Accepted" if deleted else "NotFound"}


def _rejected(reason: str, detail: str) -> Payload:
    info = {"reasonCode": reason, "additionalInfo": detail[:512]}
    return {"status": "Rejected", "statusInfo": info}


HANDLERS: dict[str, Callable[[Station, Payload], Payload]] = {
    "CertificateSigned": certificate_signed,
    "InstallCertificate": install_certificate,
    "GetInstalledCertificateIds": installed_certificates,
    "DeleteCertificate": delete_certificate,
}
