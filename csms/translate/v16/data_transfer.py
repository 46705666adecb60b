"""DataTransfer of OCPP 1.6, where data is text."""

from __future__ import annotations

from typing import Any

import orjson

from csms.domain.commands import SendVendorData
from csms.domain.events import VendorDataReply
from csms.translate.family import WireCall
from csms.translate.fields import Payload


def vendor_data_reply(reply: VendorDataReply) -> Payload:
    payload: Payload = {"status": reply.status}
    if reply.data is not None:
        payload["data"] = _text(reply.data)
    return payload


def send_vendor_data(command: SendVendorData) -> WireCall:
    payload: Payload = {"vendorId": command.vendor}
    if command.message is not None:
        payload["messageId"] = command.message
    if command.data is not None:
        payload["data"] = _text(command.data)
    return WireCall("DataTransfer", payload)


def _text(data: Any) -> str:
    return data if isinstance(data, str) else orjson.dumps(data).decode()
