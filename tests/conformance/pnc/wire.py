"""Payloads of block M as stations send them, and the events that they mean."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from csms.domain.certificates import (
    PNC_VENDOR,
    CertificateStatusAsked,
    ChainStatusAsked,
    ChainStatusQuery,
    EvCertificateAsked,
    SigningAsked,
    SigningUse,
)
from csms.domain.events import AuthorizeAsked, Event, VendorData
from csms.domain.values import IdToken

T0 = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
HASH = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "ab" * 32,
    "issuerKeyHash": "cd" * 32,
    "serialNumber": "1a2b",
}
OCSP = HASH | {"responderURL": "http://ocsp.example.com"}
NAMESPACE = "urn:iso:15118:2:2013:MsgDef"
CSR = "-----BEGIN CERTIFICATE REQUEST-----"
Example = tuple[str, dict[str, Any], Event]

_EV = {"iso15118SchemaVersion": NAMESPACE, "action": "Install", "exiRequest": "gA=="}
_STATUS = {"ocspRequestData": OCSP}
_SIGN_V2G = {"csr": CSR, "certificateType": "V2GCertificate"}
_AUTHORIZE = {
    "idToken": {"idToken": "DEACMC12345678X", "type": "eMAID"},
    "iso15118CertificateHashData": [OCSP],
}

_OF_BOTH: list[Example] = [
    ("SignCertificate", {"csr": CSR}, SigningAsked(csr_pem=CSR)),
    ("SignCertificate", _SIGN_V2G, SigningAsked(csr_pem=CSR, use=SigningUse.V2G)),
]
V201: list[Example] = [
    *_OF_BOTH,
    (
        "Get15118EVCertificate",
        _EV,
        EvCertificateAsked(
            schema=NAMESPACE, update=False, exi_request="gA==", max_response_chars=7_500
        ),
    ),
    (
        "GetCertificateStatus",
        _STATUS,
        CertificateStatusAsked(ocsp=OCSP, max_result_chars=5_500),
    ),
]
V21: list[Example] = [
    *_OF_BOTH,
    (
        "SignCertificate",
        {"csr": CSR, "certificateType": "V2G20Certificate", "requestId": 7},
        SigningAsked(csr_pem=CSR, use=SigningUse.V2G_20, request_id=7),
    ),
    (
        "Get15118EVCertificate",
        _EV
        | {
            "action": "Update",
            "maximumContractCertificateChains": 3,
            "prioritizedEMAIDs": ["DEACMC12345678X"],
        },
        EvCertificateAsked(
            schema=NAMESPACE,
            update=True,
            exi_request="gA==",
            max_response_chars=17_000,
            max_chains=3,
            emaids=("DEACMC12345678X",),
        ),
    ),
    (
        "GetCertificateStatus",
        _STATUS,
        CertificateStatusAsked(ocsp=OCSP, max_result_chars=18_000),
    ),
    (
        "GetCertificateChainStatus",
        {
            "certificateStatusRequests": [
                {"certificateHashData": HASH, "source": "CRL", "urls": ["http://crl.example.com"]}
            ]
        },
        ChainStatusAsked(
            queries=(
                ChainStatusQuery(hash_data=HASH, source="CRL", urls=("http://crl.example.com",)),
            )
        ),
    ),
]


def transfer(message: str, inner: object) -> dict[str, Any]:
    return {"vendorId": PNC_VENDOR, "messageId": message, "data": json.dumps(inner)}


V16: list[Example] = [
    ("SignCertificate", {"csr": CSR}, SigningAsked(csr_pem=CSR)),
    (
        "DataTransfer",
        transfer("SignCertificate", _SIGN_V2G),
        SigningAsked(csr_pem=CSR, use=SigningUse.V2G),
    ),
    (
        "DataTransfer",
        transfer("Get15118EVCertificate", _EV),
        EvCertificateAsked(
            schema=NAMESPACE, update=False, exi_request="gA==", max_response_chars=7_500
        ),
    ),
    (
        "DataTransfer",
        transfer("GetCertificateStatus", _STATUS),
        CertificateStatusAsked(ocsp=OCSP, max_result_chars=5_500),
    ),
    (
        "DataTransfer",
        transfer("Authorize", _AUTHORIZE),
        AuthorizeAsked(token=IdToken(value="DEACMC12345678X", kind="eMAID"), hash_data=(OCSP,)),
    ),
    (
        "DataTransfer",
        transfer("NoSuchMessage", {}),
        VendorData(vendor=PNC_VENDOR, message="NoSuchMessage", data="{}"),
    ),
]
EXAMPLES = {"1.6": V16, "2.0.1": V201, "2.1": V21}
