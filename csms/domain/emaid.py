"""e-mobility account identifiers (ISO 15118-2 annex H): country, provider, instance and an optional check digit.

One contract is written in several ways: with or without hyphens, in any case, with or without the check digit.
"""

from __future__ import annotations

_LENGTH = 14
_WITH_CHECK_DIGIT = 15


def canonical_emaid(text: str) -> str:
    """Two spellings of one contract are equal in this form, two contracts never are.

    What is longer than an eMAID is taken whole: nothing but a check digit may be left out.
    """
    compact = text.replace("-", "").upper()
    return compact[:_LENGTH] if len(compact) == _WITH_CHECK_DIGIT else compact


def emaid_spellings(text: str) -> tuple[str, ...]:
    """The spellings under which a list of tokens may hold the contract, the one given first."""
    compact = text.replace("-", "").upper()
    short = canonical_emaid(text)
    hyphened = f"{short[:2]}-{short[2:5]}-{short[5:]}"
    check = compact[len(short) :]
    spellings = (text, compact, short, hyphened, f"{hyphened}-{check}" if check else hyphened)
    return tuple(dict.fromkeys(spellings))
