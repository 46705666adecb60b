"""xsd:anyType, the type that fits everything: W3C EXI 1.0, section 8.5.4.1.3.3.

In the first state come attributes, children, the end or text; after the attributes children, the
end or text. An undeclared element, which the profile of ISO 15118 marks with this type, is so
coded without a grammar that the stream would have to build.
"""

from __future__ import annotations

from typing import Any, Protocol

from pki.exi.bits import BitReader, BitWriter
from pki.exi.datatypes import read_string, write_string
from pki.exi.errors import ExiDeviationError, ExiEncodeError, ExiLimitError
from pki.exi.partitions import Owner
from pki.exi.values import Document, QName, Untyped


class Wildcards(Protocol):
    def read_name(self, reader: BitReader) -> QName: ...

    def write_name(self, writer: BitWriter, name: QName) -> None: ...

    def read_wildcard(self, reader: BitReader, depth: int) -> Document: ...

    def write_wildcard(self, writer: BitWriter, document: Document, depth: int) -> None: ...


class AnyTypeElement:
    """Codes `Untyped` values."""

    __slots__ = ("_owner", "_wildcards")

    def __init__(self, wildcards: Wildcards, owner: Owner) -> None:
        self._wildcards = wildcards
        self._owner = owner

    def read(self, reader: BitReader, depth: int) -> Untyped:
        if depth > reader.limits.max_depth:
            raise ExiLimitError(f"deeper than {depth - 1} elements", bit_offset=reader.pos)
        attributes: list[tuple[QName, str]] = []
        content: list[str | Document] = []
        event = reader.bits(3)
        while event == 0:
            name = self._wildcards.read_name(reader)
            attributes.append((name, read_string(reader, name)))
            event = reader.bits(3)
        event -= 1
        while event != 1:
            if event == 0:
                content.append(self._wildcards.read_wildcard(reader, depth + 1))
            elif event == 2:
                content.append(read_string(reader, self._owner))
            else:
                raise ExiDeviationError("undeclared event in anyType", bit_offset=reader.pos)
            event = reader.bits(2)
        return Untyped(tuple(attributes), tuple(content))

    def write(self, writer: BitWriter, code: int, width: int, value: Any, depth: int) -> None:
        if not isinstance(value, Untyped):
            raise ExiEncodeError(f"expected Untyped, got {value!r}")
        if depth > writer.max_depth:
            raise ExiEncodeError(f"deeper than {depth - 1} elements")
        writer.bits(code, width)
        for name, text in value.attributes:
            writer.bits(0, 3)
            self._wildcards.write_name(writer, name)
            write_string(writer, text, name)
        first, event_width = 1, 3
        for item in value.content:
            if isinstance(item, Document):
                writer.bits(first, event_width)
                self._wildcards.write_wildcard(writer, item, depth + 1)
            else:
                writer.bits(first + 2, event_width)
                write_string(writer, item, self._owner)
            first, event_width = 0, 2
        writer.bits(first + 1, event_width)
