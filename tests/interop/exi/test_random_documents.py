"""Agreement with EXIficient on random documents made from the XSD files, without the tables."""

from __future__ import annotations

import base64
import random
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pki.exi import (
    Document,
    Limits,
    Typed,
    Untyped,
    decode,
    decode_fragment,
    encode,
    encode_fragment,
)
from tests.interop.exi.reference import Exificient, start_exificient
from tests.interop.exi.xml_documents import XmlDocuments
from tests.property.exi.generate import MESSAGE_TABLES

LIMITS = Limits(max_bytes=10_000_000, max_depth=64)
"""Documents full of 8000 octets are larger than any message."""


@pytest.fixture(scope="module")
def exificient() -> Iterator[Exificient]:
    with start_exificient() as oracle:
        yield oracle


def _texts(value: Any) -> Iterator[str]:
    """All texts of a value as XML writes them, attributes too; octets in both of their forms."""
    match value:
        case dict():
            for item in value.values():
                yield from _texts(item)
        case list():
            for item in value:
                yield from _texts(item)
        case (_, item):
            yield from _texts(item)
        case Document() | Typed():
            yield from _texts(value.value)
        case Untyped():
            yield from (text for _, text in value.attributes)
            yield from _texts(list(value.content))
        case bytes():
            yield value.hex().upper()
            yield base64.b64encode(value).decode()
        case bool():
            yield str(value).lower()
        case _:
            yield str(value)


def _xml_texts(element: ET.Element) -> Iterator[str]:
    for each in element.iter():
        yield from each.attrib.values()
        yield from filter(None, [each.text])


@pytest.mark.oracle
@pytest.mark.parametrize("table", MESSAGE_TABLES)
@pytest.mark.parametrize("turns", [1, pytest.param(25, marks=pytest.mark.long)])
def test_random_documents_agree(exificient: Exificient, table: str, turns: int) -> None:
    documents = XmlDocuments(exificient.xsd(table), random.Random(f"{table} {turns}"))
    for _ in range(turns):
        for name in documents.elements():
            root = documents.document(name)
            xml = ET.tostring(root, encoding="unicode")
            exi = bytes.fromhex(exificient.ask(table, "document", "exi", xml))
            document = decode(exi, table, limits=LIMITS)
            assert f"{{{document.namespace}}}{document.name}" == name
            assert encode(document, table) == exi, xml
            assert set(_xml_texts(root)) <= set(_texts(document.value)), xml
            tabled = bytes.fromhex(exificient.ask(table, "document", "tabled", exi.hex()))
            found = decode(tabled, table, limits=LIMITS)
            assert found.value == document.value
            assert encode(found, table) == tabled, xml
            fragment = bytes.fromhex(exificient.ask(table, "fragment", "exi", xml))
            element = decode_fragment(fragment, table, limits=LIMITS)
            assert element.value == document.value
            assert encode_fragment(element, table) == fragment, xml


def _of_messages(element: ET.Element) -> bool:
    """Not of a signature or a wildcard, whose content is open."""
    return "xmldsig" not in element.tag and "urn:other" not in element.tag


def _drop_the_last(root: ET.Element, rng: random.Random) -> None:
    parents = [each for each in root.iter() if len(each) and _of_messages(each)]
    if parents:
        parent = rng.choice(parents)
        parent.remove(parent[-1])


def _replace_a_text(root: ET.Element, rng: random.Random) -> None:
    leaves = [each for each in root.iter() if each.text and not len(each) and _of_messages(each)]
    if leaves:
        rng.choice(leaves).text = rng.choice(("zz", "300", "-77", "1.5", ""))


@pytest.mark.oracle
@pytest.mark.parametrize("table", MESSAGE_TABLES)
@pytest.mark.parametrize("fault", [_drop_the_last, _replace_a_text])
def test_random_faults_agree(
    exificient: Exificient, table: str, fault: Callable[[ET.Element, random.Random], None]
) -> None:
    """What EXIficient makes of values that do not fit, and of records that end early."""
    rng = random.Random(f"{table} {fault.__name__}")
    documents = XmlDocuments(exificient.xsd(table), rng)
    for name in documents.elements():
        root = documents.document(name)
        fault(root, rng)
        xml = ET.tostring(root, encoding="unicode")
        exi = bytes.fromhex(exificient.ask(table, "document", "exi", xml))
        assert encode(decode(exi, table, limits=LIMITS), table) == exi, xml
