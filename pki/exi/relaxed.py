"""The relaxed grammar of a fragment's element whose declarations differ in type.

ISO 15118-2 declares eMAID both as plain text and with an Id, so that its signed form is coded so.
All attributes and elements of the schema may occur; text is untyped.

Source: W3C EXI 1.0, section 8.5.3 (schema-informed element fragment grammar).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pki.exi.bits import BitReader, BitWriter
from pki.exi.datatypes import read_string, write_string
from pki.exi.errors import ExiDeviationError, ExiEncodeError, ExiLimitError
from pki.exi.model import ComplexType
from pki.exi.values import Document, QName

if TYPE_CHECKING:
    from pki.exi.schema import Schema


class RelaxedElement:
    """Codes {"@name": attribute, "#text": text} or, with children, a "#content" of Documents."""

    __slots__ = ("_name", "_schema")

    def __init__(self, schema: Schema, name: QName) -> None:
        self._schema = schema
        self._name = name

    def read(self, reader: BitReader, depth: int) -> Any:
        if depth > reader.limits.max_depth:
            raise ExiLimitError(f"deeper than {depth - 1} elements", bit_offset=reader.pos)
        attributes = self._schema.attributes
        keys = self._attribute_keys()
        value: dict[str, Any] = {}
        content: list[str | Document] = []
        offset = len(attributes) + 1
        last = offset + self._elements() + 2  # AT, AT(*), SE, SE(*), EE, CH; then the escape
        event = reader.bits((last + 1).bit_length())
        while event < len(attributes):
            name, codec = attributes[event]
            value[keys[name]] = codec.read(reader, depth)
            event = reader.bits((last + 1).bit_length())
        event -= offset
        while event != self._elements() + 1:
            content.append(self._child(reader, event, depth))
            event = reader.bits((last + 1 - offset).bit_length())
        if len(content) == 1 and isinstance(content[0], str):
            value["#text"] = content[0]
        elif content:
            value["#content"] = content
        return value

    def _child(self, reader: BitReader, event: int, depth: int) -> str | Document:
        count = self._elements()
        if 0 <= event < count:
            name, codec = self._schema.fragments[event]
            return Document(*name, codec.read(reader, depth + 1))
        if event == count:
            return self._schema.read_wildcard(reader, depth + 1)
        if event == count + 2:
            return read_string(reader, self._name)
        raise ExiDeviationError("undeclared event in a fragment", bit_offset=reader.pos)

    def write(self, writer: BitWriter, code: int, width: int, value: Any, depth: int) -> None:
        if depth > writer.max_depth:
            raise ExiEncodeError(f"deeper than {depth - 1} elements")
        writer.bits(code, width)
        fields = {"#text": value} if isinstance(value, str) else value
        if not isinstance(fields, dict):
            raise ExiEncodeError(f"expected a dict or a str, got {value!r}")
        keys = self._attribute_keys()
        attributes = self._schema.attributes
        offset = len(attributes) + 1
        last = offset + self._elements() + 2
        event_width = (last + 1).bit_length()
        known = {"#text", "#content"}
        for index, (name, codec) in enumerate(attributes):
            known.add(keys[name])
            if fields.get(keys[name]) is not None:
                codec.write(writer, index, event_width, fields[keys[name]], depth)
        if unknown := [k for k in fields if k not in known]:
            raise ExiEncodeError(f"unknown {unknown}: a relaxed element has attributes and text")
        text = fields.get("#text")
        for item in [text] if text is not None else fields.get("#content", ()):
            self._write_child(writer, item, offset, event_width, depth)
            offset, event_width = 0, (self._elements() + 3).bit_length()
        writer.bits(offset + self._elements() + 1, event_width)

    def _write_child(
        self, writer: BitWriter, item: str | Document, offset: int, width: int, depth: int
    ) -> None:
        count = self._elements()
        if isinstance(item, str):
            writer.bits(offset + count + 2, width)
            write_string(writer, item, self._name)
            return
        event = self._schema.fragments.code(item.namespace, item.name)
        if event is None:
            writer.bits(offset + count, width)
            self._schema.write_wildcard(writer, item, depth + 1)
        else:
            _, codec = self._schema.fragments[event]
            codec.write(writer, offset + event, width, item.value, depth + 1)

    def _elements(self) -> int:
        return len(self._schema.fragments)

    def _attribute_keys(self) -> dict[QName, str]:
        """ "@Id" for the attribute that the element declares, "@{namespace}Id" for the others."""
        own = {
            attribute.name
            for ref in self._schema.types_of(self._name)
            if isinstance(type_ := self._schema.type(ref), ComplexType)
            for attribute in type_.attributes
        }
        return {
            name: f"@{name[1]}" if name in own else f"@{{{name[0]}}}{name[1]}"
            for name, _ in self._schema.attributes
        }
