"""What is encoded decodes to the same value, for any value of any element."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pki.exi import Document, ExiError, decode, decode_fragment, encode, encode_fragment
from pki.exi.content import declared_elements
from pki.exi.tables import load_table
from tests.property.exi.generate import MESSAGE_TABLES, Generator

_TEXT = st.characters(codec="utf-8")


class Drawn:
    """Choices that hypothesis makes."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def number(self, low: int, high: int) -> int:
        return self._data.draw(st.integers(low, high))

    def octets(self, low: int, high: int) -> bytes:
        return self._data.draw(st.binary(min_size=low, max_size=max(low, min(high, 40))))

    def text(self, low: int, high: int) -> str:
        return self._data.draw(st.text(_TEXT, min_size=low, max_size=max(low, min(high, 20))))


@pytest.mark.parametrize("table", MESSAGE_TABLES)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_documents_survive(table: str, data: st.DataObject) -> None:
    components = load_table(table)
    name = data.draw(st.sampled_from(sorted(components.elements)))
    document = Generator(components, Drawn(data)).document(name)
    exi = encode(document, table)
    assert decode(exi, table) == document
    assert encode(decode(exi, table), table) == exi


@pytest.mark.parametrize("table", MESSAGE_TABLES)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_fragments_survive(table: str, data: st.DataObject) -> None:
    components = load_table(table)
    declared = {n: t for n, t in declared_elements(components).items() if len(t) == 1}
    name = data.draw(st.sampled_from(sorted(declared)))
    value = Generator(components, Drawn(data)).value(next(iter(declared[name])))
    document = Document(*name, value)
    assert decode_fragment(encode_fragment(document, table), table) == document


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(MESSAGE_TABLES), st.binary(max_size=60))
def test_what_decodes_encodes_to_the_same_value(table: str, tail: bytes) -> None:
    """Octets that no encoder made: either refused, or a value that survives."""
    try:
        document = decode(b"\x80" + tail, table)
    except ExiError:
        return
    assert decode(encode(document, table), table) == document
