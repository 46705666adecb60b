"""supportedAppProtocol: which edition a session speaks. Pure.

ISO 15118-2:2014 clause 8.2, ISO 15118-20:2022 clause 8.2 (V2G2-165 ff.): the EV offers with
priorities, 1 first; the SECC takes the first that it knows in the same major version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from charger_sim.iso15118.errors import RemoteProtocolError
from charger_sim.iso15118.v2gtp import Frame, PayloadType
from pki.exi import Document, ExiError, decode, encode

_NAMESPACE: Final = "urn:iso:15118:2:2010:AppProtocol"
_TABLE: Final = "app_protocol"
NEGOTIATED: Final = "OK_SuccessfulNegotiation"
MINOR_DEVIATION: Final = "OK_SuccessfulNegotiationWithMinorDeviation"
FAILED: Final = "Failed_NoNegotiation"


class Protocol(StrEnum):
    """Namespaces of the editions."""

    DIN_70121 = "urn:din:70121:2012:MsgDef"
    ISO_2 = "urn:iso:15118:2:2013:MsgDef"
    ISO_20_AC = "urn:iso:std:iso:15118:-20:AC"
    ISO_20_DC = "urn:iso:std:iso:15118:-20:DC"


VERSION: Final = MappingProxyType(
    {
        Protocol.DIN_70121: (2, 0),
        Protocol.ISO_2: (2, 0),
        Protocol.ISO_20_AC: (1, 0),
        Protocol.ISO_20_DC: (1, 0),
    }
)
"""(major, minor)"""


@dataclass(frozen=True, slots=True)
class Offer:
    """One AppProtocol of the EV's list."""

    namespace: str
    major: int
    minor: int
    schema_id: int
    priority: int


@dataclass(frozen=True, slots=True)
class Choice:
    """The SECC's answer; protocol and schema_id None where nothing fits."""

    response_code: str
    schema_id: int | None = None
    protocol: Protocol | None = None


def offers(protocols: Sequence[Protocol]) -> tuple[Offer, ...]:
    """An EV's list, the best first."""
    return tuple(
        Offer(protocol.value, *VERSION[protocol], schema_id=n, priority=n)
        for n, protocol in enumerate(protocols, start=1)
    )


def choose(offered: Iterable[Offer], supported: Iterable[Protocol]) -> Choice:
    """The offer of the highest priority that is supported in the same major version."""
    known: Mapping[str, Protocol] = {protocol.value: protocol for protocol in supported}
    for offer in sorted(offered, key=lambda each: each.priority):
        protocol = known.get(offer.namespace)
        if protocol is None or VERSION[protocol][0] != offer.major:
            continue
        exact = VERSION[protocol][1] == offer.minor
        return Choice(NEGOTIATED if exact else MINOR_DEVIATION, offer.schema_id, protocol)
    return Choice(FAILED)


def request_frame(offered: Sequence[Offer]) -> Frame:
    """The first frame of a session."""
    entries = [
        {
            "ProtocolNamespace": each.namespace,
            "VersionNumberMajor": each.major,
            "VersionNumberMinor": each.minor,
            "SchemaID": each.schema_id,
            "Priority": each.priority,
        }
        for each in offered
    ]
    return _frame("supportedAppProtocolReq", {"AppProtocol": entries})


def response_frame(choice: Choice) -> Frame:
    """The SECC's answer."""
    value: dict[str, Any] = {"ResponseCode": choice.response_code}
    if choice.schema_id is not None:
        value["SchemaID"] = choice.schema_id
    return _frame("supportedAppProtocolRes", value)


def read_request(frame: Frame) -> tuple[Offer, ...]:
    """Raises RemoteProtocolError."""
    value = _read(frame, "supportedAppProtocolReq")
    return tuple(
        Offer(
            each["ProtocolNamespace"],
            each["VersionNumberMajor"],
            each["VersionNumberMinor"],
            each["SchemaID"],
            each["Priority"],
        )
        for each in value["AppProtocol"]
    )


def read_response(frame: Frame, offered: Sequence[Offer]) -> Choice:
    """Raises RemoteProtocolError, also for a schema that was not offered."""
    value = _read(frame, "supportedAppProtocolRes")
    code = value["ResponseCode"]
    if code == FAILED:
        return Choice(code)
    schema_id = value.get("SchemaID")
    for each in offered:
        if each.schema_id == schema_id:
            return Choice(code, schema_id, Protocol(each.namespace))
    raise RemoteProtocolError(f"SchemaID {schema_id} was not offered")


def _frame(name: str, value: dict[str, Any]) -> Frame:
    return Frame(PayloadType.EXI, encode(Document(_NAMESPACE, name, value), _TABLE))


def _read(frame: Frame, name: str) -> dict[str, Any]:
    if frame.payload_type != PayloadType.EXI:
        raise RemoteProtocolError(f"payload type {frame.payload_type:#06x} before negotiation")
    try:
        document = decode(frame.payload, _TABLE, strict=True)
    except ExiError as error:
        raise RemoteProtocolError(f"supportedAppProtocol: {error}") from error
    if (document.namespace, document.name) != (_NAMESPACE, name):
        raise RemoteProtocolError(f"{document.name}, expected {name}")
    value: dict[str, Any] = document.value
    return value
