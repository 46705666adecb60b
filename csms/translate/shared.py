"""Messages that are spelled alike in all three versions."""

from __future__ import annotations

from functools import partial

from csms.domain.commands import RawCall
from csms.domain.events import (
    Acknowledged,
    BootReply,
    Heartbeat,
    HeartbeatReply,
    Notified,
    SecurityEventTold,
    VendorData,
)
from csms.translate.family import ReplyWriter, WireCall
from csms.translate.fields import Payload, timestamp, wire_time


def boot_reply(reply: BootReply) -> Payload:
    return {
        "currentTime": wire_time(reply.now),
        "interval": reply.interval_s,
        "status": reply.status.value,
    }


def heartbeat(_payload: Payload) -> Heartbeat:
    return Heartbeat()


def heartbeat_reply(reply: HeartbeatReply) -> Payload:
    return {"currentTime": wire_time(reply.now)}


def security_event(payload: Payload) -> SecurityEventTold:
    """1.6 has it from the security whitepaper."""
    return SecurityEventTold(
        kind=payload["type"],
        at=timestamp(payload["timestamp"], "/timestamp"),
        info=payload.get("techInfo"),
    )


def vendor_data(payload: Payload) -> VendorData:
    return VendorData(
        vendor=payload["vendorId"], message=payload.get("messageId"), data=payload.get("data")
    )


def notified(action: str) -> partial[Notified]:
    """A reader that keeps the notification as it is."""
    return partial(_notified, action)


def _notified(action: str, payload: Payload) -> Notified:
    return Notified(action=action, payload=payload)


def _empty(_reply: Acknowledged) -> Payload:
    return {}


ACKNOWLEDGE = ReplyWriter(Acknowledged, _empty)


def raw_call(command: RawCall) -> WireCall:
    return WireCall(command.action, command.payload)
