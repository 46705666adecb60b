"""Block M on the wire: what stations send, what they are answered and told, by the official schemas."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain import commands as c
from csms.domain.certificates import (
    PNC_VENDOR,
    CertificateStatusReply,
    ChainStatus,
    ChainStatusReply,
    EvCertificateReply,
    RootUse,
    SigningReply,
    SigningUse,
)
from csms.domain.errors import InvalidInput, NotExpressible
from csms.domain.events import AuthorizeReply, Reply, VendorData
from csms.domain.values import TokenStatus, Value
from csms.translate import (
    BadValue,
    command_to_wire,
    event_from_wire,
    outcome_from_wire,
    reply_to_wire,
)
from tests.conformance.pnc.wire import CSR, EXAMPLES, HASH, OCSP, T0, transfer
from tests.conformance.translate.official import VERSIONS, check_request, check_response

V16, V201, V21 = VERSIONS
V2X = (V201, V21)
PEM = "-----BEGIN CERTIFICATE-----"


def test_the_examples_of_16_are_valid_messages_of_201_inside() -> None:
    """That each example means its event is shown by tests.conformance.translate.test_events."""
    for _, payload, event in EXAMPLES["1.6"]:
        if "messageId" in payload and not isinstance(event, VendorData):
            check_request(V201, payload["messageId"], json.loads(payload["data"]))


@pytest.mark.parametrize(
    "data", [None, "", "[]", "{", '{"idToken": 1}', '{"csr": "x", "certificateType": "Other"}']
)
def test_plug_and_charge_of_16_is_checked_like_any_other_message(data: str | None) -> None:
    payload = {"vendorId": PNC_VENDOR, "messageId": "SignCertificate"}
    if data is not None:
        payload["data"] = data
    with pytest.raises(BadValue, match="/data"):
        event_from_wire(V16, "DataTransfer", payload)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(
    message=st.sampled_from(
        ["Authorize", "Get15118EVCertificate", "GetCertificateStatus", "Other"]
    ),
    data=st.text() | JSON.map(json.dumps) | st.just("[" * 5_000) | st.just("9" * 5_000),
)
def test_whatever_stands_in_data_transfer_is_an_event_or_refused(message: str, data: str) -> None:
    payload = {"vendorId": PNC_VENDOR, "messageId": message, "data": data}
    with suppress(BadValue):
        assert isinstance(event_from_wire(V16, "DataTransfer", payload), Value)


REPLIES: list[tuple[tuple[str, ...], str, Reply, dict[str, Any]]] = [
    (
        V2X,
        "Get15118EVCertificate",
        EvCertificateReply(exi_response="gA=="),
        {"status": "Accepted", "exiResponse": "gA=="},
    ),
    (
        (V21,),
        "Get15118EVCertificate",
        EvCertificateReply(exi_response="gA==", remaining_contracts=2),
        {"status": "Accepted", "exiResponse": "gA==", "remainingContracts": 2},
    ),
    (
        (V201,),
        "Get15118EVCertificate",
        EvCertificateReply(exi_response="gA==", remaining_contracts=2),
        {"status": "Accepted", "exiResponse": "gA=="},
    ),
    (
        V2X,
        "Get15118EVCertificate",
        EvCertificateReply(exi_response=None, reason="no contract " * 100),
        {
            "status": "Failed",
            "exiResponse": "",
            "statusInfo": {
                "reasonCode": "Unspecified",
                "additionalInfo": ("no contract " * 100)[:512],
            },
        },
    ),
    (
        V2X,
        "GetCertificateStatus",
        CertificateStatusReply(ocsp_result="MAA="),
        {"status": "Accepted", "ocspResult": "MAA="},
    ),
    (V2X, "GetCertificateStatus", CertificateStatusReply(ocsp_result=None), {"status": "Failed"}),
    (
        (V21,),
        "GetCertificateChainStatus",
        ChainStatusReply(
            statuses=(ChainStatus(hash_data=HASH, source="OCSP", status="Revoked", next_update=T0),)
        ),
        {
            "certificateStatus": [
                {
                    "certificateHashData": HASH,
                    "source": "OCSP",
                    "status": "Revoked",
                    "nextUpdate": "2026-03-01T12:00:00.000Z",
                }
            ]
        },
    ),
    (VERSIONS, "SignCertificate", SigningReply(accepted=True), {"status": "Accepted"}),
    (VERSIONS, "SignCertificate", SigningReply(accepted=False), {"status": "Rejected"}),
]


@pytest.mark.parametrize(
    ("version", "action", "reply", "payload"),
    [(version, *rest) for versions, *rest in REPLIES for version in versions],
)
def test_reply(version: str, action: str, reply: Reply, payload: dict[str, Any]) -> None:
    written = reply_to_wire(version, action, reply)
    assert written == payload
    check_response(version, action, written)


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        (
            "Authorize",
            AuthorizeReply(status=TokenStatus.INVALID, certificate_status="CertificateRevoked"),
        ),
        ("Get15118EVCertificate", EvCertificateReply(exi_response="gA==", remaining_contracts=1)),
        ("GetCertificateStatus", CertificateStatusReply(ocsp_result=None, reason="silent")),
        ("SignCertificate", SigningReply(accepted=True)),
    ],
)
def test_16_is_answered_inside_of_data_transfer(message: str, reply: Reply) -> None:
    written = reply_to_wire(V16, "DataTransfer", reply)
    check_response(V16, "DataTransfer", written)
    assert written["status"] == "Accepted"
    check_response(V201, message, json.loads(written["data"]))


COMMANDS: list[tuple[tuple[str, ...], c.Command, str, dict[str, Any]]] = [
    *(
        (
            versions,
            c.InstallCertificate(use=use, certificate_pem=PEM),
            "InstallCertificate",
            {"certificateType": use.value, "certificate": PEM},
        )
        for versions, use in (
            (V2X, RootUse.CSMS),
            (V2X, RootUse.MANUFACTURER),
            (V2X, RootUse.V2G),
            (V2X, RootUse.MO),
            ((V21,), RootUse.OEM),
        )
    ),
    (
        (V16,),
        c.InstallCertificate(use=RootUse.CSMS, certificate_pem=PEM),
        "InstallCertificate",
        {"certificateType": "CentralSystemRootCertificate", "certificate": PEM},
    ),
    (
        VERSIONS,
        c.DeleteCertificate(hash_data=OCSP),
        "DeleteCertificate",
        {"certificateHashData": HASH},
    ),
    (V2X, c.GetInstalledCertificates(), "GetInstalledCertificateIds", {}),
    (
        V2X,
        c.GetInstalledCertificates(uses=("V2GCertificateChain", "MORootCertificate")),
        "GetInstalledCertificateIds",
        {"certificateType": ["V2GCertificateChain", "MORootCertificate"]},
    ),
    (
        (V16,),
        c.GetInstalledCertificates(uses=("ManufacturerRootCertificate",)),
        "GetInstalledCertificateIds",
        {"certificateType": "ManufacturerRootCertificate"},
    ),
    (
        (V16,),
        c.CertificateSigned(chain_pem=PEM),
        "CertificateSigned",
        {"certificateChain": PEM},
    ),
    (
        V2X,
        c.CertificateSigned(chain_pem=PEM, use=SigningUse.V2G),
        "CertificateSigned",
        {"certificateChain": PEM, "certificateType": "V2GCertificate"},
    ),
    (
        (V21,),
        c.CertificateSigned(chain_pem=PEM, use=SigningUse.V2G_20, request_id=7),
        "CertificateSigned",
        {"certificateChain": PEM, "certificateType": "V2G20Certificate", "requestId": 7},
    ),
]
WRAPPED: list[tuple[c.Command, str, dict[str, Any]]] = [
    (
        c.InstallCertificate(use=RootUse.V2G, certificate_pem=PEM),
        "InstallCertificate",
        {"certificateType": "V2GRootCertificate", "certificate": PEM},
    ),
    (
        c.DeleteCertificate(hash_data=HASH, plug_and_charge=True),
        "DeleteCertificate",
        {"certificateHashData": HASH},
    ),
    (
        c.GetInstalledCertificates(uses=("V2GCertificateChain", "MORootCertificate")),
        "GetInstalledCertificateIds",
        {"certificateType": ["V2GCertificateChain", "MORootCertificate"]},
    ),
    (
        c.CertificateSigned(chain_pem=PEM, use=SigningUse.V2G),
        "CertificateSigned",
        {"certificateChain": PEM, "certificateType": "V2GCertificate"},
    ),
    (
        c.Trigger(message="SignV2GCertificate"),
        "TriggerMessage",
        {"requestedMessage": "SignV2GCertificate"},
    ),
]


@pytest.mark.parametrize(
    ("version", "command", "action", "payload"),
    [(version, *rest) for versions, *rest in COMMANDS for version in versions],
)
def test_command(version: str, command: c.Command, action: str, payload: dict[str, Any]) -> None:
    call = command_to_wire(version, command)
    assert call == (action, payload)
    check_request(version, action, call.payload)


@pytest.mark.parametrize(("command", "message", "inner"), WRAPPED)
def test_16_is_told_of_plug_and_charge_by_data_transfer(
    command: c.Command, message: str, inner: dict[str, Any]
) -> None:
    action, payload = command_to_wire(V16, command)
    check_request(V16, action, payload)
    check_request(V201, message, inner)
    told = json.loads(payload["data"])
    assert (action, payload["vendorId"], payload["messageId"]) == (
        "DataTransfer",
        PNC_VENDOR,
        message,
    )
    assert told == inner


@pytest.mark.parametrize("version", [V16, V201])
@pytest.mark.parametrize(
    "command",
    [
        c.InstallCertificate(use=RootUse.OEM, certificate_pem=PEM),
        c.CertificateSigned(chain_pem=PEM, use=SigningUse.V2G_20),
        c.GetInstalledCertificates(uses=("OEMRootCertificate",)),
    ],
)
def test_what_only_21_can_say_is_not_said_otherwise(version: str, command: c.Command) -> None:
    with pytest.raises(NotExpressible):
        command_to_wire(version, command)


def test_hash_data_must_be_whole() -> None:
    command = c.DeleteCertificate(hash_data={"hashAlgorithm": "SHA256", "issuerKeyHash": "ab"})
    for version in VERSIONS:
        with pytest.raises(InvalidInput, match="issuerNameHash, serialNumber"):
            command_to_wire(version, command)


INSTALL = c.InstallCertificate(use=RootUse.V2G, certificate_pem=PEM)


@pytest.mark.parametrize(
    ("command", "answer", "accepted", "status"),
    [
        (INSTALL, {"status": "Accepted", "data": '{"status":"Accepted"}'}, True, "Accepted"),
        (INSTALL, {"status": "Accepted", "data": '{"status":"Rejected"}'}, False, "Rejected"),
        (INSTALL, {"status": "UnknownVendorId"}, False, "UnknownVendorId"),
        (INSTALL, {"status": "Accepted", "data": "]["}, False, "Failed"),
        (
            c.GetInstalledCertificates(uses=("MORootCertificate",)),
            {"status": "Accepted", "data": '{"status":"NotFound"}'},
            True,
            "NotFound",
        ),
    ],
)
def test_16_answers_inside_of_data_transfer(
    command: c.Command, answer: dict[str, Any], accepted: bool, status: str
) -> None:
    outcome = outcome_from_wire(V16, command, answer)
    assert (outcome.accepted, outcome.status) == (accepted, status)


def test_a_vendors_own_data_stay_the_vendors() -> None:
    payload = {"vendorId": "Maker", "messageId": "SignCertificate", "data": CSR}
    event = event_from_wire(V16, "DataTransfer", payload)
    assert event != event_from_wire(V16, "DataTransfer", transfer("SignCertificate", {"csr": CSR}))
