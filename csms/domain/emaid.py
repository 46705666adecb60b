"""e-mobility account identifiers (ISO 15118-2 annex H, ISO 15118-20 annex C; DIN SPEC 91286).

One contract is written in several ways: with or without hyphens, in any case, with or without the check digit.
"""

from __future__ import annotations

_WITHOUT_CHECK_DIGIT = 14


def canonical_emaid(text: str) -> str:
    """Two spellings of one contract are equal in this form."""
    compact = text.replace("-", "").upper()
    return compact[:_WITHOUT_CHECK_DIGIT]


def emaid_spellings(text: str) -> tuple[str, ...]:
    """The spellings under which a list of tokens may hold the contract, the one given first."""
    compact = text.replace("-", "").upper()
    short = compact[:_WITHOUT_CHECK_DIGIT]
    hyphened = f"{short[:2]}-{short[2:5]}-{short[5:]}"
    check = compact[_WITHOUT_CHECK_DIGIT:]
    spellings = (text, compact, short, hyphened, f"{hyphened}-{check}" if check else hyphened)
    return tuple(dict.fromkeys(spellings))
