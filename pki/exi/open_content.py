"""Grammars of open types, whose children may interleave: mixed content, wildcards, repeated groups."""

from __future__ import annotations

from typing import Any

from pki.exi.bits import BitReader, BitWriter
from pki.exi.datatypes import read_string, write_string
from pki.exi.errors import ExiEncodeError, ExiError, ExiLimitError
from pki.exi.grammar import TypeGrammar
from pki.exi.particles import AttributeEvent, WildcardEvent
from pki.exi.states import Arc
from pki.exi.values import Document, Typed


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
                    content.append(read_string(reader, self._owner))
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
                        write_string(writer, item, self._owner)
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
