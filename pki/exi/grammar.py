"""Grammars of complex types: states built on demand from the derivatives of the content model.

`RecordGrammar` codes a type whose children are told apart by their names alone, as a dict;
`OpenGrammar` one whose children may interleave.
"""

from __future__ import annotations

from typing import Any, Protocol

from pki.exi.bits import BitReader, BitWriter
from pki.exi.datatypes import read_string, write_string
from pki.exi.elements import ElementCodec, TypeSwitch, ValueCodec
from pki.exi.errors import (
    ExiDecodeError,
    ExiDeviationError,
    ExiEncodeError,
    ExiError,
    ExiLimitError,
    ExiSchemaError,
)
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
from pki.exi.values import Document, QName, Typed


class Codecs(TypeSwitch, Protocol):
    """What a grammar asks of the schema it belongs to."""

    def element(self, type_: TypeRef) -> ElementCodec: ...

    def value(self, type_: TypeRef) -> ValueCodec:
        """The codec of a value alone: of an attribute, or of the text beside attributes."""

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

    def __init__(self, code: int, event: Event, rest: Expression, codecs: Codecs) -> None:
        self.code = code
        self.event = event
        self.rest = rest
        self.target: State | None = None
        self.repeated = False
        self.name: QName | None = None
        self.codec: ElementCodec | None = None
        match event:
            case AttributeEvent(name, type_):
                self.key, self.name, self.codec = "@" + name[1], name, codecs.value(type_)
            case ElementEvent(name, type_, repeated):
                self.key, self.name, self.codec = name[1], name, codecs.element(type_)
                self.repeated = repeated
            case TextEvent(type_) if type_ is not None:
                self.key, self.codec = "#text", codecs.value(type_)
            case TextEvent():
                self.key = "#untyped"
            case WildcardEvent():
                self.key = "#any"
        if self.codec is not None:
            self.read, self.write = self.codec.read, self.codec.write


class State:
    """The events that may come next; the code after the last one escapes to undeclared events."""

    __slots__ = ("arcs", "by_key", "end", "escape", "width")

    def __init__(self, expression: Expression, codecs: Codecs) -> None:
        ranked = sorted(firsts(expression), key=lambda item: _rank(item[0]))
        events = [event for event, _ in ranked]
        if len(set(events)) != len(events):
            raise ExiSchemaError(f"ambiguous content model: {events}")
        ends = nullable(expression)
        texts = sum(isinstance(event, TextEvent) for event in events)
        self.end = len(events) - texts if ends else -1
        self.escape = len(events) + ends
        self.width = self.escape.bit_length()
        self.arcs: list[Arc | None] = [None] * (1 << self.width)
        self.by_key: dict[str, Arc] = {}
        for index, (event, rest) in enumerate(ranked):
            code = index + (ends and isinstance(event, TextEvent))
            arc = Arc(code, event, rest, codecs)
            self.arcs[code] = arc
            self.by_key[arc.key] = arc

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


class TypeGrammar:
    """States of one complex type, by the content that remains."""

    __slots__ = ("_codecs", "_expression", "_start", "_states")

    def __init__(self, expression: Expression, codecs: Codecs) -> None:
        self._expression = expression
        self._codecs = codecs
        self._states: dict[Expression, State] = {}
        self._start: State | None = None

    @property
    def start(self) -> State:
        """The state before the first event; not built before it is needed: types may recur."""
        if self._start is None:
            self._start = self._state(self._expression)
        return self._start

    def _state(self, expression: Expression) -> State:
        state = self._states.get(expression)
        if state is None:
            state = self._states[expression] = State(expression, self._codecs)
        return state

    def _follow(self, arc: Arc) -> State:
        arc.target = state = self._state(arc.rest)
        return state

    def _undeclared(
        self, reader: BitReader, state: State, code: int, fresh: bool, depth: int
    ) -> Typed:
        if code != state.escape:
            raise ExiDecodeError(
                f"event {code} of {state.escape + 1}, expected {state.expected()}",
                bit_offset=reader.pos,
            )
        if fresh:
            event = reader.bits(3) + (state.end >= 0)
            return self._codecs.read_undeclared(reader, event, depth)
        raise ExiDeviationError(
            f"undeclared content, expected {state.expected()}", bit_offset=reader.pos
        )

    def _write_typed(self, writer: BitWriter, value: Typed, depth: int) -> None:
        start = self.start
        self._codecs.write_typed(writer, start.escape, start.width, start.end >= 0, value, depth)


class RecordGrammar(TypeGrammar):
    """A complex type as a dict, see `pki.exi.values`."""

    __slots__ = ("_keys",)

    def __init__(self, expression: Expression, codecs: Codecs, keys: tuple[str, ...]) -> None:
        """`keys`: all keys that the dict may have, in the order of the stream."""
        super().__init__(expression, codecs)
        self._keys = keys

    def read(self, reader: BitReader, depth: int) -> Any:
        if depth > reader.limits.max_depth:
            raise ExiLimitError(f"deeper than {depth - 1} elements", bit_offset=reader.pos)
        data = reader.data
        value: dict[str, Any] = {}
        state = self._start or self.start
        arc: Arc | None = None
        try:
            while True:
                width = state.width
                pos = reader.pos
                i = pos >> 3
                code = (data[i] << 8 | data[i + 1]) >> (16 - width - (pos & 7)) & ((1 << width) - 1)
                reader.pos = pos + width
                arc = state.arcs[code]
                if arc is None:
                    if code == state.end:
                        return value
                    return self._undeclared(reader, state, code, not value, depth)
                item = arc.read(reader, depth + 1)
                if arc.repeated:
                    if arc.key in value:
                        value[arc.key].append(item)
                    else:
                        value[arc.key] = [item]
                else:
                    value[arc.key] = item
                state = arc.target or self._follow(arc)
        except IndexError:
            raise ExiDecodeError("the stream ends too early", bit_offset=reader.end) from None
        except ExiError as error:
            if arc is not None:
                error.path.insert(0, arc.key)
            raise

    def write(self, writer: BitWriter, code: int, width: int, value: Any, depth: int) -> None:
        writer.acc = writer.acc << width | code
        writer.n += width
        if value.__class__ is not dict:
            if isinstance(value, Typed):
                self._write_typed(writer, value, depth)
                return
            raise ExiEncodeError(f"expected a dict, got {value!r}")
        if depth > writer.max_depth:
            raise ExiEncodeError(f"deeper than {depth - 1} elements")
        state = self._start or self.start
        used = 0
        key = ""
        try:
            for key in value if len(value) == 1 else self._keys:
                item = value.get(key)
                if item is None:
                    continue
                used += 1
                arc = state.by_key.get(key)
                if arc is None:
                    raise ExiEncodeError(f"not allowed here, expected {state.expected()}")
                if not arc.repeated:
                    arc.write(writer, arc.code, state.width, item, depth + 1)
                    state = arc.target or self._follow(arc)
                    continue
                if not isinstance(item, list | tuple):
                    raise ExiEncodeError(f"expected a list, got {item!r}")
                for member in item:
                    arc = state.by_key.get(key)
                    if arc is None:
                        raise ExiEncodeError(f"too many, expected {state.expected()}")
                    arc.write(writer, arc.code, state.width, member, depth + 1)
                    state = arc.target or self._follow(arc)
        except ExiError as error:
            error.path.insert(0, key)
            raise
        if used != len(value):
            unknown = [k for k in value if value[k] is not None and k not in self._keys]
            if unknown:
                raise ExiEncodeError(f"unknown {unknown}, the type has {', '.join(self._keys)}")
        if state.end < 0:
            raise ExiEncodeError(f"incomplete, expected {state.expected()}")
        writer.acc = writer.acc << state.width | state.end
        writer.n += state.width


class OpenGrammar(TypeGrammar):
    """A complex type whose children are a list under "#content", see `pki.exi.values`."""

    __slots__ = ()

    def read(self, reader: BitReader, depth: int) -> Any:
        if depth > reader.limits.max_depth:
            raise ExiLimitError(f"deeper than {depth - 1} elements", bit_offset=reader.pos)
        value: dict[str, Any] = {}
        content: list[Any] = []
        state = self.start
        arc: Arc | None = None
        try:
            while True:
                code = reader.bits(state.width)
                arc = state.arcs[code]
                if arc is None:
                    if code != state.end:
                        fresh = not (value or content)
                        return self._undeclared(reader, state, code, fresh, depth)
                    if content:
                        value["#content"] = content
                    return value
                if isinstance(arc.event, WildcardEvent):
                    content.append(self._codecs.read_wildcard(reader, depth + 1))
                elif arc.codec is None:
                    content.append(read_string(reader))
                elif isinstance(arc.event, AttributeEvent):
                    value[arc.key] = arc.codec.read(reader, depth + 1)
                else:
                    content.append((arc.key, arc.codec.read(reader, depth + 1)))
                state = arc.target or self._follow(arc)
        except ExiError as error:
            if arc is not None:
                error.path.insert(0, arc.key)
            raise

    def write(self, writer: BitWriter, code: int, width: int, value: Any, depth: int) -> None:
        writer.bits(code, width)
        if isinstance(value, Typed):
            self._write_typed(writer, value, depth)
            return
        if not isinstance(value, dict):
            raise ExiEncodeError(f"expected a dict, got {value!r}")
        if depth > writer.max_depth:
            raise ExiEncodeError(f"deeper than {depth - 1} elements")
        attributes = sorted(k for k in value if k != "#content" and value[k] is not None)
        items = [(k, value[k]) for k in attributes]
        items += [_content_item(item) for item in value.get("#content") or ()]
        state = self.start
        key = ""
        try:
            for key, item in items:
                arc = state.by_key.get(key)
                if arc is None:
                    raise ExiEncodeError(f"not allowed here, expected {state.expected()}")
                if arc.codec is not None:
                    arc.codec.write(writer, arc.code, state.width, item, depth + 1)
                else:
                    writer.bits(arc.code, state.width)
                    if key == "#any":
                        self._codecs.write_wildcard(writer, item, depth + 1)
                    else:
                        write_string(writer, item)
                state = arc.target or self._follow(arc)
        except ExiError as error:
            error.path.insert(0, key)
            raise
        if state.end < 0:
            raise ExiEncodeError(f"incomplete, expected {state.expected()}")
        writer.bits(state.end, state.width)


def _content_item(item: Any) -> tuple[str, Any]:
    if isinstance(item, str):
        return "#untyped", item
    if isinstance(item, Document):
        return "#any", item
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        return item
    raise ExiEncodeError(f"#content holds str, (name, value) and Document, not {item!r}")
