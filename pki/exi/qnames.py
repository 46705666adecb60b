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

    `met` are the undeclared elements so far: the built-in grammar of each has learned one event.
    """

    __slots__ = ("_locals", "_uris", "met")

    def __init__(self, local_names: dict[str, list[str]]) -> None:
        self._locals = local_names
        self._uris = list(local_names)
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
        return StringTable({uri: list(names) for uri, names in self._locals.items()})

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
        names = self._locals[uri]
        length = reader.unsigned()
        if length:
            local = reader.characters(length - 1)
            names.append(local)
            return uri, local
        index = reader.bits(_bits_for(len(names)))
        if index >= len(names):
            raise ExiDecodeError(f"local name {index} of {len(names)}", bit_offset=reader.pos)
        return uri, names[index]

    def write(self, writer: BitWriter, name: QName) -> None:
        """Write a qualified name; one that is new joins the table."""
        uri, local = name
        width = len(self._uris).bit_length()
        if uri in self._locals:
            writer.bits(self._uris.index(uri) + 1, width)
        else:
            writer.bits(0, width)
            writer.unsigned(len(uri))
            writer.characters(uri)
            self._add_uri(uri)
        names = self._locals[uri]
        if local in names:
            writer.unsigned(0)
            writer.bits(names.index(local), _bits_for(len(names)))
        else:
            writer.unsigned(len(local) + 1)
            writer.characters(local)
            names.append(local)

    def _add_uri(self, uri: str) -> None:
        if uri not in self._locals:
            self._uris.append(uri)
            self._locals[uri] = []


def _bits_for(count: int) -> int:
    return (count - 1).bit_length() if count else 0
