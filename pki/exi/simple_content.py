"""Grammars of types with simple content: attributes, then text."""

from __future__ import annotations

from typing import Any

from pki.exi.bits import BitReader, BitWriter
from pki.exi.elements import LEFT_OUT, UNTYPED_TEXT, read_invalid, write_invalid
from pki.exi.errors import ExiDeviationError, ExiEncodeError, ExiError
from pki.exi.grammar import TypeGrammar
from pki.exi.particles import Expression
from pki.exi.partitions import Owner
from pki.exi.states import Codecs
from pki.exi.values import InvalidText, NoOctets, NoText, Typed


class TextGrammar(TypeGrammar):
    """A type with simple content as {"@attribute": value, "#text": value}."""

    __slots__ = ("_left_out",)

    def __init__(
        self,
        expression: Expression,
        codecs: Codecs,
        owner: Owner,
        left_out: NoText | NoOctets | None,
    ) -> None:
        super().__init__(expression, codecs, owner)
        self._left_out = left_out

    def read(self, reader: BitReader, depth: int) -> Any:
        value: dict[str, Any] = {}
        state = self.start
        while True:
            code = reader.bits(state.width)
            if code == state.end:
                return value
            arc = state.arcs[code]
            if arc is not None:
                try:
                    value[arc.key] = arc.read(reader, depth)
                except ExiError as error:
                    error.path.insert(0, arc.key)
                    raise
                state = arc.target or self._follow(arc)
            elif code != state.escape or "#text" not in state.by_key:
                return self._undeclared(reader, state, code, False, depth)
            else:
                event = reader.bits(3)
                if event == 0 and self._left_out is not None:
                    return value | {"#text": self._left_out}
                if event == _untyped_text(value) and not reader.strict:
                    return value | {"#text": read_invalid(reader, self._owner)}
                if value:
                    raise ExiDeviationError("undeclared content", bit_offset=reader.pos)
                return self._codecs.read_undeclared(reader, event, depth)

    def write(self, writer: BitWriter, code: int, width: int, value: Any, depth: int) -> None:
        writer.bits(code, width)
        if isinstance(value, Typed):
            self._write_typed(writer, value, depth)
            return
        if not isinstance(value, dict):
            raise ExiEncodeError(f"expected a dict with '#text', got {value!r}")
        state = self.start
        for key in sorted(value, key=lambda k: (k == "#text", k)):
            item = value[key]
            if item is None:
                continue
            arc = state.by_key.get(key)
            if arc is None:
                raise ExiEncodeError(f"{key!r} is not allowed here, expected {state.expected()}")
            if key == "#text" and isinstance(item, LEFT_OUT):
                writer.bits(state.escape, state.width)
                writer.bits(0, 3)
                return
            if isinstance(item, InvalidText):
                writer.bits(state.escape, state.width)
                writer.bits(_untyped_text(value), 3)
                write_invalid(writer, item, self._owner)
                return
            try:
                arc.write(writer, arc.code, state.width, item, depth)
            except ExiError as error:
                error.path.insert(0, key)
                raise
            state = arc.target or self._follow(arc)
        if state.end < 0:
            raise ExiEncodeError(f"incomplete, expected {state.expected()}")
        writer.bits(state.end, state.width)


def _untyped_text(value: dict[str, Any]) -> int:
    """Its undeclared event: no type can be named any more once an attribute has come."""
    has_attribute = any(key != "#text" and value[key] is not None for key in value)
    return UNTYPED_TEXT - 2 if has_attribute else UNTYPED_TEXT
