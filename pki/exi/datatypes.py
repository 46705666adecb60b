"""EXI datatype representations: W3C EXI 1.0 (Second Edition), section 7."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec import Struct

from pki.exi.bits import BitReader, BitWriter
from pki.exi.errors import ExiDecodeError, ExiEncodeError, ExiLimitError, ExiSchemaError
from pki.exi.model import SimpleType
from pki.exi.partitions import Owner
from pki.exi.values import NoOctets, NoText, PaddedInteger, TableHit

Read: TypeAlias = Callable[[BitReader], Any]
Write: TypeAlias = Callable[[BitWriter, Any], None]

_N_BIT_LIMIT = 4096
BUILT_IN_RANGES: dict[str, tuple[int | None, int | None]] = {
    "byte": (-(2**7), 2**7 - 1),
    "short": (-(2**15), 2**15 - 1),
    "int": (-(2**31), 2**31 - 1),
    "long": (-(2**63), 2**63 - 1),
    "integer": (None, None),
    "unsignedByte": (0, 2**8 - 1),
    "unsignedShort": (0, 2**16 - 1),
    "unsignedInt": (0, 2**32 - 1),
    "unsignedLong": (0, 2**64 - 1),
    "nonNegativeInteger": (0, None),
    "positiveInteger": (1, None),
}
_STRINGS = frozenset(
    {"string", "anyURI", "ID", "IDREF", "NCName", "Name", "token", "normalizedString"}
)
_BINARY = frozenset({"base64Binary", "hexBinary"})


class Datatype(Struct, frozen=True):
    """How the value of a simple type is coded.

    With `literals`, it is an index of `width` bits into them; `signed` tells the unbounded
    integers apart: with a sign bit, or without. `left_out` is the value of an element that has no
    characters at all.
    """

    read: Read
    write: Write
    width: int | None = None
    literals: tuple[Any, ...] = ()
    signed: bool | None = None
    left_out: NoText | NoOctets | None = None


def integer_range(type_: SimpleType) -> tuple[int | None, int | None]:
    """The bounds of an integer type, from its facets or its base."""
    low, high = BUILT_IN_RANGES[type_.base]
    return (
        low if type_.minimum is None else type_.minimum,
        high if type_.maximum is None else type_.maximum,
    )


def is_text(type_: SimpleType) -> bool:
    """Whether values go through the string table, so that their coding depends on their owner."""
    return type_.base in _STRINGS and not type_.enumeration


def datatype_of(type_: SimpleType, owner: Owner = None) -> Datatype:
    """The representation of a simple type, for values of the element or attribute `owner`.

    Raises ExiSchemaError for a type that is not supported.
    """
    if type_.enumeration:
        return _indexed(type_.enumeration)
    if type_.base == "boolean":
        return _indexed((False, True))
    if type_.base in BUILT_IN_RANGES:
        low, high = integer_range(type_)
        if low is not None and high is not None and high - low < _N_BIT_LIMIT:
            width = (high - low).bit_length()
            return _indexed(tuple(range(low, low + (1 << width))))
        return _unsigned() if low is not None and low >= 0 else _signed()
    if type_.base in _STRINGS:
        return _text(owner)
    if type_.base in _BINARY:
        return Datatype(_read_octets, _write_octets, left_out=NoOctets())
    raise ExiSchemaError(f"type {type_.base!r} has no representation here")


def _text(owner: Owner) -> Datatype:
    def read(reader: BitReader) -> str:
        return read_string(reader, owner)

    def write(writer: BitWriter, value: Any) -> None:
        write_string(writer, value, owner)

    return Datatype(read, write, left_out=NoText())


def read_string(reader: BitReader, owner: Owner) -> str:
    """A string: its length plus 2 and its characters, or an index into the string table."""
    length = reader.unsigned()
    if length < 2:
        return _read_hit(reader, owner, local=length == 0)
    text = reader.characters(length - 2)
    reader.texts.add(owner, text)
    return text


def _read_hit(reader: BitReader, owner: Owner, *, local: bool) -> str:
    index = reader.bits(reader.texts.width(owner, local=local))
    hit = reader.texts.hit(owner, index, local=local)
    if hit is None:
        raise ExiDecodeError(f"no text {index} in the string table", bit_offset=reader.pos)
    if reader.texts.repeated > reader.limits.max_bytes:
        raise ExiLimitError(
            f"more than {reader.limits.max_bytes} repeated characters", bit_offset=reader.pos
        )
    return hit


def write_string(writer: BitWriter, value: Any, owner: Owner) -> None:
    if isinstance(value, TableHit) and writer.hits and writer.texts.holds(owner, value):
        writer.unsigned(0 if value.local else 1)
        writer.bits(value.position, writer.texts.width(owner, local=value.local))
        return
    if not isinstance(value, str):
        raise ExiEncodeError(f"expected a str, got {value!r}")
    writer.unsigned(len(value) + 2)
    writer.characters(value)
    writer.texts.add(owner, value)


def _read_octets(reader: BitReader) -> bytes:
    return reader.octets(reader.unsigned())


def _write_octets(writer: BitWriter, value: Any) -> None:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise ExiEncodeError(f"expected bytes, got {value!r}")
    writer.unsigned(len(value))
    writer.octets(bytes(value))


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ExiEncodeError(f"expected an int, got {value!r}")
    return value


def _octets(value: int) -> int:
    return value.octets if isinstance(value, PaddedInteger) else 1


def _unsigned() -> Datatype:
    def write(writer: BitWriter, value: Any) -> None:
        if _integer(value) < 0:
            raise ExiEncodeError(f"expected an unsigned int, got {value}")
        writer.unsigned(value, _octets(value))

    return Datatype(BitReader.unsigned, write, signed=False)


def _signed() -> Datatype:
    def read(reader: BitReader) -> int:
        if not reader.bits(1):
            return reader.unsigned()
        number = reader.unsigned()
        if isinstance(number, PaddedInteger):
            return PaddedInteger.of(~number, number.octets)
        return ~number

    def write(writer: BitWriter, value: Any) -> None:
        negative = _integer(value) < 0
        writer.bits(negative, 1)
        writer.unsigned(~value if negative else value, _octets(value))

    return Datatype(read, write, signed=True)


def _indexed(literals: tuple[Any, ...]) -> Datatype:
    width = (len(literals) - 1).bit_length()
    codes = {literal: index for index, literal in enumerate(literals)}

    def read(reader: BitReader) -> Any:
        index = reader.bits(width)
        if index >= len(literals):
            raise ExiDecodeError(
                f"index {index} of {len(literals)} literals", bit_offset=reader.pos - width
            )
        return literals[index]

    def write(writer: BitWriter, value: Any) -> None:
        writer.bits(literal_code(codes, literals, value), width)

    return Datatype(read, write, width, literals)


def literal_code(codes: dict[Any, int], literals: tuple[Any, ...], value: Any) -> int:
    """The index of `value`; True is not 1 and 1 is not True."""
    try:
        code = codes[value]
    except (KeyError, TypeError):
        code = -1
    if code < 0 or isinstance(value, bool) != isinstance(literals[0], bool):
        span = (
            f"{literals[0]}..{literals[-1]}"
            if type(literals[0]) is int
            else ", ".join(map(str, literals))
        )
        raise ExiEncodeError(f"{value!r} is not one of {span}")
    return code
