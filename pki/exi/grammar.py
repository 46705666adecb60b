"""Grammars of complex types: states built on demand from the derivatives of the content model."""

from __future__ import annotations

from typing import Any

from pki.exi.bits import FLUSH_BITS, BitReader, BitWriter
from pki.exi.elements import ESCAPE, forced
from pki.exi.errors import (
    ExiDecodeError,
    ExiDeviationError,
    ExiEncodeError,
    ExiError,
    ExiLimitError,
)
from pki.exi.fused import ReadElement
from pki.exi.particles import Expression
from pki.exi.partitions import Owner
from pki.exi.states import Arc, Chain, Codecs, State
from pki.exi.values import Incomplete, Typed


class TypeGrammar:
    """States of one complex type, by the content that remains."""

    __slots__ = ("_codecs", "_expression", "_owner", "_start", "_states")

    def __init__(self, expression: Expression, codecs: Codecs, owner: Owner = None) -> None:
        """`owner`: the element, where the type has text."""
        self._expression = expression
        self._codecs = codecs
        self._owner = owner
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
            state = self._states[expression] = State(expression, self._codecs, self._owner)
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

    def _state(self, expression: Expression) -> State:
        known = expression in self._states
        state = super()._state(expression)
        if known:
            return state
        links: list[tuple[State, Arc, ReadElement]] = []
        after = state
        while (arc := after.forced()) is not None and arc.codec is not None:
            links.append((after, arc, forced(arc.codec)))
            after = arc.target or self._follow(arc)
            if after.chain is not None:
                links += after.chain.links
                after = after.chain.after
                break
        if links:
            state.chain = Chain(links, after)
        return state

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
                chain = state.chain
                if chain is not None:
                    for state, arc, read in chain.links:  # noqa: B007 - where the chain breaks
                        item = read(reader, depth + 1)
                        if item is ESCAPE:
                            break
                        value[arc.key] = item
                    else:
                        state = chain.after
                width = state.width
                pos = reader.pos
                i = pos >> 3
                code = (data[i] << 8 | data[i + 1]) >> (16 - width - (pos & 7)) & ((1 << width) - 1)
                reader.pos = pos + width
                arc = state.arcs[code]
                if arc is None:
                    if code == state.end:
                        return value
                    return self._unfinished(reader, state, code, value, depth)
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

    def _unfinished(
        self, reader: BitReader, state: State, code: int, value: dict[str, Any], depth: int
    ) -> Any:
        """The end although required elements lack, if it is that."""
        if code == state.escape and state.end < 0 and not reader.strict:
            pos = reader.pos
            if reader.bits(_undeclared_width(value)) == 0:
                return Incomplete(value)
            reader.pos = pos
        return self._undeclared(reader, state, code, not value, depth)

    def write(self, writer: BitWriter, code: int, width: int, value: Any, depth: int) -> None:
        writer.acc = writer.acc << width | code
        writer.n += width
        if value.__class__ is not dict:
            if isinstance(value, Typed):
                self._write_typed(writer, value, depth)
                return
            if not isinstance(value, Incomplete):
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
            if not isinstance(value, Incomplete):
                raise ExiEncodeError(f"incomplete, expected {state.expected()}")
            writer.bits(state.escape, state.width)
            writer.bits(0, _undeclared_width(value))
            return
        writer.acc = writer.acc << state.width | state.end
        writer.n += state.width
        if writer.n > FLUSH_BITS:
            writer.flush()


def _undeclared_width(value: dict[str, Any]) -> int:
    """Bits of an undeclared event: before the first child, attributes may come too."""
    return 3 if all(key.startswith("@") or value[key] is None for key in value) else 2
