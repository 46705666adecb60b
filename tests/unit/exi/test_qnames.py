from __future__ import annotations

from pki.exi.bits import BitReader, BitWriter
from pki.exi.qnames import StringTable


class Compared(str):
    """A name that counts how often it is compared."""

    __slots__ = ()
    times = 0

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_names_are_found_without_a_search() -> None:
    """A hostile message can carry tens of thousands of names."""
    names = [(Compared("urn:x"), Compared(n)) for n in range(2_000)]
    names += [(Compared(f"urn:{n}"), Compared("a")) for n in range(2_000)]
    table = StringTable.of_schema({"urn:x": ["b"]})
    writer, written = BitWriter(), table.copy()
    Compared.times = 0
    for name in names * 2:
        written.write(writer, name)
    assert Compared.times < 10 * len(names)
    reader, read = BitReader(writer.finish()), table.copy()
    assert [read.read(reader) for _ in names * 2] == names * 2


def test_a_name_in_full_that_is_known_takes_a_number_of_its_own() -> None:
    table = StringTable.of_schema({"urn:x": ["b"]})
    writer, written = BitWriter(), table.copy()
    written.write(writer, ("urn:x", "b"))
    in_full = BitWriter()
    in_full.bits(5, 3)  # the fifth namespace
    in_full.unsigned(2)
    in_full.characters("b")
    in_full.bits(5, 3)
    in_full.unsigned(0)
    in_full.bits(1, 1)
    reader, read = BitReader(in_full.finish()), table.copy()
    assert [read.read(reader) for _ in range(2)] == [("urn:x", "b")] * 2
