"""Values of any element of a schema, made from its components with the choices left open."""

from __future__ import annotations

from typing import Any, Protocol

from pki.exi.content import ContentModels, record_keys
from pki.exi.datatypes import integer_range
from pki.exi.model import (
    ComplexType,
    Components,
    ElementParticle,
    Group,
    Occurs,
    SimpleType,
    TypeRef,
    Wildcard,
)
from pki.exi.values import ANY_TYPE, XSD_NAMESPACE, Document, QName, Typed, Untyped

MESSAGE_TABLES = (
    "app_protocol",
    "din_70121",
    "iso15118_2",
    "iso15118_20_common_messages",
    "iso15118_20_ac",
    "iso15118_20_ac_der_iec",
    "iso15118_20_ac_der_sae",
    "iso15118_20_dc",
    "iso15118_20_wpt",
    "iso15118_20_acdp",
    "xmldsig",
)


class Choices(Protocol):
    def number(self, low: int, high: int) -> int:
        """A number from low to high, both included."""

    def octets(self, low: int, high: int) -> bytes: ...

    def text(self, low: int, high: int) -> str: ...


class Minimal:
    """The least of everything."""

    def number(self, low: int, high: int) -> int:
        return low

    def octets(self, low: int, high: int) -> bytes:
        return bytes(low)

    def text(self, low: int, high: int) -> str:
        return "a" * low


class Maximal:
    """The most of everything; of a choice, in turn every branch (`turn` shifts them)."""

    def __init__(self, turn: int = 0) -> None:
        self._turn = turn

    def number(self, low: int, high: int) -> int:
        return high

    def branch(self, count: int) -> int:
        self._turn += 1
        return self._turn % count

    def octets(self, low: int, high: int) -> bytes:
        return bytes(i % 256 for i in range(min(high, 300)))

    def text(self, low: int, high: int) -> str:
        return ("Größe-€-𝄞-xyz" * 4)[: min(high, 40)]


class Generator:
    """Makes documents of the elements of `components`."""

    def __init__(self, components: Components, choices: Choices) -> None:
        self._components = components
        self._models = ContentModels(components)
        self._choices = choices

    def document(self, name: QName) -> Document:
        return Document(*name, self.value(self._components.elements[name].type))

    def value(self, ref: TypeRef) -> Any:
        type_ = self._type(ref)
        if isinstance(type_, SimpleType):
            return self._simple(type_)
        value: dict[str, Any] = {}
        for attribute in sorted(type_.attributes, key=lambda a: a.name[1]):
            if attribute.required or self._choices.number(0, 1):
                value["@" + attribute.name[1]] = self.value(attribute.type)
        if type_.text is not None:
            return value | {"#text": self.value(type_.text)}
        expression = self._models.expression(type_)
        if record_keys(expression) is None:
            content = self._open(type_.content, type_.mixed)
            if type_.mixed and self._choices.number(0, 1):
                content.append("text-" + self._choices.text(1, 8))
            return value | ({"#content": content} if content else {})
        self._fill(type_.content, value)
        return value

    def _type(self, ref: TypeRef) -> SimpleType | ComplexType:
        if not isinstance(ref, tuple):
            return ref
        if ref[0] == XSD_NAMESPACE:
            return SimpleType(ref[1])
        return self._components.types[ref]

    def _simple(self, type_: SimpleType) -> Any:
        choices = self._choices
        if type_.enumeration:
            return type_.enumeration[choices.number(0, len(type_.enumeration) - 1)]
        if type_.base == "boolean":
            return bool(choices.number(0, 1))
        low, high = type_.min_length or 0, 2000 if type_.max_length is None else type_.max_length
        if type_.base in {"base64Binary", "hexBinary"}:
            return choices.octets(low, high)
        if type_.base in {"string", "anyURI", "ID", "IDREF"}:
            return choices.text(low, high)
        first, last = integer_range(type_)
        return choices.number(
            -(2**200) if first is None else first, 2**200 if last is None else last
        )

    def _count(self, occurs: Occurs) -> int:
        if occurs.maximum is None:
            high = occurs.minimum + 3
        elif occurs.maximum < 20:
            high = occurs.maximum
        else:
            high = max(occurs.minimum, 3)
        return self._choices.number(occurs.minimum, high)

    def _branch(self, count: int) -> int:
        branch = getattr(self._choices, "branch", None)
        return branch(count) if branch else self._choices.number(0, count - 1)

    def _element(self, particle: ElementParticle) -> tuple[str, Any]:
        if particle.type is not None:
            return particle.name[1], self.value(particle.type)
        elements = self._models.substitutes(particle.name)
        element = elements[self._branch(len(elements))]
        return element.name[1], self.value(element.type)

    def _fill(self, occurs: Occurs, value: dict[str, Any]) -> None:
        for _ in range(self._count(occurs)):
            term = occurs.term
            if isinstance(term, ElementParticle):
                key, item = self._element(term)
                if occurs.maximum == 1:
                    value[key] = item
                else:
                    value.setdefault(key, []).append(item)
            elif isinstance(term, Group):
                items = term.items
                for item in [items[self._branch(len(items))]] if term.choice else items:
                    self._fill(item, value)

    def _open(self, occurs: Occurs, mixed: bool) -> list[Any]:
        content: list[Any] = []
        for _ in range(self._count(occurs)):
            term = occurs.term
            if mixed and not isinstance(term, Group) and self._choices.number(0, 1):
                content.append("text-" + self._choices.text(1, 8))
            if isinstance(term, ElementParticle):
                content.append(self._element(term))
            elif isinstance(term, Wildcard):
                content.append(_wildcard(self._choices))
            else:
                items = term.items
                for item in [items[self._branch(len(items))]] if term.choice else items:
                    content += self._open(item, mixed)
        return content


def _wildcard(choices: Choices) -> Document:
    """An undeclared element, in the form that the profile of ISO 15118 gives it."""
    inner = Document("urn:other", "inner", Typed(*ANY_TYPE, Untyped((), ("x",))))
    value = Untyped(
        ((("urn:attribute", "a"), choices.text(0, 5)),) if choices.number(0, 1) else (),
        ("text", inner) if choices.number(0, 1) else (),
    )
    return Document("urn:other", "outer", Typed(*ANY_TYPE, value))
