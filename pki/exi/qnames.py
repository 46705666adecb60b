"""The string table of qualified names: what undeclared elements, attributes and xsi:type refer to.

Source: W3C EXI 1.0, sections 7.1.7 and 7.3, appendix D.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pki.exi.bits import BitReader, BitWriter
from pki.exi.errors import ExiDecodeError
from pki.exi.values import XSD_NAMESPACE, XSI_NAMESPACE, QName

_XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
# fmt: off
_XSD_TYPES = [
    "ENTITIES", "ENTITY", "ID", "IDREF", "IDREFS", "NCName", "NMTOKEN", "NMTOKENS", "NOTATION",
    "Name", "QName", "anySimpleType", "anyType", "anyURI", "base64Binary", "boolean", "byte",
    "date", "dateTime", "decimal", "double", "duration", "float", "gDay", "gMonth", "gMonthDay",
    "gYear", "gYearMonth", "hexBinary", "int", "integer", "language", "long", "negativeInteger",
    "nonNegativeInteger", "nonPositiveInteger", "normalizedString", "positiveInteger", "short",
    "string", "time", "token", "unsignedByte", "unsignedInt", "unsignedLong", "unsignedShort",
]
# fmt: on
_BASE: dict[str, list[str]] = {
    "": [],
    _XML_NAMESPACE: ["base", "id", "lang", "space"],
    XSI_NAMESPACE: ["nil", "type"],
    XSD_NAMESPACE: _XSD_TYPES,
}


class StringTable:
    """Namespaces and local names, as they stand at one point of one stream.

    The numbers are kept beside the lists, so that the time to write a stream stays linear.
    `met` are the undeclared elements so far: the built-in grammar of each has learned one event.
    """

    __slots__ = ("_names", "_numbers", "_uri_numbers", "_uris", "met")

    def __init__(self, local_names: Mapping[str, Iterable[str]]) -> None:
        self._uris: list[str] = []
        self._uri_numbers: dict[str, int] = {}
        self._names: dict[str, list[str]] = {}
        self._numbers: dict[str, dict[str, int]] = {}
        for uri, names in local_names.items():
            self._add_uri(uri)
            for name in names:
                self._add_name(uri, name)
        self.met: set[QName] = set()

    @classmethod
    def of_schema(cls, declared: Mapping[str, Iterable[str]]) -> StringTable:
        """The table at the start; `declared`: local names of elements, attributes and types."""
        names = {uri: list(locals_) for uri, locals_ in _BASE.items()}
        for uri in sorted(declared):
            names[uri] = sorted(set(names.get(uri, ())).union(declared[uri]))
        return cls(names)

    def copy(self) -> StringTable:
        """A table that one stream may extend."""
        return StringTable(self._names)

    def read(self, reader: BitReader) -> QName:
        """Read a qualified name; one that is new joins the table."""
        index = reader.bits(len(self._uris).bit_length())
        if index == 0:
            uri = reader.characters(reader.unsigned())
            self._add_uri(uri)
        elif index <= len(self._uris):
            uri = self._uris[index - 1]
        else:
            raise ExiDecodeError(
                f"namespace {index - 1} of {len(self._uris)}", bit_offset=reader.pos
            )
        names = self._names[uri]
        length = reader.unsigned()
        if length:
            local = reader.characters(length - 1)
            self._add_name(uri, local)
            return uri, local
        index = reader.bits(_bits_for(len(names)))
        if index >= len(names):
            raise ExiDecodeError(f"local name {index} of {len(names)}", bit_offset=reader.pos)
        return uri, names[index]

    def write(self, writer: BitWriter, name: QName) -> None:
        """Write a qualified name; one that is new joins the table."""
        uri, local = name
        width = len(self._uris).bit_length()
        if uri in self._uri_numbers:
            writer.bits(self._uri_numbers[uri] + 1, width)
        else:
            writer.bits(0, width)
            writer.unsigned(len(uri))
            writer.characters(uri)
            self._add_uri(uri)
        number = self._numbers[uri].get(local)
        if number is not None:
            writer.unsigned(0)
            writer.bits(number, _bits_for(len(self._names[uri])))
        else:
            writer.unsigned(len(local) + 1)
            writer.characters(local)
            self._add_name(uri, local)

    def _add_uri(self, uri: str) -> None:
        if uri not in self._uri_numbers:
            self._uri_numbers[uri] = len(self._uris)
            self._uris.append(uri)
            self._names[uri] = []
            self._numbers[uri] = {}

    def _add_name(self, uri: str, local: str) -> None:
        self._numbers[uri].setdefault(local, len(self._names[uri]))
        self._names[uri].append(local)


def _bits_for(count: int) -> int:
    return (count - 1).bit_length() if count else 0
