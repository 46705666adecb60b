"""The string table of values: what a text that occurred before may be coded by.

Source: W3C EXI 1.0, section 7.3. We write every text in full, as most of the field does; encoders
on EXIficient with its defaults write the second text of a name as an index, the canonicalisation
algorithm of a signature's Transform for one.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TypeAlias

from pki.exi.values import QName, TableHit

Owner: TypeAlias = QName | None
"""The element or attribute that a text belongs to; None where a grammar does not know it."""


class Partitions:
    """The texts of one stream so far, by their owner and all together.

    `repeated` counts the characters that came by index: an index of a few bits can stand for a text
    of thousands, so whoever reads must bound them.
    """

    __slots__ = ("_all", "_by_owner", "repeated")

    def __init__(self) -> None:
        self.repeated = 0
        self._all: list[str] = []
        self._by_owner: defaultdict[Owner, list[str]] = defaultdict(list)

    def add(self, owner: Owner, text: str) -> None:
        """A text that was coded in full; one that is empty does not join."""
        if text:
            self._all.append(text)
            self._by_owner[owner].append(text)

    def width(self, owner: Owner, *, local: bool) -> int:
        """Bits of an index."""
        count = len(self._by_owner[owner] if local else self._all)
        return (count - 1).bit_length() if count else 0

    def hit(self, owner: Owner, index: int, *, local: bool) -> TableHit | None:
        """The text at `index`; None if there is none."""
        texts = self._by_owner[owner] if local else self._all
        if index >= len(texts):
            return None
        self.repeated += len(texts[index])
        return TableHit.of(texts[index], index, local=local)

    def holds(self, owner: Owner, hit: TableHit) -> bool:
        """Whether a decoder would find `hit` where it says."""
        texts = self._by_owner[owner] if hit.local else self._all
        return hit.position < len(texts) and texts[hit.position] == hit
