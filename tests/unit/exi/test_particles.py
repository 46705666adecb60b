"""States of a content model against the words that its regular expression has."""

from __future__ import annotations

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from pki.exi.particles import (
    EMPTY,
    Choice,
    ElementEvent,
    Expression,
    One,
    firsts,
    nullable,
    repeat,
    sequence,
)


def _one(letter: str) -> Expression:
    return One(ElementEvent(("", letter), ("", "t"), False))


def _models(depth: int) -> st.SearchStrategy[tuple[Expression, str]]:
    leaf = st.sampled_from("ab").map(lambda c: (_one(c), c))
    if depth == 0:
        return leaf
    inner = _models(depth - 1)
    bounds = st.tuples(st.integers(0, 2), st.integers(0, 3), st.booleans())

    def repeated(
        item: tuple[Expression, str], bound: tuple[int, int, bool]
    ) -> tuple[Expression, str]:
        low, more, unbounded = bound
        high = None if unbounded else max(low + more, 1)
        upper = "" if high is None else high
        return repeat(item[0], low, high), f"(?:{item[1]}){{{low},{upper}}}"

    return st.one_of(
        leaf,
        st.builds(
            lambda x, y: (sequence(x[0], y[0]), x[1] + y[1]),
            inner,
            inner,
        ),
        st.builds(lambda x, y: (Choice((x[0], y[0])), f"(?:{x[1]}|{y[1]})"), inner, inner),
        st.builds(repeated, inner, bounds),
    )


def _accepts(expression: Expression, word: str) -> bool:
    remaining = [expression]
    for letter in word:
        remaining = [
            rest
            for state in remaining
            for event, rest in firsts(state)
            if isinstance(event, ElementEvent) and event.name[1] == letter
        ]
    return any(nullable(state) for state in remaining)


@given(_models(2))
def test_a_model_accepts_what_its_regular_expression_matches(
    model: tuple[Expression, str],
) -> None:
    expression, pattern = model
    compiled = re.compile(pattern)
    for length in range(5):
        for letters in itertools.product("ab", repeat=length):
            word = "".join(letters)
            assert _accepts(expression, word) == bool(compiled.fullmatch(word)), (pattern, word)


def test_an_unbounded_repetition_has_one_state() -> None:
    body = repeat(_one("a"), 0, None)
    assert [rest for _, rest in firsts(body)] == [body]
    assert list(firsts(EMPTY)) == []
