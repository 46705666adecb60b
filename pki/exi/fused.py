"""Readers and writers that take several events in one step, for the speed of the common case.

An element of simple type is CHARACTERS (one bit 0), the value, END ELEMENT (one bit 0). Where a
state allows nothing but that element, its START ELEMENT is one more bit 0 in front (`lead` = 1).
Whatever is not exactly so goes to the slow reader, from the same position.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from pki.exi.bits import BitReader, BitWriter
from pki.exi.datatypes import literal_code
from pki.exi.values import InvalidText, NoText, Typed

ReadElement: TypeAlias = Callable[[BitReader, int], Any]
WriteElement: TypeAlias = Callable[[BitWriter, int, int, Any, int], None]
_BESIDE = (Typed, InvalidText, NoText)
"""What an element may hold beside the values of its type."""


def read_indexed(
    width: int, literals: tuple[Any, ...], lead: int, slow: ReadElement
) -> ReadElement:
    """An index of `width` bits (at most 12) into `literals`."""
    total = lead + width + 2
    mask = (1 << total) - 1
    events = mask ^ (((1 << width) - 1) << 1)
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


def read_integer(signed: bool, lead: int, slow: ReadElement) -> ReadElement:
    """An integer of one or two octets; `signed`: a sign bit comes first."""
    head = lead + 1 + signed
    shift = 32 - head - 17  # two octets and END ELEMENT
    sign = 0x20000 if signed else 0
    events = (1 << (head + 17)) - 0x20000 - sign

    def read(reader: BitReader, depth: int) -> Any:
        pos = reader.pos
        data = reader.data
        i = pos >> 3
        try:
            x = data[i] << 24 | data[i + 1] << 16 | data[i + 2] << 8 | data[i + 3]
        except IndexError:
            return slow(reader, depth)
        x >>= shift - (pos & 7)
        if x & events:
            return slow(reader, depth)
        if not x & 0x10100:  # one octet, END ELEMENT behind it
            value = x >> 9 & 127
            reader.pos = pos + head + 9
        elif x & 0x10000 and not x & 0x101 and x & 0xFE:
            value = (x >> 9 & 127) | (x << 6 & 0x3F80)
            reader.pos = pos + head + 17
        else:
            return slow(reader, depth)
        return ~value if x & sign else value

    return read


def after_start(read_element: ReadElement, escape: object) -> ReadElement:
    """START ELEMENT in one bit, then the element; `escape` if the bit is not 0."""

    def read(reader: BitReader, depth: int) -> Any:
        pos = reader.pos
        if reader.data[pos >> 3] >> (7 - (pos & 7)) & 1:
            return escape
        reader.pos = pos + 1
        return read_element(reader, depth)

    return read


def write_indexed(width: int, literals: tuple[Any, ...], slow: WriteElement) -> WriteElement:
    """The index of a literal, with the event code before it."""
    total = width + 2
    codes = {literal: index for index, literal in enumerate(literals)}
    kind = type(literals[0])

    def write(writer: BitWriter, code: int, code_width: int, value: Any, depth: int) -> None:
        if value.__class__ is kind and value in codes:
            index = codes[value]
        elif isinstance(value, _BESIDE):
            return slow(writer, code, code_width, value, depth)
        else:
            index = literal_code(codes, literals, value)
        writer.acc = (writer.acc << code_width | code) << total | index << 1
        writer.n += code_width + total
        return None

    return write
