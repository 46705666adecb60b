"""Documents of the largest size that aim at time, memory or the stack: bounded, and survive."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from pki.exi import (
    DEFAULT_LIMITS,
    Document,
    ExiEncodeError,
    ExiLimitError,
    Typed,
    Untyped,
    decode,
    decode_fragment,
    encode,
    encode_fragment,
)
from pki.exi.values import ANY_TYPE

BODY = "urn:iso:15118:2:2013:MsgBody"
TYPES = "urn:iso:15118:2:2013:MsgDataTypes"
DIN_TYPES = "urn:din:70121:2012:MsgDataTypes"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
STOP = "SessionStopReqType"
OCTETS_PER_OCTET = 400
"""Python's memory for a value, for each octet of a stream; a dict per few bits is the worst."""


def _object(*content: Any) -> Document:
    return Document(DSIG, "Object", {"#content": list(content)})


def _unknown(name: str, uri: str = "urn:x") -> Document:
    return Document(uri, name, Typed(*ANY_TYPE, Untyped()))


def _din_schedule(entries: int) -> Document:
    entry = {"RelativeTimeInterval": {"start": 0}, "PMax": 1}
    schedule = {"PMaxScheduleID": 1, "PMaxScheduleEntry": [entry] * entries}
    tuples = [{"SAScheduleTupleID": 1, "PMaxSchedule": schedule}]
    return Document(DIN_TYPES, "SAScheduleList", {"SAScheduleTuple": tuples})


def _session_setup(evse_id: str) -> Document:
    return Document(BODY, "SessionSetupRes", {"ResponseCode": "OK", "EVSEID": evse_id})


LARGE = {
    "names": (_object(*(_unknown(f"{n:x}") for n in range(4_200))), "xmldsig"),
    "namespaces": (_object(*(_unknown("a", f"{n:x}") for n in range(4_200))), "xmldsig"),
    "one name": (_object(*(_unknown("a") for _ in range(10_500))), "xmldsig"),
    "attributes": (
        _object(
            Document(
                "u",
                "e",
                Typed(*ANY_TYPE, Untyped(tuple((("u", f"{n:x}"), "") for n in range(8_000)))),
            )
        ),
        "xmldsig",
    ),
    "texts": (_object(*["a"] * 29_000), "xmldsig"),
    "list without end": (_din_schedule(17_000), "din_70121"),
    "long text": (_session_setup("e" * 65_000), "iso15118_2"),
    "long text of two octets each": (_session_setup("é" * 32_500), "iso15118_2"),
    "octets": (Document(BODY, "SessionSetupReq", {"EVCCID": bytes(65_000)}), "iso15118_2"),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_documents_survive_in_bounded_memory(name: str) -> None:
    document, table = LARGE[name]
    exi = encode(document, table)
    assert 0.5 * DEFAULT_LIMITS.max_bytes < len(exi) <= DEFAULT_LIMITS.max_bytes
    tracemalloc.start()
    try:
        found = decode(exi, table)
        assert encode(found, table) == exi
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == document
    assert peak < OCTETS_PER_OCTET * len(exi)


def test_relaxed_elements_inside_of_each_other() -> None:
    inner = Document(BODY, "eMAID", {"#text": "x"})
    document = Document(BODY, "eMAID", {"#content": [inner] * 12_000})
    exi = encode_fragment(document, "iso15118_2")
    assert encode_fragment(decode_fragment(exi, "iso15118_2"), "iso15118_2") == exi


def _named_again(times: int) -> Document:
    """A type that names a type, and so on; no element is inside of another."""
    value: Any = {"ChargingSession": "Pause"}
    for _ in range(times):
        value = Typed(BODY, STOP, value)
    return Document(BODY, "SessionStopReq", value)


def test_types_that_name_types_are_bounded() -> None:
    document = _named_again(20)
    exi = encode(document, "iso15118_2")
    assert decode(exi, "iso15118_2") == document
    with pytest.raises(ExiEncodeError, match="deeper than 32 elements"):
        encode(_named_again(40), "iso15118_2")
    hostile = exi[:2] + exi[2:25] * 2_600  # 23 bits a time, so that 23 octets repeat
    with pytest.raises(ExiLimitError, match="deeper than 32 elements"):
        decode(hostile, "iso15118_2")
