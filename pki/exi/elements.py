"""Codecs of elements that hold text only: event code, CHARACTERS, value, END ELEMENT in one step."""

from __future__ import annotations

from typing import Any, Protocol

from pki.exi.bits import BitReader, BitWriter
from pki.exi.datatypes import Datatype, read_string, write_string
from pki.exi.errors import ExiDeviationError
from pki.exi.fused import (
    ReadElement,
    WriteElement,
    after_start,
    read_indexed,
    read_integer,
    write_indexed,
)
from pki.exi.partitions import Owner
from pki.exi.values import InvalidText, NoOctets, NoText, Typed

LEFT_OUT = (NoText, NoOctets)
UNTYPED_TEXT = 6
"""Among the undeclared events of an element that has yet no text."""
ESCAPE = object()
"""What a forced reader returns, without moving, for any event but the element it expects."""


def read_invalid(reader: BitReader, owner: Owner) -> InvalidText:
    """After untyped text the value may yet come, so that the end is one more undeclared event."""
    text = read_string(reader, owner)
    if reader.bits(3) != 0b100:
        raise ExiDeviationError("undeclared content after text", bit_offset=reader.pos)
    return InvalidText(text)


def write_invalid(writer: BitWriter, text: InvalidText, owner: Owner) -> None:
    write_string(writer, text, owner)
    writer.bits(0b100, 3)


class ElementCodec(Protocol):
    """Codes the content of an element, up to its END ELEMENT.

    `write` first writes the event code that opens the element: `code` in `width` bits.
    """

    def read(self, reader: BitReader, depth: int) -> Any: ...

    def write(self, writer: BitWriter, code: int, width: int, value: Any, depth: int) -> None: ...


class TypeSwitch(Protocol):
    """Follows xsi:type, which the stream names by an undeclared (second-level) event."""

    def read_undeclared(self, reader: BitReader, event: int, depth: int) -> Typed:
        """`event`: 0 for END ELEMENT, 1 for xsi:type, ..."""

    def write_typed(
        self, writer: BitWriter, escape: int, width: int, ends: bool, value: Typed, depth: int
    ) -> None: ...


class SimpleElement:
    """An element of simple type."""

    __slots__ = ("_datatype", "_switch", "read", "write")

    def __init__(self, datatype: Datatype, switch: TypeSwitch) -> None:
        self._datatype = datatype
        self._switch = switch
        self.read: ReadElement = self._fused(0, self._read)
        self.write: WriteElement = self._write
        if datatype.width is not None:
            self.write = write_indexed(datatype.width, datatype.literals, self._write)

    def read_forced(self) -> ReadElement:
        """A reader for where only this element may start; see `forced`."""
        return self._fused(1, after_start(self.read, ESCAPE))

    def _fused(self, lead: int, slow: ReadElement) -> ReadElement:
        datatype = self._datatype
        if datatype.width is not None:
            return read_indexed(datatype.width, datatype.literals, lead, slow)
        if datatype.signed is not None:
            return read_integer(datatype.signed, lead, slow)
        return slow

    def _read(self, reader: BitReader, depth: int) -> Any:
        if reader.bits(1):
            event = reader.bits(3)
            if event == 0 and self._datatype.left_out is not None:
                return self._datatype.left_out
            if event == 0 and not reader.strict:
                return NoText()
            if event == UNTYPED_TEXT and not reader.strict:
                return read_invalid(reader, None)
            return self._switch.read_undeclared(reader, event, depth)
        value = self._datatype.read(reader)
        if reader.bits(1):
            raise ExiDeviationError("undeclared content after text", bit_offset=reader.pos)
        return value

    def _write(self, writer: BitWriter, code: int, width: int, value: Any, depth: int) -> None:
        writer.bits(code, width)
        if isinstance(value, InvalidText):
            writer.bits(0b1000 | UNTYPED_TEXT, 4)
            write_invalid(writer, value, None)
            return
        if isinstance(value, Typed):
            self._switch.write_typed(writer, 1, 1, False, value, depth)
            return
        if isinstance(value, LEFT_OUT):
            writer.bits(0b1000, 4)
            return
        writer.bits(0, 1)
        self._datatype.write(writer, value)
        writer.bits(0, 1)


class ValueCodec:
    """A value alone: of an attribute, or of the text beside attributes."""

    __slots__ = ("_datatype", "left_out")

    def __init__(self, datatype: Datatype) -> None:
        self._datatype = datatype
        self.left_out = datatype.left_out

    def read(self, reader: BitReader, depth: int) -> Any:  # noqa: ARG002 - the port's signature
        return self._datatype.read(reader)

    def write(self, writer: BitWriter, code: int, width: int, value: Any, depth: int) -> None:  # noqa: ARG002
        writer.bits(code, width)
        self._datatype.write(writer, value)


def forced(codec: ElementCodec) -> ReadElement:
    """A reader for where only this element may start: it takes START ELEMENT too, or `ESCAPE`."""
    if isinstance(codec, SimpleElement):
        return codec.read_forced()
    return after_start(codec.read, ESCAPE)
