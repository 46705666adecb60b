"""V2G_Message: one body with its header, to and from frames; physical values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from charger_sim.iso15118.errors import LocalProtocolError, RemoteProtocolError
from charger_sim.iso15118.v2gtp import Frame, PayloadType
from pki.exi import Document, ExiError, decode, encode
from pki.installation import ISO_2_NAMESPACE
from pki.keys import PrivateKey
from pki.xmlsig import sign

TABLE: Final = "iso15118_2"
NAMESPACE: Final = ISO_2_NAMESPACE
ID: Final = "id1"
"""The Id of a signed body; its Reference names it."""
_SHORT_MAX: Final = 32_767


@dataclass(frozen=True, slots=True)
class Message:
    """A decoded message; `name` is without Req / Res, `payload` the octets it came in."""

    name: str
    is_request: bool
    session_id: bytes
    body: dict[str, Any]
    document: Document
    payload: bytes


def read(frame: Frame) -> Message:
    """Raises RemoteProtocolError."""
    if frame.payload_type != PayloadType.EXI:
        raise RemoteProtocolError(f"payload type {frame.payload_type:#06x}, expected 0x8001")
    try:
        document = decode(frame.payload, TABLE, strict=True)
    except ExiError as error:
        raise RemoteProtocolError(f"ISO 15118-2 message: {error}") from error
    if (document.namespace, document.name) != (NAMESPACE, "V2G_Message"):
        raise RemoteProtocolError(f"{document.name}, expected V2G_Message")
    content = document.value["Body"]
    element = next(iter(content), "")
    if len(content) != 1 or element[-3:] not in {"Req", "Res"}:
        raise RemoteProtocolError(f"body of {list(content)}, expected one request or response")
    return Message(
        element[:-3],
        element.endswith("Req"),
        document.value["Header"]["SessionID"],
        content[element],
        document,
        frame.payload,
    )


def write(
    session_id: bytes,
    element: str,
    body: dict[str, Any],
    *,
    key: PrivateKey | None = None,
    header: dict[str, Any] | None = None,
) -> Frame:
    """A frame with the body `element`, such as "SessionSetupReq"; signed where `key` is given.

    `header` has further fields. Raises LocalProtocolError where the body does not fit the schema.
    """
    value = {"Header": {"SessionID": session_id, **(header or {})}, "Body": {element: body}}
    document = Document(NAMESPACE, "V2G_Message", value)
    try:
        if key is not None:
            document = sign(document, TABLE, key)
        return Frame(PayloadType.EXI, encode(document, TABLE))
    except ExiError as error:
        raise LocalProtocolError(f"{element}: {error}") from error


def physical(value: float, unit: str) -> dict[str, Any]:
    """A PhysicalValue, as fine as its 16 bits and powers of ten allow.

    Raises LocalProtocolError beyond 32,767,000.
    """
    if value == int(value) and abs(value) <= _SHORT_MAX:
        return {"Multiplier": 0, "Unit": unit, "Value": int(value)}
    for multiplier in range(-3, 4):
        scaled = round(value * 10.0**-multiplier)
        if abs(scaled) <= _SHORT_MAX:
            return {"Multiplier": multiplier, "Unit": unit, "Value": scaled}
    raise LocalProtocolError(f"{value} {unit} does not fit a PhysicalValue")


def quantity(value: dict[str, Any]) -> float:
    """A PhysicalValue in its unit."""
    return float(value["Value"]) * 10.0 ** int(value["Multiplier"])
