"""Agreement with EXIficient, the reference implementation, on every element of every table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pki.exi import Document, decode, decode_fragment, encode, encode_fragment
from pki.exi.content import declared_elements
from pki.exi.model import ComplexType
from pki.exi.tables import load_table
from pki.exi.values import ANY_TYPE, NoOctets, NoText, QName, Typed, Untyped
from tests.interop.exi.reference import Exificient, start_exificient
from tests.property.exi.generate import MESSAGE_TABLES, Choices, Generator, Maximal, Minimal
from tests.unit.exi.test_deviations import CASES


@pytest.fixture(scope="module")
def exificient() -> Iterator[Exificient]:
    with start_exificient() as oracle:
        yield oracle


class Least(Minimal):
    """EXIficient leaves empty values out; see test_empty_values_agree_bit_for_bit."""

    def octets(self, low: int, high: int) -> bytes:
        return super().octets(max(low, 1), high)

    def text(self, low: int, high: int) -> str:
        return super().text(max(low, 1), high)


def _documents(table: str, turns: int) -> Iterator[Document]:
    """Per global element one minimal document, and maximal ones, each with other choices."""
    components = load_table(table)
    for name in components.elements:
        seen: list[Document] = []
        for choices in (Least(), *(Maximal(turn) for turn in range(turns))):
            document = Generator(components, choices).document(name)
            if document not in seen:
                seen.append(document)
                yield document


@pytest.mark.oracle
@pytest.mark.parametrize("table", MESSAGE_TABLES)
@pytest.mark.parametrize("turns", [1, pytest.param(8, marks=pytest.mark.long)])
def test_documents_agree_bit_for_bit(exificient: Exificient, table: str, turns: int) -> None:
    for document in _documents(table, turns):
        exi = encode(document, table)
        assert exificient.roundtrip(table, "document", exi) == exi, document
        assert decode(exi, table) == document


@pytest.mark.oracle
@pytest.mark.parametrize("table", MESSAGE_TABLES)
@pytest.mark.parametrize("choices", [Least(), pytest.param(Maximal(), marks=pytest.mark.long)])
def test_fragments_agree_bit_for_bit(exificient: Exificient, table: str, choices: Choices) -> None:
    components = load_table(table)
    for name, types in declared_elements(components).items():
        if len(types) > 1:
            continue
        document = Document(*name, Generator(components, choices).value(next(iter(types))))
        exi = encode_fragment(document, table)
        assert exificient.roundtrip(table, "fragment", exi) == exi, document
        assert decode_fragment(exi, table) == document


@pytest.mark.oracle
@pytest.mark.parametrize("table", MESSAGE_TABLES)
@pytest.mark.parametrize("turns", [1, pytest.param(8, marks=pytest.mark.long)])
def test_indices_into_the_string_table(exificient: Exificient, table: str, turns: int) -> None:
    """EXIficient with its defaults: what it repeats by index is read, and written alike."""
    for document in _documents(table, turns):
        plain = encode(document, table)
        exi = bytes.fromhex(exificient.ask(table, "document", "tabled", plain.hex()))
        found = decode(exi, table)
        assert found == document
        assert encode(found, table) == exi, document


def _relaxed(table: str) -> Iterator[tuple[QName, dict[str, str]]]:
    components = load_table(table)
    for name, types in declared_elements(components).items():
        if len(types) > 1:
            attributes: dict[str, str] = {}
            for ref in types:
                type_ = components.types.get(ref) if isinstance(ref, tuple) else ref
                if isinstance(type_, ComplexType):
                    attributes |= {f"@{a.name[1]}": "id1" for a in type_.attributes}
            yield name, attributes


@pytest.mark.oracle
@pytest.mark.parametrize("table", MESSAGE_TABLES)
def test_relaxed_fragments_agree_bit_for_bit(exificient: Exificient, table: str) -> None:
    for name, attributes in _relaxed(table):
        for value in ({"#text": "text"}, attributes, attributes | {"#text": "DE8AA1A2B3C4D59"}):
            exi = encode_fragment(Document(*name, value), table)
            assert exificient.roundtrip(table, "fragment", exi) == exi, (name, value)
            assert decode_fragment(exi, table) == Document(*name, value)


@pytest.mark.oracle
def test_explicit_types_agree_bit_for_bit(exificient: Exificient) -> None:
    body = "urn:iso:15118:2:2013:MsgBody"
    types = "urn:iso:15118:2:2013:MsgDataTypes"
    session_stop = Typed(body, "SessionStopReqType", {"ChargingSession": "Pause"})
    status = {"EVReady": True, "EVErrorCode": "NO_ERROR", "EVRESSSOC": 7}
    values = [
        Document(body, "BodyElement", session_stop),
        Document(body, "SessionStopReq", session_stop),
        Document(body, "SessionStopReq", {"ChargingSession": Typed(types, "serviceNameType", "x")}),
        Document(body, "SessionStopReq", Typed(*ANY_TYPE, Untyped((), ("text",)))),
        Document(body, "CableCheckReq", {"DC_EVStatus": Typed(types, "DC_EVStatusType", status)}),
        Document("urn:other", "Unknown", Typed(body, "SessionStopReqType", session_stop.value)),
    ]
    for document in values:
        exi = encode(document, "iso15118_2")
        assert decode(exi, "iso15118_2") == document
        assert exificient.roundtrip("iso15118_2", "document", exi) == exi, document


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES)
def test_deviations_agree_bit_for_bit(exificient: Exificient, case: str) -> None:
    _, _, exi, _ = CASES[case]
    assert exificient.ask("iso15118_2", "document", "roundtrip", exi) == exi


@pytest.mark.oracle
def test_empty_values_agree_bit_for_bit(exificient: Exificient) -> None:
    """EXIficient codes no characters by an undeclared END ELEMENT, other stacks code "" or b""."""
    body = "urn:iso:15118:2:2013:MsgBody"
    setup = {"ResponseCode": "OK", "EVSEID": NoText()}
    key = {"@Id": "id1", "#text": NoOctets()}
    for document in (
        Document(body, "SessionSetupRes", setup),
        Document(body, "SessionSetupReq", {"EVCCID": NoOctets()}),
    ):
        exi = encode(document, "iso15118_2")
        assert exificient.roundtrip("iso15118_2", "document", exi) == exi
        assert encode(decode(exi, "iso15118_2"), "iso15118_2") == exi
    fragment = Document(body, "ContractSignatureEncryptedPrivateKey", key)
    exi = encode_fragment(fragment, "iso15118_2")
    assert exificient.roundtrip("iso15118_2", "fragment", exi) == exi
    assert encode_fragment(decode_fragment(exi, "iso15118_2"), "iso15118_2") == exi
    present = encode(Document(body, "SessionSetupReq", {"EVCCID": b""}), "iso15118_2")
    assert decode(present, "iso15118_2").value == {"EVCCID": b""}
    assert encode(decode(present, "iso15118_2"), "iso15118_2") == present
