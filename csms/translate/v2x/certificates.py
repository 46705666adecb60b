"""Certificates in OCPP 2.x: Get15118EVCertificate, status by OCSP, signing, and the stations' stores (block M).

OCPP 1.6 carries the same payloads, in the form of 2.0.1, in DataTransfer (``csms.translate.v16.plug_and_charge``).
"""

from __future__ import annotations

from csms.domain.certificates import (
    CertificateStatusAsked,
    CertificateStatusReply,
    ChainStatusAsked,
    ChainStatusQuery,
    ChainStatusReply,
    EvCertificateAsked,
    EvCertificateReply,
    RootUse,
    SigningAsked,
    SigningReply,
    SigningUse,
)
from csms.domain.commands import (
    CertificateSigned,
    DeleteCertificate,
    GetInstalledCertificates,
    InstallCertificate,
)
from csms.domain.errors import InvalidInput, NotExpressible
from csms.translate.family import WireCall
from csms.translate.fields import Payload, identifier, whole, wire_time
from csms.translate.v2x.edition import Edition

_MAX_ADDITIONAL_INFO = 512
_V201_EXI_RESPONSE = 7_500
_V201_OCSP_RESULT = 5_500
_V21_EXI_RESPONSE = 17_000
_V21_OCSP_RESULT = 18_000
_ONLY_21 = frozenset({RootUse.OEM, SigningUse.V2G_20})


def ev_certificate(payload: Payload) -> EvCertificateAsked:
    return _ev_certificate(payload, _V201_EXI_RESPONSE)


def ev_certificate_v21(payload: Payload) -> EvCertificateAsked:
    return _ev_certificate(payload, _V21_EXI_RESPONSE)


def _ev_certificate(payload: Payload, limit: int) -> EvCertificateAsked:
    chains = payload.get("maximumContractCertificateChains")
    return EvCertificateAsked(
        schema=payload["iso15118SchemaVersion"],
        update=payload["action"] == "Update",
        exi_request=payload["exiRequest"],
        max_response_chars=limit,
        max_chains=None
        if chains is None
        else whole(chains, "/maximumContractCertificateChains", low=0),
        emaids=tuple(payload.get("prioritizedEMAIDs", ())),
    )


def ev_certificate_reply(edition: Edition, reply: EvCertificateReply) -> Payload:
    """``exiResponse`` is mandatory, so a failure carries an empty one."""
    payload = _status("Failed" if reply.exi_response is None else "Accepted", reply.reason)
    payload["exiResponse"] = reply.exi_response or ""
    if reply.remaining_contracts is not None and edition.iso15118_20:
        payload["remainingContracts"] = reply.remaining_contracts
    return payload


def certificate_status(payload: Payload) -> CertificateStatusAsked:
    return CertificateStatusAsked(
        ocsp=payload["ocspRequestData"], max_result_chars=_V201_OCSP_RESULT
    )


def certificate_status_v21(payload: Payload) -> CertificateStatusAsked:
    return CertificateStatusAsked(
        ocsp=payload["ocspRequestData"], max_result_chars=_V21_OCSP_RESULT
    )


def certificate_status_reply(reply: CertificateStatusReply) -> Payload:
    if reply.ocsp_result is None:
        return _status("Failed", reply.reason)
    return {"status": "Accepted", "ocspResult": reply.ocsp_result}


def chain_status(payload: Payload) -> ChainStatusAsked:
    return ChainStatusAsked(
        queries=tuple(
            ChainStatusQuery(
                hash_data=item["certificateHashData"],
                source=item["source"],
                urls=tuple(item["urls"]),
            )
            for item in payload["certificateStatusRequests"]
        )
    )


def chain_status_reply(reply: ChainStatusReply) -> Payload:
    return {
        "certificateStatus": [
            {
                "certificateHashData": each.hash_data,
                "source": each.source,
                "status": each.status,
                "nextUpdate": wire_time(each.next_update),
            }
            for each in reply.statuses
        ]
    }


def signing(payload: Payload) -> SigningAsked:
    """Without a type the station's own certificate is meant (A02.FR.21)."""
    request_id = payload.get("requestId")
    return SigningAsked(
        csr_pem=payload["csr"],
        use=SigningUse(payload.get("certificateType", SigningUse.STATION)),
        request_id=None if request_id is None else identifier(request_id, "/requestId"),
    )


def signing_reply(reply: SigningReply) -> Payload:
    return _status("Accepted" if reply.accepted else "Rejected", reply.reason)


def install_certificate(edition: Edition, command: InstallCertificate) -> WireCall:
    _check_use(edition, command.use)
    return WireCall(
        "InstallCertificate",
        {"certificateType": command.use.value, "certificate": command.certificate_pem},
    )


def delete_certificate(_edition: Edition, command: DeleteCertificate) -> WireCall:
    return WireCall("DeleteCertificate", {"certificateHashData": certificate_hash_data(command)})


def certificate_hash_data(command: DeleteCertificate) -> dict[str, str]:
    """Only the four fields that identify a certificate. Raises ``InvalidInput``."""
    names = ("hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber")
    missing = [name for name in names if name not in command.hash_data]
    if missing:
        raise InvalidInput(f"hash_data lacks {', '.join(missing)}")
    return {name: command.hash_data[name] for name in names}


def get_installed(edition: Edition, command: GetInstalledCertificates) -> WireCall:
    for use in command.uses:
        _check_use(edition, use)
    payload: Payload = {"certificateType": list(command.uses)} if command.uses else {}
    return WireCall("GetInstalledCertificateIds", payload)


def certificate_signed(edition: Edition, command: CertificateSigned) -> WireCall:
    _check_use(edition, command.use)
    payload: Payload = {
        "certificateChain": command.chain_pem,
        "certificateType": command.use.value,
    }
    if command.request_id is not None and edition.iso15118_20:
        payload["requestId"] = command.request_id
    return WireCall("CertificateSigned", payload)


def _check_use(edition: Edition, use: str) -> None:
    if use in _ONLY_21 and not edition.iso15118_20:
        raise NotExpressible(f"OCPP {edition.version} has no certificate type {use}")


def _status(status: str, reason: str | None) -> Payload:
    payload: Payload = {"status": status}
    if reason is not None:
        payload["statusInfo"] = {
            "reasonCode": "Unspecified",
            "additionalInfo": reason[:_MAX_ADDITIONAL_INFO],
        }
    return payload
