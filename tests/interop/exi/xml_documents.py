"""Random XML documents of a set of schema documents, made from the XSD files alone.

Shares nothing with `pki.exi`, so that a fact that its tables lack or misread shows as a difference.
"""

from __future__ import annotations

import base64
import random
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path

_XS = "{http://www.w3.org/2001/XMLSchema}"
_LENGTHS = (0, 1, 2, 15, 16, 127, 128, 800, 8000)
_WORDS = ("DE*ABC*E1", "+49", "Größe", "€", "𝄞", "a b", "<&>", "¡", "ÿ", "\u07ff", "\uffee")
_RANGES = {
    "byte": (-(2**7), 2**7 - 1),
    "short": (-(2**15), 2**15 - 1),
    "int": (-(2**31), 2**31 - 1),
    "long": (-(2**63), 2**63 - 1),
    "integer": (-(2**199), 2**199),
    "unsignedByte": (0, 2**8 - 1),
    "unsignedShort": (0, 2**16 - 1),
    "unsignedInt": (0, 2**32 - 1),
    "unsignedLong": (0, 2**64 - 1),
}


class _File:
    """One schema document with its prefixes."""

    def __init__(self, path: Path) -> None:
        self.prefixes: dict[str, str] = {}
        for _, (prefix, uri) in ET.iterparse(path, ["start-ns"]):
            self.prefixes.setdefault(prefix, uri)
        self.root = ET.parse(path).getroot()
        self.namespace = self.root.get("targetNamespace", "")

    def name(self, text: str) -> str:
        """A reference in Clark's notation."""
        prefix, _, local = text.rpartition(":")
        return f"{{{self.prefixes.get(prefix, '')}}}{local}"

    def declared(self, node: ET.Element, kind: str) -> str:
        """The name of a local element or attribute."""
        form = node.get("form") or self.root.get(f"{kind}FormDefault", "unqualified")
        local = node.get("name", "")
        return f"{{{self.namespace}}}{local}" if form == "qualified" else local


class XmlDocuments:
    """Makes documents of the schema document at `path` and of those that it imports."""

    def __init__(self, path: Path, rng: random.Random) -> None:
        self._rng = rng
        self._components: dict[tuple[str, str], tuple[_File, ET.Element]] = {}
        self._members: dict[str, list[str]] = {}
        self._seen: set[Path] = set()
        self._richness = 0.5
        self._load(path.resolve())

    def elements(self) -> list[str]:
        """The global elements that are not abstract, in Clark's notation."""
        return [
            name
            for (kind, name), (_, node) in self._components.items()
            if kind == "element" and node.get("abstract") != "true"
        ]

    def document(self, name: str) -> ET.Element:
        self._richness = self._rng.choice((0.0, 0.3, 0.7, 1.0))
        file, node = self._components["element", name]
        element = ET.Element(name)
        self._fill(element, file, node, 0)
        return element

    def _load(self, path: Path) -> None:
        if path in self._seen:
            return
        self._seen.add(path)
        file = _File(path)
        for node in file.root:
            kind = node.tag.removeprefix(_XS)
            if kind in {"import", "include"}:
                location = path.parent / node.get("schemaLocation", "")
                above = path.parent.parent / node.get("schemaLocation", "")
                self._load((location if location.exists() else above).resolve())
            elif kind in {"element", "complexType", "simpleType"}:
                name = f"{{{file.namespace}}}{node.get('name')}"
                self._components[kind, name] = file, node
                if head := node.get("substitutionGroup"):
                    self._members.setdefault(file.name(head), []).append(name)

    def _substitutes(self, name: str) -> Iterator[str]:
        if self._components["element", name][1].get("abstract") != "true":
            yield name
        for member in self._members.get(name, ()):
            yield from self._substitutes(member)

    def _fill(self, element: ET.Element, file: _File, node: ET.Element, depth: int) -> None:
        """Content by the type that an element declaration names or holds."""
        if (name := node.get("type")) is not None:
            self._typed(element, file.name(name), depth)
            return
        for child in node:
            if child.tag == _XS + "complexType":
                self._complex(element, file, child, depth)
            elif child.tag == _XS + "simpleType":
                element.text = self._simple(file, child)

    def _typed(self, element: ET.Element, name: str, depth: int) -> None:
        if ("complexType", name) in self._components:
            self._complex(element, *self._components["complexType", name], depth)
        else:
            element.text = self._text(name)

    def _complex(self, element: ET.Element, file: _File, node: ET.Element, depth: int) -> None:
        for child in node:
            tag = child.tag.removeprefix(_XS)
            if tag in {"complexContent", "simpleContent"}:
                self._complex(element, file, child, depth)
            elif tag in {"extension", "restriction"}:
                if tag == "extension":
                    self._typed(element, file.name(child.get("base", "")), depth)
                self._complex(element, file, child, depth)
            elif tag == "attribute" and (child.get("use") == "required" or self._more()):
                self._attribute(element, file, child)
            elif tag in {"sequence", "choice"}:
                self._particle(element, file, child, depth)

    def _attribute(self, element: ET.Element, file: _File, node: ET.Element) -> None:
        element.set(file.declared(node, "attribute"), self._text(file.name(node.get("type", ""))))

    def _particle(self, element: ET.Element, file: _File, node: ET.Element, depth: int) -> None:
        for _ in range(self._count(node, depth)):
            tag = node.tag.removeprefix(_XS)
            branches = [c for c in node if c.tag != _XS + "annotation"]
            if tag == "choice":
                self._particle(element, file, self._rng.choice(branches), depth)
            elif tag == "sequence":
                for branch in branches:
                    self._particle(element, file, branch, depth)
            elif tag == "element" and (ref := node.get("ref")) is not None:
                choices = list(self._substitutes(file.name(ref)))
                if not choices:
                    return
                name = self._rng.choice(choices)
                owner, declaration = self._components["element", name]
                self._fill(ET.SubElement(element, name), owner, declaration, depth + 1)
            elif tag == "element":
                child = ET.SubElement(element, file.declared(node, "element"))
                self._fill(child, file, node, depth + 1)
            elif tag == "any":
                self._wildcard(element, node.get("namespace", "##any"), depth)

    def _wildcard(self, element: ET.Element, namespace: str, depth: int) -> None:
        """An element of no schema, or where it may be one, of this."""
        if namespace == "##any" and depth < 6 and self._more():
            name = self._rng.choice(self.elements())
            self._fill(ET.SubElement(element, name), *self._components["element", name], depth + 4)
            return
        child = ET.SubElement(element, f"{{urn:other}}{self._rng.choice('abc')}")
        for attribute in self._rng.sample(("x", "{urn:other}y", "{urn:third}z"), 2):
            if self._more():
                child.set(attribute, self._characters(self._rng.choice(_LENGTHS[:5])))
        if depth < 12 and self._more():
            self._wildcard(child, namespace, depth + 4)
        child.text = self._characters(self._rng.choice(_LENGTHS[1:5])) or "text"

    def _count(self, node: ET.Element, depth: int) -> int:
        low = int(node.get("minOccurs", "1"))
        stated = node.get("maxOccurs", "1")
        high = low + 4 if stated == "unbounded" else int(stated)
        if depth > 12:
            return low
        if high == 1:
            return low or self._more()
        if not self._more():
            return low
        few = min(high, low + 3)
        return high if high <= 32 and self._more() and depth < 5 else self._rng.randint(low, few)

    def _more(self) -> bool:
        return self._rng.random() < self._richness

    def _simple(self, file: _File, node: ET.Element) -> str:
        """A value by the facets of a restriction."""
        restriction = node.find(_XS + "restriction")
        assert restriction is not None
        facets = {
            child.tag.removeprefix(_XS): child.get("value", "")
            for child in restriction
            if child.tag != _XS + "enumeration"
        }
        literals = [c.get("value", "") for c in restriction.findall(_XS + "enumeration")]
        if literals:
            return self._rng.choice(literals)
        return self._text(file.name(restriction.get("base", "")), facets)

    def _text(self, name: str, facets: dict[str, str] | None = None) -> str:
        if ("simpleType", name) in self._components:
            return self._simple(*self._components["simpleType", name])
        facets = facets or {}
        base = name.removeprefix(_XS)
        if base == "boolean":
            return self._rng.choice(("true", "false"))
        if base in _RANGES:
            low, high = _RANGES[base]
            return str(
                self._integer(
                    int(facets.get("minInclusive", low)), int(facets.get("maxInclusive", high))
                )
            )
        least = int(facets.get("length", facets.get("minLength", 0)))
        most = int(facets.get("length", facets.get("maxLength", 8000)))
        length = self._rng.choice([n for n in (*_LENGTHS, most) if least <= n <= most] or [least])
        if base == "base64Binary":
            return base64.b64encode(self._rng.randbytes(length)).decode()
        if base == "hexBinary":
            return self._rng.randbytes(length).hex().upper()
        if base in {"ID", "IDREF"}:
            return f"id{self._rng.randrange(10**6)}"
        return self._characters(length)

    def _integer(self, low: int, high: int) -> int:
        """Often at a bound, or where the coding takes one octet more."""
        edges = [
            low,
            high,
            *(s * (1 << n) + d for n in range(7, 64, 7) for d in (-1, 0) for s in (-1, 1)),
        ]
        if self._rng.random() < 0.5:
            return self._rng.randint(low, high)
        return self._rng.choice([n for n in edges if low <= n <= high])

    def _characters(self, length: int) -> str:
        """Neither led nor followed by a blank, which XML processors may drop."""
        source: Callable[[], str] = (
            (lambda: self._rng.choice("ABCxyz019:*-+/"))
            if self._rng.random() < 0.6
            else (lambda: self._rng.choice(_WORDS))
        )
        text = ""
        while len(text) < length:
            text += source()
        return text[:length].strip() if length < 2000 else text[:2000].strip()
