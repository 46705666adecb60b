from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.emaid import canonical_emaid, emaid_spellings

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
CONTRACTS = st.text(ALPHABET, min_size=14, max_size=14)


@pytest.mark.parametrize(
    "spelling",
    ["DEACMC12345678X", "DE-ACM-C12345678-X", "deacmc12345678", "DE-ACM-C12345678"],
)
def test_one_contract_has_one_canonical_form(spelling: str) -> None:
    assert canonical_emaid(spelling) == "DEACMC12345678"


@given(CONTRACTS, CONTRACTS)
def test_two_contracts_are_never_one(one: str, other: str) -> None:
    assert (canonical_emaid(one) == canonical_emaid(other)) == (one == other)


@given(st.text(ALPHABET + "-", max_size=60), st.text(ALPHABET, min_size=2, max_size=20))
def test_what_is_longer_than_an_emaid_is_not_cut(text: str, more: str) -> None:
    long = "DEACMC12345678" + more
    assert canonical_emaid(long) == long
    assert canonical_emaid(long + text) != "DEACMC12345678"


@given(CONTRACTS, st.sampled_from(["", *ALPHABET]))
def test_all_spellings_are_of_the_same_contract(contract: str, check: str) -> None:
    spellings = emaid_spellings(contract + check)
    assert spellings[0] == contract + check
    assert {canonical_emaid(each) for each in spellings} == {contract}
