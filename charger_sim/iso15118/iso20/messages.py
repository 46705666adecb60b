"""ISO 15118-20 messages: names, payload types, headers, and the way to and from V2GTP frames.

Bodies are plain dicts as `pki.exi.values` describes them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeAlias

from charger_sim.iso15118.errors import RemoteProtocolError
from charger_sim.iso15118.v2gtp import Frame, PayloadType
from pki.exi import Document, ExiError, Typed, decode, encode
from pki.exi.messages import (
    ISO15118_20_AC,
    ISO15118_20_COMMON_MESSAGES,
    ISO15118_20_DC,
)

Body: TypeAlias = dict[str, Any]

AC_NAMESPACE: Final = "urn:iso:std:iso:15118:-20:AC"
DC_NAMESPACE: Final = "urn:iso:std:iso:15118:-20:DC"
COMMON_NAMESPACE: Final = "urn:iso:std:iso:15118:-20:CommonMessages"
SCHEMA: Final = ISO15118_20_COMMON_MESSAGES
"""The table of the common messages, the only ones that carry signatures."""

NO_SESSION: Final = bytes(8)
"""The session id of a SessionSetupReq that joins no session."""

_NAMESPACE_OF_SCHEMA: Final = {
    ISO15118_20_COMMON_MESSAGES: COMMON_NAMESPACE,
    ISO15118_20_AC: AC_NAMESPACE,
    ISO15118_20_DC: DC_NAMESPACE,
}
_SCHEMA_OF_PAYLOAD: Final = {
    PayloadType.MAINSTREAM: ISO15118_20_COMMON_MESSAGES,
    PayloadType.AC: ISO15118_20_AC,
    PayloadType.DC: ISO15118_20_DC,
    PayloadType.SCHEDULE_RENEGOTIATION: ISO15118_20_COMMON_MESSAGES,
    PayloadType.METERING_CONFIRMATION: ISO15118_20_COMMON_MESSAGES,
    PayloadType.PARKING_STATUS: ISO15118_20_COMMON_MESSAGES,
}
_BRANCHES: Final = (dict, list, Typed)


def payload_type(name: str) -> PayloadType:
    """The main stream of a message by its name; side streams are the sender's choice."""
    if name.startswith("AC_"):
        return PayloadType.AC
    return PayloadType.DC if name.startswith("DC_") else PayloadType.MAINSTREAM


def header(session_id: bytes, now: datetime) -> Body:
    """A MessageHeader without signature; its time stamp counts seconds of Unix time."""
    return {"SessionID": session_id, "TimeStamp": int(now.timestamp())}


def document(name: str, head: Body, body: Body) -> Document:
    """The message `name`, such as "DC_PreChargeReq"."""
    namespace = _NAMESPACE_OF_SCHEMA[_SCHEMA_OF_PAYLOAD[payload_type(name)]]
    return Document(namespace, name, {"Header": head, **body})


def to_frame(message: Document, stream: PayloadType | int | None = None) -> Frame:
    """`stream` is the payload type, None for the main stream. Raises ExiEncodeError."""
    main = payload_type(message.name)
    chosen = main if stream is None else stream
    return Frame(int(chosen), encode(message, _SCHEMA_OF_PAYLOAD[main]))


def from_frame(frame: Frame) -> Document:
    """Raises RemoteProtocolError for what is no message of ISO 15118-20."""
    schema = _SCHEMA_OF_PAYLOAD.get(frame.payload_type)  # type: ignore[call-overload]
    if schema is None:
        raise RemoteProtocolError(f"payload type {frame.payload_type:#06x} is not of this session")
    try:
        message = decode(frame.payload, schema)
    except ExiError as error:
        raise RemoteProtocolError(f"payload type {frame.payload_type:#06x}: {error}") from error
    if message.namespace != _NAMESPACE_OF_SCHEMA[schema] or not _is_plain(message.value):
        raise RemoteProtocolError(f"{message.name} is no message of {schema}")
    if "Header" not in message.value:
        raise RemoteProtocolError(f"{message.name} is an element, no message")
    return message


def _is_plain(value: Any) -> bool:
    """Whether each type is the declared one: no message of the standard needs xsi:type."""
    if not isinstance(value, dict | list):
        return not isinstance(value, Typed)
    children = value.values() if isinstance(value, dict) else value
    return all(_is_plain(each) for each in children if isinstance(each, _BRANCHES))
