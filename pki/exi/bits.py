"""Bit-packed streams: bounded reading and linear-time writing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from pki.exi.errors import ExiDecodeError, ExiLimitError
from pki.exi.partitions import Partitions
from pki.exi.values import PaddedInteger

if TYPE_CHECKING:
    from pki.exi.qnames import StringTable

_PADDING = bytes(8)
FLUSH_BITS = 4096


class Limits(Struct, frozen=True):
    """What a stream may ask for. V2GTP allows 4 GiB; the largest real message is some 20 kB."""

    max_bytes: int = 65_536
    max_depth: int = 32
    max_integer_octets: int = 80


DEFAULT_LIMITS = Limits()


class BitReader:
    """Reads from `data`; `pos` is the bit position.

    The fast paths of the datatypes read `data` directly: it is padded, so that a read may run
    over the end, which `check_end` then reports. `strict`: what leaves the schema is refused.
    """

    __slots__ = ("data", "end", "limits", "names", "pos", "strict", "texts")

    def __init__(
        self, data: bytes, limits: Limits = DEFAULT_LIMITS, *, strict: bool = False
    ) -> None:
        if len(data) > limits.max_bytes:
            raise ExiLimitError(f"{len(data)} bytes, the limit is {limits.max_bytes}")
        self.data = bytes(data) + _PADDING
        self.pos = 0
        self.end = 8 * len(data)
        self.limits = limits
        self.strict = strict
        self.names: StringTable | None = None
        self.texts = Partitions()

    def check_end(self) -> None:
        if self.pos > self.end:
            raise ExiDecodeError("the stream ends too early", bit_offset=self.end)

    def bits(self, count: int) -> int:
        """The next `count` bits as an unsigned number."""
        pos = self.pos
        stop = self.pos = pos + count
        if stop > self.end:
            raise ExiDecodeError("the stream ends too early", bit_offset=self.end)
        data = self.data
        i = pos >> 3
        if count <= 9:
            return (data[i] << 8 | data[i + 1]) >> (16 - count - (pos & 7)) & ((1 << count) - 1)
        last = (stop + 7) >> 3
        window = int.from_bytes(data[i:last], "big")
        return (window >> ((last << 3) - stop)) & ((1 << count) - 1)

    def unsigned(self) -> int:
        """An Unsigned Integer: groups of seven bits, the least significant first.

        A `PaddedInteger` if the last of several groups is empty.
        """
        pos = self.pos
        if pos + 8 > self.end:
            raise ExiDecodeError("the stream ends too early", bit_offset=self.end)
        data = self.data
        i = pos >> 3
        octet = (data[i] << 8 | data[i + 1]) >> (8 - (pos & 7)) & 255
        self.pos = pos + 8
        return octet if octet < 128 else self._further_groups(octet & 127)

    def _further_groups(self, value: int) -> int:
        shift = 7
        for _ in range(1, self.limits.max_integer_octets):
            octet = self.bits(8)
            value |= (octet & 127) << shift
            if octet < 128:
                return value if octet else PaddedInteger.of(value, shift // 7 + 1)
            shift += 7
        raise ExiLimitError(
            f"an integer of more than {self.limits.max_integer_octets} octets", bit_offset=self.pos
        )

    def octets(self, count: int) -> bytes:
        """The next `count` octets, not necessarily aligned."""
        pos = self.pos
        stop = pos + 8 * count
        if stop > self.end:
            raise ExiDecodeError(f"{count} octets announced, the stream ends", bit_offset=pos)
        self.pos = stop
        shift = pos & 7
        first = pos >> 3
        if not shift:
            return self.data[first : first + count]
        window = int.from_bytes(self.data[first : first + count + 1], "big") >> (8 - shift)
        return (window & ((1 << (8 * count)) - 1)).to_bytes(count, "big")

    def characters(self, count: int) -> str:
        """The next `count` characters, each an Unsigned Integer."""
        if 8 * count > self.end - self.pos:
            raise ExiDecodeError(
                f"{count} characters announced, the stream ends", bit_offset=self.pos
            )
        start = self.pos
        octets = self.octets(count)
        if octets.isascii():
            return octets.decode("ascii")
        self.pos = start
        return "".join([self._character() for _ in range(count)])

    def _character(self) -> str:
        code_point = self.unsigned()
        if code_point > 0x10FFFF or 0xD800 <= code_point < 0xE000:
            raise ExiDecodeError(f"{code_point:#x} is not a character", bit_offset=self.pos)
        return chr(code_point)


class BitWriter:
    """Collects bits in `acc` (the last `n` bits written) and moves whole octets to a buffer.

    `hits`: whether a `TableHit` is written as an index.
    """

    __slots__ = ("_out", "acc", "hits", "max_depth", "n", "names", "texts")

    def __init__(self, max_depth: int = DEFAULT_LIMITS.max_depth, *, hits: bool = True) -> None:
        self._out = bytearray()
        self.acc = 0
        self.n = 0
        self.max_depth = max_depth
        self.names: StringTable | None = None
        self.texts = Partitions()
        self.hits = hits

    def bits(self, value: int, count: int) -> None:
        self.acc = (self.acc << count) | value
        self.n += count
        if self.n > FLUSH_BITS:
            self.flush()

    def unsigned(self, value: int, octets: int = 1) -> None:
        """`octets`: at least so many, for a `PaddedInteger`."""
        while value > 127 or octets > 1:
            self.bits((value & 127) | 128, 8)
            value >>= 7
            octets -= 1
        self.bits(value, 8)

    def octets(self, data: bytes) -> None:
        count = 8 * len(data)
        self.acc = (self.acc << count) | int.from_bytes(data, "big")
        self.n += count
        if self.n > FLUSH_BITS:
            self.flush()

    def characters(self, text: str) -> None:
        if text.isascii():
            self.octets(text.encode("ascii"))
        else:
            for character in text:
                self.unsigned(ord(character))

    def flush(self) -> None:
        """Move the whole octets out, so that the cost of a write does not grow."""
        rest = self.n & 7
        self._out += (self.acc >> rest).to_bytes(self.n >> 3, "big")
        self.acc &= (1 << rest) - 1
        self.n = rest

    def finish(self) -> bytes:
        """All octets, the last one padded with zero bits."""
        self.bits(0, -self.n % 8)
        self.flush()
        return bytes(self._out)
