"""Content models as expressions, and their derivatives.

The grammar of a type is the automaton whose states are the expressions that remain after each
event. `firsts` gives the events that an expression may begin with, in schema order, each with what
remains after it; states need not be built before they are met, so that maxOccurs = 1024 costs
nothing.

Source: W3C EXI 1.0, section 8.5.4.1; derivatives: doi:10.1145/321239.321249 (Brzozowski).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from msgspec import Struct

from pki.exi.model import TypeRef
from pki.exi.values import QName


class AttributeEvent(Struct, frozen=True):
    name: QName
    type: TypeRef


class ElementEvent(Struct, frozen=True):
    name: QName
    type: TypeRef
    repeated: bool
    """Whether the particle may occur more than once, so that the value is a list."""


class WildcardEvent(Struct, frozen=True):
    """SE(*): namespace ##other is coded as ##any."""


class TextEvent(Struct, frozen=True):
    """CH; untyped in mixed content."""

    type: TypeRef | None


Event: TypeAlias = AttributeEvent | ElementEvent | WildcardEvent | TextEvent


class Empty(Struct, frozen=True):
    pass


class One(Struct, frozen=True):
    event: Event


class Sequence(Struct, frozen=True):
    head: Expression
    tail: Expression


class Choice(Struct, frozen=True):
    branches: tuple[Expression, ...]


class Repeat(Struct, frozen=True):
    body: Expression
    minimum: int
    maximum: int | None


class Mixed(Struct, frozen=True):
    """`body` with untyped characters anywhere."""

    body: Expression


Expression: TypeAlias = Empty | One | Sequence | Choice | Repeat | Mixed

EMPTY = Empty()
UNTYPED_TEXT = TextEvent(None)


def sequence(*parts: Expression) -> Expression:
    """The parts one after the other, normalised so that equal remainders compare equal."""
    result: Expression = EMPTY
    for part in reversed(parts):
        if isinstance(part, Sequence):
            result = Sequence(part.head, sequence(part.tail, result))
        elif not isinstance(part, Empty):
            result = part if isinstance(result, Empty) else Sequence(part, result)
    return result


def repeat(body: Expression, minimum: int, maximum: int | None) -> Expression:
    if maximum == 0 or isinstance(body, Empty):
        return EMPTY
    return body if (minimum, maximum) == (1, 1) else Repeat(body, minimum, maximum)


def nullable(expression: Expression) -> bool:
    """Whether the content may end here."""
    match expression:
        case Empty():
            return True
        case One():
            return False
        case Sequence(head, tail):
            return nullable(head) and nullable(tail)
        case Choice(branches):
            return any(nullable(b) for b in branches)
        case Repeat(body, minimum, _):
            return minimum == 0 or nullable(body)
        case Mixed(body):
            return nullable(body)


def firsts(expression: Expression) -> Iterator[tuple[Event, Expression]]:
    """The events that may come next, in schema order, each with the remaining content."""
    match expression:
        case One(event):
            yield event, EMPTY
        case Sequence(head, tail):
            for event, rest in firsts(head):
                yield event, sequence(rest, tail)
            if nullable(head):
                yield from firsts(tail)
        case Choice(branches):
            for branch in branches:
                yield from firsts(branch)
        case Repeat(body, minimum, maximum):
            again = repeat(body, max(minimum - 1, 0), None if maximum is None else maximum - 1)
            for event, rest in firsts(body):
                yield event, sequence(rest, again)
        case Mixed(body):
            for event, rest in firsts(body):
                yield event, Mixed(rest)
            yield UNTYPED_TEXT, expression
        case Empty():
            return
