"""ISO 15118 in OCPP 1.6: 2.0.1's messages inside DataTransfer (OCA application note, Plug & Charge).

See :class:`charger_sim.station.dialect.Contracts`. The version knows neither needs nor schedules.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from charger_sim.iso15118.backend import (
    CertificateResponse,
    ChargingNeeds,
    InstallCertificate,
    ReportSchedule,
)
from charger_sim.station import certificate_messages, tariff
from charger_sim.station.dialect import Message
from charger_sim.station.evse import Evse
from charger_sim.station.rpc import Payload
from charger_sim.station.schemas import validator
from charger_sim.station.v2.contracts import ev_certificate_request, ev_certificate_response

if TYPE_CHECKING:
    from charger_sim.station.station import Station

VENDOR = "org.openchargealliance.iso15118pnc"


class Contracts16:
    def authorize(self, emaid: str, *, pem: str | None, hash_data: list[dict[str, str]]) -> Message:
        inner: Payload = {"idToken": {"idToken": emaid, "type": "eMAID"}}
        if pem is not None:
            inner["certificate"] = pem
        if hash_data:
            inner["iso15118CertificateHashData"] = hash_data
        return _wrapped("Authorize", inner)

    def authorization(self, reply: Payload) -> tuple[Payload, str | None]:
        inner = _unwrapped(reply)
        return {"idTagInfo": inner.get("idTokenInfo", {})}, inner.get("certificateStatus")

    def installation(self, question: InstallCertificate) -> Message:
        return _wrapped("Get15118EVCertificate", ev_certificate_request(question))

    def installed(self, reply: Payload) -> CertificateResponse | None:
        inner = _unwrapped(reply)
        return ev_certificate_response({"status": "Failed", "exiResponse": "", **inner})

    def needs(self, station: Station, evse: Evse, needs: ChargingNeeds) -> None:
        del station, evse, needs

    def chosen(self, station: Station, evse: Evse, report: ReportSchedule) -> None:
        del station, evse, report

    def signing(self, csr_pem: str, certificate_type: str) -> Message:
        inner = {"csr": csr_pem, "certificateType": certificate_type}
        return _wrapped("SignCertificate", inner)


def _wrapped(message_id: str, inner: Payload) -> Message:
    data = json.dumps(inner, separators=(",", ":"))
    return "DataTransfer", {"vendorId": VENDOR, "messageId": message_id, "data": data}


def _unwrapped(reply: Payload) -> Payload:
    if reply["status"] != "Accepted":
        raise ValueError(f"DataTransfer was answered {reply['status']}")
    inner = json.loads(reply.get("data", ""))
    if not isinstance(inner, dict):
        raise ValueError("the data of DataTransfer is no object")
    return inner


def data_transfer(st: Station, request: Payload) -> Payload:
    if request["vendorId"] != VENDOR:
        if request["vendorId"] == tariff.COSTMSG:
            return tariff.data_transfer(st, request)
        return {"status": "UnknownVendorId"}
    handle = certificate_messages.HANDLERS.get(request.get("messageId", ""))
    if handle is None:
        return {"status": "UnknownMessageId"}
    try:
        inner = json.loads(request.get("data", ""))
    except ValueError:
        return {"status": "Rejected"}
    schema = validator("2.0.1", request["messageId"], response=False)
    if schema is None or not schema.is_valid(inner):
        return {"status": "Rejected"}
    return {"status": "Accepted", "data": json.dumps(handle(st, inner))}


HANDLERS: dict[str, Callable[[Station, Payload], Payload]] = {"DataTransfer": data_transfer}
