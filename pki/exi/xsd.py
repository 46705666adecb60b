"""Reads XML Schema documents into components; of XML Schema as much as the V2G schemas use."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET  # the documents are the user's own files
from collections.abc import Mapping
from pathlib import Path

from pki.exi.errors import ExiSchemaError
from pki.exi.model import (
    Attribute,
    ComplexType,
    ElementParticle,
    GlobalElement,
    Group,
    Occurs,
    SimpleType,
    TypeRef,
    Wildcard,
)
from pki.exi.values import XSD_NAMESPACE, QName

_XS = f"{{{XSD_NAMESPACE}}}"


def documents_by_namespace(directory: Path) -> dict[str, Path]:
    """Target namespace -> the first schema document under `directory` that has it."""
    found: dict[str, Path] = {}
    for path in sorted(directory.rglob("*.xsd")):
        uri = ET.parse(path).getroot().get("targetNamespace")  # noqa: S314 - see the import
        if uri is not None:
            found.setdefault(uri, path)
    return found


class XsdDocument:
    """One schema document; base types of extensions are looked up in the other documents."""

    def __init__(self, path: Path, documents: Mapping[str, Path]) -> None:
        self._documents = documents
        self._prefixes: dict[str, str] = {}
        with path.open("rb") as stream:
            for _, (prefix, uri) in ET.iterparse(stream, ["start-ns"]):  # noqa: S314
                self._prefixes.setdefault(prefix, uri)
        self.root = ET.parse(path).getroot()  # noqa: S314
        self._namespace = self.root.get("targetNamespace", "")

    def types(self) -> dict[QName, SimpleType | ComplexType]:
        found: dict[QName, SimpleType | ComplexType] = {}
        for node in self.root:
            name = (self._namespace, node.get("name", ""))
            if node.tag == _XS + "simpleType":
                found[name] = self.simple_type(node, name)
            elif node.tag == _XS + "complexType":
                found[name] = self.complex_type(node, name)
        return found

    def elements(self) -> dict[QName, GlobalElement]:
        found: dict[QName, GlobalElement] = {}
        for node in self.root.findall(_XS + "element"):
            name = (self._namespace, node.get("name", ""))
            head = node.get("substitutionGroup")
            found[name] = GlobalElement(
                name, self._type_of(node), self._qname(head) if head else None
            )
        return found

    def _qname(self, text: str) -> QName:
        prefix, colon, local = text.rpartition(":")
        uri = self._prefixes.get(prefix, "" if not colon else None)
        if uri is None:
            raise ExiSchemaError(f"{text!r}: the prefix is not declared")
        return uri, local

    def _local(self, node: ET.Element, default: str) -> QName:
        form = node.get("form") or self.root.get(default, "unqualified")
        return (self._namespace if form == "qualified" else "", node.get("name", ""))

    def _type_of(self, node: ET.Element) -> TypeRef:
        if type_name := node.get("type"):
            return self._qname(type_name)
        if (simple := node.find(_XS + "simpleType")) is not None:
            return self.simple_type(simple, None)
        if (complex_ := node.find(_XS + "complexType")) is not None:
            return self.complex_type(complex_, None)
        raise ExiSchemaError(f"{node.get('name')!r} has no type")

    def _definition(self, name: QName) -> tuple[XsdDocument, ET.Element]:
        document = (
            self
            if name[0] == self._namespace
            else XsdDocument(self._documents[name[0]], self._documents)
        )
        for node in document.root:
            if node.get("name") == name[1] and node.tag in {
                _XS + "simpleType",
                _XS + "complexType",
            }:
                return document, node
        raise ExiSchemaError(f"type {name[1]!r} of {name[0]!r} is not defined")

    def simple_type(self, node: ET.Element, name: QName | None) -> SimpleType:
        restriction = node.find(_XS + "restriction")
        if restriction is None:
            raise ExiSchemaError(f"simple type {name}: only restrictions are supported")
        base = self._qname(restriction.get("base", ""))
        if base[0] == XSD_NAMESPACE:
            facets = SimpleType(base[1])
        else:
            document, definition = self._definition(base)
            facets = document.simple_type(definition, base)
        values: dict[str, int] = {}
        literals: list[str] = []
        for facet in restriction:
            kind, value = facet.tag.removeprefix(_XS), facet.get("value", "")
            match kind:
                case "enumeration":
                    if not re.fullmatch(r"[^|()]+", value):
                        raise ExiSchemaError(f"simple type {name}: literal {value!r}")
                    literals.append(value)
                case "minInclusive" | "maxInclusive" | "minLength" | "maxLength":
                    values[kind] = int(value)
                case "length":
                    values |= {"minLength": int(value), "maxLength": int(value)}
                case _:
                    raise ExiSchemaError(f"simple type {name}: facet {kind} is not supported")
        return SimpleType(
            facets.base,
            name,
            values.get("minInclusive", facets.minimum),
            values.get("maxInclusive", facets.maximum),
            values.get("minLength", facets.min_length),
            values.get("maxLength", facets.max_length),
            tuple(literals) or facets.enumeration,
        )

    def complex_type(self, node: ET.Element, name: QName | None) -> ComplexType:
        mixed = node.get("mixed") == "true"
        for child in node:
            if child.tag in {_XS + "complexContent", _XS + "simpleContent"}:
                extension = child.find(_XS + "extension")
                if extension is None:
                    raise ExiSchemaError(f"complex type {name}: only extensions are supported")
                return self._extended(extension, name)
        return ComplexType(name, self._attributes(node), self._content(node), mixed)

    def _extended(self, extension: ET.Element, name: QName | None) -> ComplexType:
        base_name = self._qname(extension.get("base", ""))
        own = self._attributes(extension)
        if base_name[0] == XSD_NAMESPACE:
            return ComplexType(name, own, text=base_name)
        document, definition = self._definition(base_name)
        if definition.tag == _XS + "simpleType":
            return ComplexType(name, own, text=base_name)
        base = document.complex_type(definition, base_name)
        items = _sequence_items(base.content) + _sequence_items(self._content(extension))
        content = items[0] if len(items) == 1 else Occurs(Group(items))
        if len(items) == 1 and not isinstance(content.term, Group):
            content = Occurs(Group(items))
        return ComplexType(name, base.attributes + own, content, base.mixed, base.text)

    def _attributes(self, node: ET.Element) -> tuple[Attribute, ...]:
        return tuple(
            Attribute(
                self._local(a, "attributeFormDefault"),
                self._type_of(a),
                a.get("use") == "required",
            )
            for a in node.findall(_XS + "attribute")
        )

    def _content(self, node: ET.Element) -> Occurs:
        for child in node:
            if child.tag in {_XS + "sequence", _XS + "choice"}:
                return self._particle(child)
            if child.tag not in {_XS + "attribute", _XS + "annotation"}:
                raise ExiSchemaError(f"{child.tag} is not supported")
        return Occurs(Group(()))

    def _particle(self, node: ET.Element) -> Occurs:
        maximum = node.get("maxOccurs", "1")
        low, high = (
            int(node.get("minOccurs", "1")),
            None if maximum == "unbounded" else int(maximum),
        )
        match node.tag.removeprefix(_XS):
            case "element":
                reference = node.get("ref")
                term: ElementParticle | Wildcard | Group = (
                    ElementParticle(self._qname(reference), None)
                    if reference
                    else ElementParticle(
                        self._local(node, "elementFormDefault"), self._type_of(node)
                    )
                )
            case "any":
                term = Wildcard(node.get("namespace", "##any"))
                if term.namespace not in {"##any", "##other"}:
                    raise ExiSchemaError(f"wildcard namespace {term.namespace!r} is not supported")
            case "sequence" | "choice":
                items = tuple(self._particle(c) for c in node if c.tag != _XS + "annotation")
                term = Group(items, node.tag == _XS + "choice" and len(items) > 1)
            case other:
                raise ExiSchemaError(f"{other} is not supported")
        return Occurs(term, low, high)


def _sequence_items(content: Occurs) -> tuple[Occurs, ...]:
    """The items of a sequence that occurs once; any other content is one item."""
    if not isinstance(content.term, Group) or content.term.choice:
        return (content,)
    once = (content.minimum, content.maximum) == (1, 1)
    return content.term.items if once or not content.term.items else (content,)
