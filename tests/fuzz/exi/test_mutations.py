"""Mutated documents: refused with ExiError or decoded, never anything else; time stays linear."""

from __future__ import annotations

import random
from functools import cache

import pytest

from pki.exi import ExiError, Limits, decode, decode_fragment, encode, encode_fragment
from pki.exi.tables import load_table
from tests.property.exi.generate import MESSAGE_TABLES, Generator, Maximal, Minimal


@cache
def _documents() -> list[tuple[str, bytes]]:
    seeds: list[tuple[str, bytes]] = []
    for table in MESSAGE_TABLES:
        components = load_table(table)
        for index, name in enumerate(components.elements):
            choices = Maximal(index) if index % 8 == 0 else Minimal()
            seeds.append((table, encode(Generator(components, choices).document(name), table)))
    return seeds


def _seeds(low: int = 0, high: int = 3_000) -> list[tuple[str, bytes]]:
    """Documents of `low` up to `high` octets."""
    return [(table, exi) for table, exi in _documents() if low <= len(exi) < high]


def _mutate(exi: bytes, rng: random.Random) -> bytes:
    octets = bytearray(exi)
    for _ in range(rng.randint(1, 2)):
        kind = rng.choice((0, 0, 0, 1, 2, 3, 4))
        at = rng.randrange(1, len(octets)) if len(octets) > 1 else 0
        if kind == 0:
            octets[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            octets[at] = rng.choice((0, 255, 128, 127, rng.randrange(256)))
        elif kind == 2:
            del octets[at:]
        elif kind == 3:
            octets[at:at] = rng.randbytes(rng.randint(1, 8))
        else:
            octets[at : at + rng.randint(1, 8)] = octets[: rng.randint(0, 8)]
        if len(octets) < 2:
            return exi[:1]
    return bytes(octets)


def _run(count: int, seed: int, seeds: list[tuple[str, bytes]]) -> int:
    """The number of mutations that still decode. Only lengths may spend octets for nothing."""
    rng = random.Random(seed)
    decoded = 0
    for _ in range(count):
        table, exi = rng.choice(seeds)
        mutated = _mutate(exi, rng)
        try:
            document = decode(mutated, table)
        except ExiError:
            continue
        decoded += 1
        again = encode(document, table)
        assert again == mutated or len(again) < len(mutated)
        assert encode(decode(again, table), table) == again
    return decoded


def test_mutated_documents() -> None:
    assert _run(3_000, 15118, _seeds()) > 300


def test_mutated_large_documents() -> None:
    assert _run(200, 70121, _seeds(3_000, 60_000)) > 20


@pytest.mark.long
def test_half_a_million_mutated_documents() -> None:
    assert _run(500_000, 20, _seeds()) > 50_000


def test_mutated_fragments() -> None:
    rng = random.Random(2)
    for table in MESSAGE_TABLES:
        components = load_table(table)
        for name in components.elements:
            exi = encode_fragment(Generator(components, Minimal()).document(name), table)
            try:
                decode_fragment(_mutate(exi, rng), table, limits=Limits(max_depth=8))
            except ExiError:
                continue
