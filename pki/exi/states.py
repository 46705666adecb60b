"""States of a grammar: the declared events of each, with their codes.

Event codes: attributes by name, elements in schema order, wildcards, the end, characters; one more
code escapes to undeclared events. W3C EXI 1.0, section 8.5.4.3.
"""

from __future__ import annotations

from typing import Protocol

from pki.exi.bits import BitReader, BitWriter
from pki.exi.elements import ElementCodec, TypeSwitch, ValueCodec
from pki.exi.errors import ExiSchemaError
from pki.exi.fused import ReadElement
from pki.exi.model import TypeRef
from pki.exi.particles import (
    AttributeEvent,
    ElementEvent,
    Event,
    Expression,
    TextEvent,
    WildcardEvent,
    firsts,
    nullable,
)
from pki.exi.partitions import Owner
from pki.exi.values import Document, QName


class Codecs(TypeSwitch, Protocol):
    """What a grammar asks of the schema it belongs to."""

    def element(self, type_: TypeRef, owner: Owner = None) -> ElementCodec:
        """The codec of the element `owner`."""

    def value(self, type_: TypeRef, owner: Owner = None) -> ValueCodec:
        """The codec of a value alone: of the attribute `owner`, or of its text beside attributes."""

    def read_wildcard(self, reader: BitReader, depth: int) -> Document: ...

    def write_wildcard(self, writer: BitWriter, document: Document, depth: int) -> None: ...


class Arc:
    """One declared event of a state."""

    __slots__ = (
        "code",
        "codec",
        "event",
        "key",
        "name",
        "read",
        "repeated",
        "rest",
        "target",
        "write",
    )

    def __init__(
        self, code: int, event: Event, rest: Expression, codecs: Codecs, owner: Owner
    ) -> None:
        """`owner`: the element that the event is in, where its text depends on it."""
        self.code = code
        self.event = event
        self.rest = rest
        self.target: State | None = None
        self.repeated = False
        self.name: QName | None = None
        self.codec: ElementCodec | None = None
        match event:
            case AttributeEvent(name, type_):
                self.key, self.name = "@" + name[1], name
                self.codec = codecs.value(type_, name)
            case ElementEvent(name, type_, repeated):
                self.key, self.name, self.codec = name[1], name, codecs.element(type_, name)
                self.repeated = repeated
            case TextEvent(type_) if type_ is not None:
                self.key, self.codec = "#text", codecs.value(type_, owner)
            case TextEvent():
                self.key = "#untyped"
            case WildcardEvent():
                self.key = "#any"
        if self.codec is not None:
            self.read, self.write = self.codec.read, self.codec.write


class Chain:
    """States in a row that allow one element only: read without looking at their codes."""

    __slots__ = ("after", "links")

    def __init__(self, links: list[tuple[State, Arc, ReadElement]], after: State) -> None:
        self.links = links
        self.after = after


class State:
    """The events that may come next; the code after the last one escapes to undeclared events."""

    __slots__ = ("arcs", "by_key", "chain", "end", "escape", "width")

    def __init__(self, expression: Expression, codecs: Codecs, owner: Owner) -> None:
        ranked = sorted(firsts(expression), key=lambda item: _rank(item[0]))
        events = [event for event, _ in ranked]
        if len(set(events)) != len(events):
            raise ExiSchemaError(f"ambiguous content model: {events}")
        ends = nullable(expression)
        texts = sum(isinstance(event, TextEvent) for event in events)
        self.end = len(events) - texts if ends else -1
        self.escape = len(events) + ends
        self.chain: Chain | None = None
        self.width = self.escape.bit_length()
        self.arcs: list[Arc | None] = [None] * (1 << self.width)
        self.by_key: dict[str, Arc] = {}
        for index, (event, rest) in enumerate(ranked):
            code = index + (ends and isinstance(event, TextEvent))
            arc = Arc(code, event, rest, codecs, owner)
            self.arcs[code] = arc
            self.by_key[arc.key] = arc

    def forced(self) -> Arc | None:
        """The element that must come next, if there is but one and it comes once."""
        arc = self.arcs[0]
        single = self.escape == 1 and self.end < 0 and arc is not None and not arc.repeated
        return arc if single and arc is not None and isinstance(arc.event, ElementEvent) else None

    def expected(self) -> str:
        return ", ".join([*self.by_key, *(["the end"] if self.end >= 0 else [])])


def _rank(event: Event) -> tuple[int, str, str]:
    """Event-code order: attributes by name, elements, wildcards, (the end,) characters."""
    match event:
        case AttributeEvent((uri, local), _):
            return 0, local, uri
        case ElementEvent():
            return 1, "", ""
        case WildcardEvent():
            return 2, "", ""
        case TextEvent():
            return 3, "", ""
