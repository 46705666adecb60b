"""Codecs of elements that hold text only: event code, CHARACTERS, value, END ELEMENT in one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pki.exi.bits import BitReader, BitWriter
from pki.exi.datatypes import Datatype, literal_code
from pki.exi.errors import ExiDeviationError
from pki.exi.values import NoOctets, NoText, Typed

LEFT_OUT = (NoText, NoOctets)


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
        self.read: Callable[[BitReader, int], Any] = self._read
        self.write: Callable[[BitWriter, int, int, Any, int], None] = self._write
        if datatype.width is not None:
            self.read = _read_indexed(datatype.width, datatype.literals, self._read)
            self.write = _write_indexed(datatype.width, datatype.literals, self._write)
        elif datatype.signed is not None:
            self.read = _read_integer(datatype.signed, self._read)

    def _read(self, reader: BitReader, depth: int) -> Any:
        if reader.bits(1):
            event = reader.bits(3)
            if event == 0 and self._datatype.left_out is not None:
                return self._datatype.left_out
            return self._switch.read_undeclared(reader, event, depth)
        value = self._datatype.read(reader)
        if reader.bits(1):
            raise ExiDeviationError("undeclared content after text", bit_offset=reader.pos)
        return value

    def _write(self, writer: BitWriter, code: int, width: int, value: Any, depth: int) -> None:
        writer.bits(code, width)
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


def _read_indexed(
    width: int, literals: tuple[Any, ...], slow: Callable[[BitReader, int], Any]
) -> Callable[[BitReader, int], Any]:
    total = width + 2
    mask = (1 << total) - 1
    events = (1 << (total - 1)) | 1  # the event codes around the index
    shift = 24 - total

    def read(reader: BitReader, depth: int) -> Any:
        pos = reader.pos
        data = reader.data
        i = pos >> 3
        try:
            x = (data[i] << 16 | data[i + 1] << 8 | data[i + 2]) >> (shift - (pos & 7)) & mask
            if not x & events:
                value = literals[x >> 1]
                reader.pos = pos + total
                return value
        except IndexError:
            pass
        return slow(reader, depth)

    return read


def _read_integer(
    signed: bool, slow: Callable[[BitReader, int], int]
) -> Callable[[BitReader, int], int]:
    """Integers of one or two octets from one 32-bit window; `signed`: a sign bit comes first."""
    shift = 13 if signed else 14

    def read(reader: BitReader, depth: int) -> int:
        pos = reader.pos
        data = reader.data
        i = pos >> 3
        try:
            x = data[i] << 24 | data[i + 1] << 16 | data[i + 2] << 8 | data[i + 3]
        except IndexError:
            return slow(reader, depth)
        # event, [sign], octet, octet or event ..., event
        x >>= shift - (pos & 7)
        negative = 0
        if signed:
            negative = x & 0x20000
            event = x & 0x40000
        else:
            event = x & 0x20000
        if event:
            return slow(reader, depth)
        if not x & 0x10100:
            value = x >> 9 & 127
            reader.pos = pos + 10 + signed
        elif x & 0x10000 and not x & 0x101:
            value = (x >> 9 & 127) | (x << 6 & 0x3F80)
            reader.pos = pos + 18 + signed
        else:
            return slow(reader, depth)
        return ~value if negative else value

    return read


def _write_indexed(
    width: int, literals: tuple[Any, ...], slow: Callable[[BitWriter, int, int, Any, int], None]
) -> Callable[[BitWriter, int, int, Any, int], None]:
    total = width + 2
    codes = {literal: index for index, literal in enumerate(literals)}
    kind = type(literals[0])

    def write(writer: BitWriter, code: int, code_width: int, value: Any, depth: int) -> None:
        if value.__class__ is kind and value in codes:
            index = codes[value]
        elif isinstance(value, Typed):
            return slow(writer, code, code_width, value, depth)
        else:
            index = literal_code(codes, literals, value)
        writer.acc = (writer.acc << code_width | code) << total | index << 1
        writer.n += code_width + total
        return None

    return write
