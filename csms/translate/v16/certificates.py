"""Certificates in OCPP 1.6: the security whitepaper's messages for the station's own, DataTransfer for Plug & Charge.

In DataTransfer travel the payloads of OCPP 2.0.1 as JSON text under the vendor id of the Open Charge Alliance's
application note; what a station sends there is checked against the official schemas of 2.0.1.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson

from csms.domain.certificates import (
    PNC_VENDOR,
    CertificateStatusReply,
    EvCertificateReply,
    RootUse,
    SigningAsked,
    SigningReply,
    SigningUse,
)
from csms.domain.commands import (
    CertificateSigned,
    Command,
    DeleteCertificate,
    GetInstalledCertificates,
    InstallCertificate,
    Trigger,
)
from csms.domain.errors import InvalidInput, NotExpressible
from csms.domain.events import AuthorizeReply, Event, VendorDataReply
from csms.ocppj.schemas import Schemas
from csms.ocppj.version import OcppVersion
from csms.translate import shared
from csms.translate.errors import BadValue
from csms.translate.family import WireCall
from csms.translate.fields import Payload
from csms.translate.v2x import OCPP201
from csms.translate.v2x.certificates import certificate_hash_data
from csms.translate.v16 import data_transfer

_FROM_STATIONS = frozenset(
    {"Authorize", "Get15118EVCertificate", "GetCertificateStatus", "SignCertificate"}
)
_OWN_ROOTS = {
    RootUse.CSMS: "CentralSystemRootCertificate",
    RootUse.MANUFACTURER: "ManufacturerRootCertificate",
}
V2G_TRIGGER = "SignV2GCertificate"

DataTransferReply = (
    VendorDataReply | AuthorizeReply | EvCertificateReply | CertificateStatusReply | SigningReply
)
_ACTION_OF_REPLY = {
    AuthorizeReply: "Authorize",
    EvCertificateReply: "Get15118EVCertificate",
    CertificateStatusReply: "GetCertificateStatus",
    SigningReply: "SignCertificate",
}


def vendor_data(payload: Payload) -> Event:
    """What the vendor's message says; Plug & Charge is known, anything else is kept as it is."""
    action = payload.get("messageId")
    if payload["vendorId"] != PNC_VENDOR or action not in _FROM_STATIONS:
        return shared.vendor_data(payload)
    inner = _inner(payload.get("data"))
    violation = _schemas().violation(f"{action}Request", inner)
    if violation is not None:
        raise BadValue("/data", violation.description)
    return OCPP201.events[action](inner)


def vendor_data_reply(reply: DataTransferReply) -> Payload:
    if isinstance(reply, VendorDataReply):
        return data_transfer.vendor_data_reply(reply)
    inner = OCPP201.replies[_ACTION_OF_REPLY[type(reply)]].write(reply)
    return {"status": "Accepted", "data": orjson.dumps(inner).decode()}


def signing(payload: Payload) -> SigningAsked:
    """SignCertificate of the whitepaper: always the station's own certificate."""
    return SigningAsked(csr_pem=payload["csr"])


def signing_reply(reply: SigningReply) -> Payload:
    return {"status": "Accepted" if reply.accepted else "Rejected"}


def install_certificate(command: InstallCertificate) -> WireCall:
    if command.use in _OWN_ROOTS:
        return WireCall(
            "InstallCertificate",
            {"certificateType": _OWN_ROOTS[command.use], "certificate": command.certificate_pem},
        )
    return _wrapped(command)


def delete_certificate(command: DeleteCertificate) -> WireCall:
    if command.plug_and_charge:
        return _wrapped(command)
    return WireCall("DeleteCertificate", {"certificateHashData": certificate_hash_data(command)})


def get_installed(command: GetInstalledCertificates) -> WireCall:
    own = [use for use in command.uses if use in _OWN_ROOTS]
    if not own and command.uses:
        return _wrapped(command)
    if len(command.uses) != 1:
        raise InvalidInput("OCPP 1.6 lists the certificates of exactly one use")
    return WireCall("GetInstalledCertificateIds", {"certificateType": _OWN_ROOTS[RootUse(own[0])]})


def certificate_signed(command: CertificateSigned) -> WireCall:
    if command.use is SigningUse.STATION:
        return WireCall("CertificateSigned", {"certificateChain": command.chain_pem})
    return _wrapped(command)


def trigger_v2g_signing(command: Trigger) -> WireCall:
    return _transfer("TriggerMessage", {"requestedMessage": command.message})


def unwrap(command: Command, payload: Payload) -> Payload:
    """The answer inside of DataTransfer's; a DataTransfer that was not accepted answers for it."""
    if not isinstance(command, _WRAPPABLE) or "data" not in payload:
        return payload
    if payload.get("status") != "Accepted":
        return payload
    try:
        return _inner(payload["data"])
    except BadValue as error:
        return {"status": "Failed", "statusInfo": {"reasonCode": error.reason}}


_WRAPPABLE = (
    InstallCertificate,
    DeleteCertificate,
    GetInstalledCertificates,
    CertificateSigned,
    Trigger,
)


def _wrapped(command: Command) -> WireCall:
    """The command as 2.0.1 says it. Raises ``NotExpressible`` for what even that has no word for."""
    return _transfer(*OCPP201.commands[type(command)](command))


def _transfer(action: str, inner: Payload) -> WireCall:
    violation = _schemas().violation(f"{action}Request", inner)
    if violation is not None:
        raise NotExpressible(f"{action} in DataTransfer: {violation.description}")
    return WireCall(
        "DataTransfer",
        {"vendorId": PNC_VENDOR, "messageId": action, "data": orjson.dumps(inner).decode()},
    )


def _inner(data: Any) -> Payload:
    try:
        inner = orjson.loads(data) if isinstance(data, str) else None
    except orjson.JSONDecodeError:
        inner = None
    if not isinstance(inner, dict):
        raise BadValue("/data", "expected the text of a JSON object")
    return inner


@cache
def _schemas() -> Schemas:
    return Schemas(OcppVersion.V201)
