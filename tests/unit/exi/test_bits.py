from __future__ import annotations

import pytest

from pki.exi.bits import FLUSH_BITS, BitReader, BitWriter, Limits
from pki.exi.errors import ExiDecodeError, ExiLimitError


def test_reads_what_was_written_at_any_alignment() -> None:
    for offset in range(17):
        writer = BitWriter()
        writer.bits(0, offset)
        writer.bits(0b101, 3)
        writer.unsigned(0)
        writer.unsigned(127)
        writer.unsigned(128)
        writer.unsigned(2**200 + 1)
        writer.octets(b"\x00\xff\x80")
        writer.characters("ascii")
        writer.characters("Größe 𝄞")
        reader = BitReader(writer.finish())
        reader.bits(offset)
        assert reader.bits(3) == 0b101
        assert [reader.unsigned() for _ in range(4)] == [0, 127, 128, 2**200 + 1]
        assert reader.octets(3) == b"\x00\xff\x80"
        assert reader.characters(5) == "ascii"
        assert reader.characters(7) == "Größe 𝄞"
        assert reader.end - reader.pos < 8


def test_an_unsigned_integer_has_its_least_significant_group_first() -> None:
    writer = BitWriter()
    writer.unsigned(300)
    assert writer.finish() == bytes([0b1_0101100, 0b0_0000010])


def test_the_end_of_the_stream_is_an_error() -> None:
    for read in (
        lambda r: r.bits(9),
        lambda r: r.octets(2),
        lambda r: r.characters(2),
        lambda r: r.unsigned(),
    ):
        with pytest.raises(ExiDecodeError):
            read(BitReader(b"\xff"))


def test_limits() -> None:
    with pytest.raises(ExiLimitError, match="3 bytes, the limit is 2"):
        BitReader(b"123", Limits(max_bytes=2))
    with pytest.raises(ExiLimitError, match="more than 4 octets"):
        BitReader(b"\xff" * 20, Limits(max_integer_octets=4)).unsigned()


@pytest.mark.parametrize("code_point", [0xD800, 0x110000, 2**40])
def test_a_code_point_that_is_no_character_is_refused(code_point: int) -> None:
    writer = BitWriter()
    writer.unsigned(code_point)
    with pytest.raises(ExiDecodeError, match="not a character"):
        BitReader(writer.finish()).characters(1)


def test_bits_that_wait_are_few_so_that_time_stays_linear() -> None:
    writer = BitWriter()
    for step in (
        lambda: writer.bits(1, 3),
        lambda: writer.unsigned(300),
        lambda: writer.characters("e\u0301" * 20),
        lambda: writer.octets(b"octets"),
    ):
        for _ in range(2_000):
            step()
            assert writer.n <= FLUSH_BITS
    writer.characters("\u00e9" * 30_000)
    assert writer.n <= FLUSH_BITS
