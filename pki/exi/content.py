"""From the components of a schema to the expressions of its content models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pki.exi.errors import ExiSchemaError
from pki.exi.model import (
    ComplexType,
    Components,
    ElementParticle,
    GlobalElement,
    Group,
    Occurs,
    SimpleType,
    TypeRef,
    Wildcard,
)
from pki.exi.particles import (
    AttributeEvent,
    Choice,
    ElementEvent,
    Expression,
    Mixed,
    One,
    Repeat,
    Sequence,
    TextEvent,
    WildcardEvent,
    repeat,
    sequence,
)
from pki.exi.values import QName


class ContentModels:
    """Expressions of the complex types of `components`."""

    def __init__(self, components: Components) -> None:
        self._elements = components.elements
        self._members: dict[QName, list[QName]] = {}
        for name, element in components.elements.items():
            head = element.head
            while head is not None:
                self._members.setdefault(head, []).append(name)
                head = components.elements[head].head

    def expression(self, type_: ComplexType) -> Expression:
        """Attributes in the order of their names, then the content."""
        attributes: list[Expression] = []
        for a in sorted(type_.attributes, key=lambda a: (a.name[1], a.name[0])):
            event = One(AttributeEvent(a.name, a.type))
            attributes.append(event if a.required else repeat(event, 0, 1))
        if type_.text is not None:
            return sequence(*attributes, One(TextEvent(type_.text)))
        content = self._occurs(type_.content)
        return sequence(*attributes, Mixed(content) if type_.mixed else content)

    def substitutes(self, name: QName) -> list[GlobalElement]:
        """The element and the members of its substitution group, by local name."""
        names = sorted([name, *self._members.get(name, ())], key=lambda n: (n[1], n[0]))
        return [self._elements[n] for n in names]

    def _occurs(self, occurs: Occurs) -> Expression:
        match occurs.term:
            case ElementParticle():
                body = self._element(occurs.term, occurs.maximum != 1)
            case Wildcard():
                body = One(WildcardEvent())
            case Group(items, choice):
                parts = [self._occurs(item) for item in items]
                body = Choice(tuple(parts)) if choice else sequence(*parts)
        return repeat(body, occurs.minimum, occurs.maximum)

    def _element(self, particle: ElementParticle, repeated: bool) -> Expression:
        if particle.type is not None:
            return One(ElementEvent(particle.name, particle.type, repeated))
        if particle.name not in self._elements:
            raise ExiSchemaError(f"element {particle.name} is not declared")
        branches = tuple(
            One(ElementEvent(e.name, e.type, repeated)) for e in self.substitutes(particle.name)
        )
        return branches[0] if len(branches) == 1 else Choice(branches)


def record_keys(expression: Expression) -> tuple[str, ...] | None:
    """The keys of a type that a dict can hold, in stream order; None for an open type."""
    keys = list(_keys(expression))
    return None if None in keys or len(set(keys)) != len(keys) else tuple(filter(None, keys))


def _keys(expression: Expression) -> Iterator[str | None]:
    match expression:
        case One(AttributeEvent(name, _)):
            yield "@" + name[1]
        case One(ElementEvent(name, _, _)):
            yield name[1]
        case One(TextEvent()):
            yield "#text"
        case One(WildcardEvent()) | Mixed():
            yield None
        case Repeat(body, _, maximum):
            yield from [None] if maximum != 1 and not isinstance(body, One) else _keys(body)
        case Choice(branches):
            for branch in branches:
                yield from _keys(branch)
        case Sequence(head, tail):
            yield from _keys(head)
            yield from _keys(tail)


def element_events(expression: Expression) -> Iterator[ElementEvent]:
    """The elements that a content model names."""
    match expression:
        case One(ElementEvent() as event):
            yield event
        case Repeat(body, _, _) | Mixed(body):
            yield from element_events(body)
        case Choice(branches):
            for branch in branches:
                yield from element_events(branch)
        case Sequence(head, tail):
            yield from element_events(head)
            yield from element_events(tail)


def declared_elements(components: Components) -> dict[QName, set[TypeRef]]:
    """Every element name that the schema declares, globally or locally, with its types."""
    found: dict[QName, set[TypeRef]] = {}
    for ref in _anonymous(components):
        for particle in _particles(ref.content):
            if particle.type is not None:
                found.setdefault(particle.name, set()).add(particle.type)
    for element in components.elements.values():
        found.setdefault(element.name, set()).add(element.type)
    return found


def declared_attributes(components: Components) -> dict[QName, set[TypeRef]]:
    """Every attribute name that the schema declares, with its types."""
    found: dict[QName, set[TypeRef]] = {}
    for type_ in _anonymous(components):
        for attribute in type_.attributes:
            found.setdefault(attribute.name, set()).add(attribute.type)
    return found


def _anonymous(components: Components) -> Iterator[ComplexType]:
    """All complex types, named ones and those written inside an element."""
    pending: list[TypeRef] = [*components.types.values()]
    pending += [element.type for element in components.elements.values()]
    while pending:
        type_ = pending.pop()
        if isinstance(type_, ComplexType):
            yield type_
            pending += [
                p.type for p in _particles(type_.content) if isinstance(p.type, ComplexType)
            ]


def _particles(occurs: Occurs) -> Iterator[ElementParticle]:
    if isinstance(occurs.term, ElementParticle):
        yield occurs.term
    elif isinstance(occurs.term, Group):
        for item in occurs.term.items:
            yield from _particles(item)


def local_names(components: Components) -> Mapping[str, set[str]]:
    """Namespace -> local names of elements, attributes and named types: the string table."""
    names: dict[str, set[str]] = {uri: set() for uri in components.namespaces}
    for uri, local in (
        *declared_elements(components),
        *declared_attributes(components),
        *components.types,
    ):
        names.setdefault(uri, set()).add(local)
    return names


def simple_type(components: Components, ref: TypeRef) -> SimpleType | None:
    """The simple type behind a reference; None for a complex one."""
    if isinstance(ref, tuple):
        found = components.types.get(ref)
        if found is None:
            return SimpleType(ref[1])
        ref = found
    return ref if isinstance(ref, SimpleType) else None
