"""A schema ready to code with: its elements, its fragments, and what undeclared events lead to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache, cached_property
from typing import TypeAlias

from pki.exi.anytype import AnyTypeElement
from pki.exi.bits import BitReader, BitWriter
from pki.exi.content import (
    ContentModels,
    declared_attributes,
    declared_elements,
    element_events,
    local_names,
    record_keys,
)
from pki.exi.datatypes import datatype_of, is_text
from pki.exi.elements import ElementCodec, SimpleElement, ValueCodec
from pki.exi.errors import (
    ExiDecodeError,
    ExiDeviationError,
    ExiEncodeError,
    ExiLimitError,
    ExiSchemaError,
)
from pki.exi.grammar import RecordGrammar
from pki.exi.model import ComplexType, Components, SimpleType, TypeRef
from pki.exi.open_content import OpenGrammar
from pki.exi.partitions import Owner
from pki.exi.qnames import StringTable
from pki.exi.relaxed import RelaxedElement
from pki.exi.simple_content import TextGrammar
from pki.exi.tables import load_table
from pki.exi.values import ANY_TYPE, XSD_NAMESPACE, XSI_NAMESPACE, Document, QName, Typed

_Use: TypeAlias = tuple[TypeRef, Owner]
_XSI_TYPE: QName = (XSI_NAMESPACE, "type")
_UNDECLARED = ("EE", "xsi:type", "xsi:nil", "AT(*)", "untyped AT", "SE(*)", "untyped CH")


class Roots:
    """Elements that may stand alone, by their event codes: sorted by local name, then namespace."""

    __slots__ = ("_build", "_codecs", "_codes", "_names")

    def __init__(self, names: Iterable[QName], build: Callable[[QName], ElementCodec]) -> None:
        self._names = sorted(names, key=lambda n: (n[1], n[0]))
        self._codes = {name: code for code, name in enumerate(self._names)}
        self._build = build
        self._codecs: dict[int, ElementCodec] = {}

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, code: int) -> tuple[QName, ElementCodec]:
        codec = self._codecs.get(code)
        if codec is None:
            codec = self._codecs[code] = self._build(self._names[code])
        return self._names[code], codec

    def __iter__(self) -> Iterator[QName]:
        return iter(self._names)

    def code(self, namespace: str, name: str) -> int | None:
        """The event code of an element; None if it is not declared."""
        return self._codes.get((namespace, name))


class Schema:
    """Codecs of one set of schema documents; each is built when it is first used."""

    def __init__(self, components: Components) -> None:
        self.components = components
        self._models = ContentModels(components)
        self._codecs: dict[_Use, ElementCodec] = {}
        self._children: dict[TypeRef, dict[str, tuple[QName, TypeRef]]] = {}
        self._values: dict[_Use, ValueCodec] = {}

    @cached_property
    def documents(self) -> Roots:
        """Global elements."""
        elements = self.components.elements
        return Roots(elements, lambda name: self.element(elements[name].type, name))

    @cached_property
    def fragments(self) -> Roots:
        """All declared elements, relaxed where the declarations of a name differ."""
        return Roots(self._declared, self._fragment)

    def _fragment(self, name: QName) -> ElementCodec:
        types = self._declared[name]
        if len(types) > 1:
            return RelaxedElement(self, name)
        return self.element(next(iter(types)), name)

    @cached_property
    def attributes(self) -> list[tuple[QName, ElementCodec]]:
        """All declared attributes in the order of their event codes, for the relaxed grammar."""
        found = declared_attributes(self.components)
        string = (XSD_NAMESPACE, "string")
        return [
            (name, self.value(next(iter(types)) if len(types) == 1 else string, name))
            for name, types in sorted(found.items(), key=lambda item: item[0][::-1])
        ]

    @cached_property
    def _declared(self) -> dict[QName, set[TypeRef]]:
        return declared_elements(self.components)

    @cached_property
    def _string_table(self) -> StringTable:
        return StringTable.of_schema(local_names(self.components))

    def types_of(self, name: QName) -> set[TypeRef]:
        """The types of all declarations of an element name."""
        return self._declared[name]

    def type(self, ref: TypeRef) -> SimpleType | ComplexType:
        """The definition behind a reference. Raises ExiSchemaError for an unknown one."""
        if not isinstance(ref, tuple):
            return ref
        found = self.components.types.get(ref)
        if found is None and ref[0] == XSD_NAMESPACE:
            return SimpleType(ref[1])
        if found is None:
            raise ExiSchemaError(f"type {ref[1]!r} of {ref[0]!r} is not declared")
        return found

    def children(self, ref: TypeRef) -> dict[str, tuple[QName, TypeRef]]:
        """The child elements of a type by their keys; empty for simple and open types."""
        children = self._children.get(ref)
        if children is None:
            definition = self.type(ref)
            events = (
                element_events(self._models.expression(definition))
                if isinstance(definition, ComplexType)
                else ()
            )
            children = {event.name[1]: (event.name, event.type) for event in events}
            self._children[ref] = children
        return children

    def element(self, type_: TypeRef, owner: Owner = None) -> ElementCodec:
        use = self._use(type_, owner)
        codec = self._codecs.get(use)
        if codec is None:
            codec = self._codecs[use] = self._build(type_, owner)
        return codec

    def value(self, type_: TypeRef, owner: Owner = None) -> ValueCodec:
        use = self._use(type_, owner)
        codec = self._values.get(use)
        if codec is None:
            definition = self.type(type_)
            if not isinstance(definition, SimpleType):
                raise ExiSchemaError(f"{type_} is not a simple type")
            codec = self._values[use] = ValueCodec(datatype_of(definition, owner))
        return codec

    def _use(self, type_: TypeRef, owner: Owner) -> _Use:
        """What codecs are told apart by: what has text by its owner too, for the string table."""
        return type_, owner if type_ == ANY_TYPE or self._has_text(self.type(type_)) else None

    def _has_text(self, definition: SimpleType | ComplexType) -> bool:
        if isinstance(definition, SimpleType):
            return is_text(definition)
        return definition.mixed or (
            definition.text is not None and self._has_text(self.type(definition.text))
        )

    def _build(self, ref: TypeRef, owner: Owner) -> ElementCodec:
        if ref == ANY_TYPE:
            return AnyTypeElement(self, owner)
        definition = self.type(ref)
        if isinstance(definition, SimpleType):
            return SimpleElement(datatype_of(definition, owner), self)
        expression = self._models.expression(definition)
        if definition.text is not None:
            left_out = self.value(definition.text, owner).left_out
            return TextGrammar(expression, self, owner, left_out)
        keys = record_keys(expression)
        if keys is None:
            return OpenGrammar(expression, self, owner)
        return RecordGrammar(expression, self, keys)

    def read_name(self, reader: BitReader) -> QName:
        if reader.names is None:
            reader.names = self._string_table.copy()
        return reader.names.read(reader)

    def write_name(self, writer: BitWriter, name: QName) -> None:
        if writer.names is None:
            writer.names = self._string_table.copy()
        writer.names.write(writer, name)

    def read_undeclared(self, reader: BitReader, event: int, depth: int) -> Typed:
        """The second level of the first state of an element; of it, only xsi:type is followed."""
        name = _UNDECLARED[event] if event < len(_UNDECLARED) else f"event {event}"
        if name != "xsi:type" or reader.strict:
            raise ExiDeviationError(f"undeclared {name}", bit_offset=reader.pos)
        return self._read_typed(reader, None, depth + 1)

    def write_typed(
        self, writer: BitWriter, escape: int, width: int, ends: bool, value: Typed, depth: int
    ) -> None:
        writer.bits(escape, width)
        writer.bits(0 if ends else 1, 3)
        self._write_typed(writer, value, None, depth + 1)

    def read_wildcard(self, reader: BitReader, depth: int) -> Document:
        name = self.read_name(reader)
        code = self.documents.code(*name)
        if code is not None:
            return Document(*name, self.documents[code][1].read(reader, depth))
        # the built-in element grammar: EE, AT(*), SE(*), CH; after one that it has learned
        known = not self._first_meeting(reader.names, name)
        if (
            (known and not reader.bits(1))
            or reader.bits(2) != 1
            or (self.read_name(reader) != _XSI_TYPE)
        ):
            raise ExiDeviationError(
                f"undeclared element {name[1]!r} of {name[0]!r} without xsi:type",
                bit_offset=reader.pos,
            )
        return Document(*name, self._read_typed(reader, name, depth))

    def write_wildcard(self, writer: BitWriter, document: Document, depth: int) -> None:
        name = (document.namespace, document.name)
        self.write_name(writer, name)
        code = self.documents.code(*name)
        if code is not None:
            self.documents[code][1].write(writer, 0, 0, document.value, depth)
            return
        if not isinstance(document.value, Typed):
            raise ExiEncodeError(f"undeclared element {name}: its value must be Typed")
        if self._first_meeting(writer.names, name):
            writer.bits(1, 2)
        else:
            writer.bits(0b101, 3)
        self.write_name(writer, _XSI_TYPE)
        self._write_typed(writer, document.value, name, depth)

    @staticmethod
    def _first_meeting(names: StringTable | None, name: QName) -> bool:
        assert names is not None  # the name itself has been coded with it
        first = name not in names.met
        names.met.add(name)
        return first

    def _read_typed(self, reader: BitReader, owner: Owner, depth: int) -> Typed:
        if depth > reader.limits.max_depth:  # the named type may name another one, and so on
            raise ExiLimitError(f"deeper than {depth - 1} elements", bit_offset=reader.pos)
        name = self.read_name(reader)
        try:
            codec = self.element(name, owner)
        except ExiSchemaError as error:
            raise ExiDecodeError(f"xsi:type: {error}", bit_offset=reader.pos) from None
        return Typed(*name, codec.read(reader, depth))

    def _write_typed(self, writer: BitWriter, value: Typed, owner: Owner, depth: int) -> None:
        if depth > writer.max_depth:
            raise ExiEncodeError(f"deeper than {depth - 1} elements")
        name = (value.namespace, value.name)
        self.write_name(writer, name)
        try:
            codec = self.element(name, owner)
        except ExiSchemaError as error:
            raise ExiEncodeError(f"xsi:type: {error}") from None
        codec.write(writer, 0, 0, value.value, depth)


@cache
def load_schema(name: str) -> Schema:
    """The schema of a shipped table, such as "iso15118_2"."""
    return Schema(load_table(name))
