"""DataTransfer of OCPP 2.x, where data is any JSON."""

from __future__ import annotations

from csms.domain.commands import SendVendorData
from csms.domain.events import VendorDataReply
from csms.translate.family import WireCall
from csms.translate.fields import Payload
from csms.translate.v2x.edition import Edition


def vendor_data_reply(reply: VendorDataReply) -> Payload:
    payload: Payload = {"status": reply.status}
    if reply.data is not None:
        payload["data"] = reply.data
    return payload


def send_vendor_data(_edition: Edition, command: SendVendorData) -> WireCall:
    payload: Payload = {"vendorId": command.vendor}
    if command.message is not None:
        payload["messageId"] = command.message
    if command.data is not None:
        payload["data"] = command.data
    return WireCall("DataTransfer", payload)
