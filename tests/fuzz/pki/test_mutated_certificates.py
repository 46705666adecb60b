"""Mutated certificates, answers and lists: no crash, and nothing mutated is accepted."""

from __future__ import annotations

import contextlib
import random
import warnings

import pytest
from cryptography import x509

from pki.evidence import Evidence, EvidenceError, ocsp_status
from pki.lint import lint
from pki.ocsp import Responder, answer_for
from pki.parse import UNREADABLE
from pki.profiles import Role, Suite, profile
from pki.verify import verify
from tests.unit.pki.support import (
    NOW,
    der,
    ders,
    root,
    shared_credential,
    shared_lists,
    shared_pki,
)

pytestmark = pytest.mark.filterwarnings("ignore")
FRESH = [Suite.ISO_2, Suite.ISO_20, Suite.ISO_20_ED448]


def _mutate(octets: bytes, source: random.Random) -> bytes:
    """One to four changes: flips, cuts, doublings, lengths set to extremes."""
    content = bytearray(octets)
    for _ in range(source.randint(1, 4)):
        if not content:
            break
        at = source.randrange(len(content))
        kind = source.randrange(6)
        if kind == 0:
            content[at] ^= 1 << source.randrange(8)
        elif kind == 1:
            content[at] = source.randrange(256)
        elif kind == 2:
            del content[at : at + source.randint(1, 30)]
        elif kind == 3:
            content[at:at] = content[at : at + source.randint(1, 60)]
        elif kind == 4:
            content[at] = source.choice((0x00, 0x7F, 0x80, 0x84, 0xFF, 0x30, 0x31))
        else:
            content[at:at] = source.randbytes(source.randint(1, 8))
    return bytes(content)


def _fuzz_chains(count: int, seed: int) -> None:
    source = random.Random(seed)
    for number in range(count):
        suite = FRESH[number % len(FRESH)]
        role = (Role.CONTRACT, Role.SECC)[number % 2]
        pki = shared_pki(suite)
        chain = list(ders(shared_credential(suite, role).issued.chain))
        which = source.randrange(len(chain))
        mutated = _mutate(chain[which], source)
        if mutated == chain[which]:
            continue
        chain[which] = mutated
        verdict = verify(chain, role, [root(pki, suite)], shared_lists(suite), NOW)
        assert not verdict.accepted, (number, seed, mutated.hex())


def _fuzz_answers(count: int, seed: int) -> None:
    source = random.Random(seed)
    pki = shared_pki(Suite.ISO_2)
    issued = shared_credential(Suite.ISO_2, Role.CONTRACT).issued
    leaf, issuer = issued.certificate, issued.intermediates[0]
    answer = answer_for(pki, issued.issuer, leaf.serial_number)
    good = ocsp_status(answer, leaf, issuer, NOW)
    responder = Responder(pki)
    for _ in range(count):
        mutated = _mutate(answer, source)
        with contextlib.suppress(EvidenceError):
            # the wrapping and the delegate's own certificate may change without changing the proof
            assert ocsp_status(mutated, leaf, issuer, NOW) is good
        assert responder.answer(_mutate(der(leaf), source))[:1] == b"\x30"


def _fuzz_pem(count: int, seed: int) -> None:
    source = random.Random(seed)
    suite = Suite.ISO_2
    pki = shared_pki(suite)
    text = shared_credential(suite, Role.CONTRACT).issued.chain_pem
    for _ in range(count):
        mutated = _mutate(text, source).decode("latin-1")
        verify(mutated, Role.CONTRACT, [root(pki, suite)], Evidence(), NOW)


def _fuzz_lint(count: int, seed: int) -> None:
    source = random.Random(seed)
    certificate = der(shared_credential(Suite.ISO_2, Role.CONTRACT).issued.certificate)
    row = profile(Role.CONTRACT, Suite.ISO_2)
    for _ in range(count):
        try:
            loaded = x509.load_der_x509_certificate(_mutate(certificate, source))
        except UNREADABLE:
            continue
        lint(loaded, row, Suite.ISO_2)


@pytest.mark.parametrize("fuzz", [_fuzz_chains, _fuzz_answers, _fuzz_pem, _fuzz_lint])
def test_mutations(fuzz: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fuzz(600, 1)  # type: ignore[operator]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 22))
def test_many_mutations(seed: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _fuzz_chains(15_000, seed)
        _fuzz_answers(4_000, seed)
        _fuzz_pem(3_000, seed)
        _fuzz_lint(3_000, seed)
