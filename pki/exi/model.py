"""Components of a schema, as the tables state them: facts, no grammar yet."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from pki.exi.values import QName


class SimpleType(Struct, frozen=True):
    """A built-in type of XML Schema with its facets flattened; anonymous when `name` is None."""

    base: str
    name: QName | None = None
    minimum: int | None = None
    maximum: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    enumeration: tuple[str, ...] = ()


class Attribute(Struct, frozen=True):
    name: QName
    type: TypeRef
    required: bool


class ElementParticle(Struct, frozen=True):
    """A child element: local with its own type, or (`type` is None) a reference to a global one."""

    name: QName
    type: TypeRef | None


class Wildcard(Struct, frozen=True):
    """xs:any; `namespace` is ##any or ##other, which EXI codes alike."""

    namespace: str


class Group(Struct, frozen=True):
    """A sequence or a choice."""

    items: tuple[Occurs, ...]
    choice: bool = False


class Occurs(Struct, frozen=True):
    """A term with minOccurs and maxOccurs (None: unbounded)."""

    term: ElementParticle | Wildcard | Group
    minimum: int = 1
    maximum: int | None = 1


class ComplexType(Struct, frozen=True):
    """Attributes, then element content, or (`text`) simple content."""

    name: QName | None = None
    attributes: tuple[Attribute, ...] = ()
    content: Occurs = Occurs(Group(()))
    mixed: bool = False
    text: TypeRef | None = None


class GlobalElement(Struct, frozen=True):
    """A global element; `head` is the head of the substitution group that it belongs to."""

    name: QName
    type: TypeRef
    head: QName | None = None


TypeRef: TypeAlias = QName | SimpleType | ComplexType
"""The name of a type, or an anonymous type itself."""


class Components(Struct, frozen=True):
    """All components that a set of schema documents declares."""

    namespaces: frozenset[str]
    types: dict[QName, SimpleType | ComplexType]
    elements: dict[QName, GlobalElement]
