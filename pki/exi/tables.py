"""Reads and writes the schema tables: one line per component.

::

    import xmldsig                      take in the components of another table
    ns t urn:iso:15118:2:2013:MsgDataTypes
    simple t:percentValueType byte[0..100]
    simple t:evseIDType string{7..37}
    simple t:costKindType enum(relativePricePercentage|RenewableGenerationPercentage)
    type t:EMAIDType @t:Id=ID text t:eMAIDType
    type t:ChargingProfileType (t:ProfileEntry=t:ProfileEntryType<1,24>)
    type t:ParameterType @t:Name=string (t:boolValue=boolean | t:byteValue=byte)
    element t:SAScheduleList : t:SASchedules = t:SAScheduleListType
    element d:V2G_Message = (d:Header=h:MessageHeaderType d:Body=b:BodyType)

`name=type` declares a local element, a bare `name` refers to a global one; `? * + <m,n>` give the
occurrence; a type without prefix is built in to XML Schema; `@Id=ID?` is an optional attribute.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from msgspec.structs import replace

from pki.exi.errors import ExiSchemaError
from pki.exi.model import (
    Attribute,
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
from pki.exi.values import XSD_NAMESPACE, QName

_TOKEN = re.compile(r"enum\([^)]*\)|[A-Za-z_#][\w.:#-]*|:|-?\d+|\.\.|[()|?*+<>,{}\[\]=@]")
_OCCURS = {"?": (0, 1), "*": (0, None), "+": (1, None)}


@cache
def load_table(name: str) -> Components:
    """The components of the shipped table `name`, with those it imports."""
    resource = files("pki.exi").joinpath("tables", f"{name}.txt")
    if not resource.is_file():
        raise ExiSchemaError(f"there is no schema table {name!r}")
    return parse_table(resource.read_text("utf-8"))


def parse_table(text: str) -> Components:
    """Components from the text of a table. Raises ExiSchemaError naming the line."""
    namespaces: dict[str, str] = {}
    imported: list[Components] = []
    types: dict[QName, SimpleType | ComplexType] = {}
    elements: dict[QName, GlobalElement] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        try:
            keyword, rest = line.split(" ", 1)
            if keyword == "import":
                imported.append(load_table(rest))
            elif keyword == "ns":
                prefix, uri = rest.split(" ")
                namespaces[prefix] = uri
            else:
                _Line(rest, namespaces).component(keyword, types, elements)
        except (ValueError, KeyError, StopIteration) as error:
            raise ExiSchemaError(f"line {number}: {line!r}: {error!r}") from error
    for components in imported:
        types |= components.types
        elements |= components.elements
    uris = frozenset(namespaces.values()).union(*(c.namespaces for c in imported))
    return Components(uris, types, elements)


class _Line:
    """Recursive-descent parser of one component; the text is the project's own or a user's."""

    def __init__(self, text: str, namespaces: dict[str, str]) -> None:
        self._tokens = _TOKEN.findall(text)
        self._position = 0
        self._namespaces = namespaces

    def component(
        self,
        keyword: str,
        types: dict[QName, SimpleType | ComplexType],
        elements: dict[QName, GlobalElement],
    ) -> None:
        name = self._qname(self._next())
        match keyword:
            case "simple":
                simple = self._type()
                if isinstance(simple, tuple):
                    simple = SimpleType(simple[1])
                if not isinstance(simple, SimpleType):
                    raise ValueError("expected a simple type")
                types[name] = replace(simple, name=name)
            case "type":
                types[name] = self._complex(name)
            case "element":
                head = self._qname(self._next()) if self._accept(":") else None
                self._expect("=")
                elements[name] = GlobalElement(name, self._type(), head)
            case _:
                raise ValueError(f"unknown keyword {keyword!r}")
        if self._peek() is not None:
            raise ValueError(f"unexpected {self._peek()!r}")

    def _peek(self) -> str | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def _next(self) -> str:
        token = self._peek()
        if token is None:
            raise ValueError("unexpected end of line")
        self._position += 1
        return token

    def _accept(self, token: str) -> bool:
        if self._peek() == token:
            self._position += 1
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._accept(token):
            raise ValueError(f"expected {token!r}, got {self._peek()!r}")

    def _qname(self, token: str) -> QName:
        prefix, colon, local = token.partition(":")
        return (self._namespaces[prefix], local) if colon else ("", token)

    def _type(self) -> TypeRef:
        if self._peek() in {"(", "@", "mixed"}:
            return self._complex(None)
        token = self._next()
        if token.startswith("enum("):
            return SimpleType("string", enumeration=tuple(token[5:-1].split("|")))
        if ":" in token:
            return self._qname(token)
        if self._accept("["):
            low, high = self._range("..", "]")
            return SimpleType(token, minimum=low, maximum=high)
        if self._accept("{"):
            low, high = self._range("..", "}")
            return SimpleType(token, min_length=low, max_length=high)
        return (XSD_NAMESPACE, token)

    def _range(self, separator: str, close: str) -> tuple[int | None, int | None]:
        low = None if self._peek() == separator else int(self._next())
        self._expect(separator)
        high = None if self._peek() == close else int(self._next())
        self._expect(close)
        return low, high

    def _complex(self, name: QName | None) -> ComplexType:
        attributes: list[Attribute] = []
        while self._accept("@"):
            attribute = self._qname(self._next())
            self._expect("=")
            type_ref = self._type()
            attributes.append(Attribute(attribute, type_ref, not self._accept("?")))
        mixed = self._accept("mixed")
        if self._accept("text"):
            return ComplexType(name, tuple(attributes), text=self._type())
        return ComplexType(name, tuple(attributes), self._occurs(), mixed)

    def _occurs(self) -> Occurs:
        if self._accept("("):
            items: list[Occurs] = []
            choice = False
            while not self._accept(")"):
                choice = self._accept("|") or choice
                items.append(self._occurs())
            term: ElementParticle | Wildcard | Group = Group(tuple(items), choice)
        elif self._peek() in {"##any", "##other"}:
            term = Wildcard(self._next())
        else:
            element = self._qname(self._next())
            term = ElementParticle(element, self._type() if self._accept("=") else None)
        token = self._peek()
        if token in _OCCURS:
            self._position += 1
            return Occurs(term, *_OCCURS[token])
        if self._accept("<"):
            low, high = self._range(",", ">")
            return Occurs(term, 1 if low is None else low, high)
        return Occurs(term)


def dump_table(components: Components, prefixes: dict[str, str], imports: Iterable[str]) -> str:
    """The text of a table; `prefixes` maps the namespaces to their prefixes."""
    return _Dump(prefixes).table(components, imports)


class _Dump:
    def __init__(self, prefixes: dict[str, str]) -> None:
        self._prefixes = prefixes

    def table(self, components: Components, imports: Iterable[str]) -> str:
        lines = [f"import {name}" for name in imports]
        lines += [f"ns {prefix} {uri}" for uri, prefix in self._prefixes.items()]
        for type_ in components.types.values():
            assert type_.name is not None
            keyword = "simple" if isinstance(type_, SimpleType) else "type"
            lines.append(f"{keyword} {self._qname(type_.name)} {self._type(type_)}")
        for element in components.elements.values():
            head = f" : {self._qname(element.head)}" if element.head else ""
            lines.append(
                f"element {self._qname(element.name)}{head} = {self._reference(element.type)}"
            )
        return "\n".join(lines) + "\n"

    def _qname(self, name: QName) -> str:
        return f"{self._prefixes[name[0]]}:{name[1]}" if name[0] else name[1]

    def _reference(self, ref: TypeRef) -> str:
        if isinstance(ref, tuple):
            return ref[1] if ref[0] == XSD_NAMESPACE else self._qname(ref)
        return self._type(ref)

    def _type(self, type_: SimpleType | ComplexType) -> str:
        if isinstance(type_, SimpleType):
            return self._simple(type_)
        parts = [
            f"@{self._qname(a.name)}={self._reference(a.type)}{'' if a.required else '?'}"
            for a in type_.attributes
        ]
        if type_.mixed:
            parts.append("mixed")
        parts.append(
            f"text {self._reference(type_.text)}" if type_.text else self._occurs(type_.content)
        )
        return " ".join(parts)

    @staticmethod
    def _simple(type_: SimpleType) -> str:
        def bounds(low: int | None, high: int | None) -> str:
            return f"{'' if low is None else low}..{'' if high is None else high}"

        if type_.enumeration:
            return f"enum({'|'.join(type_.enumeration)})"
        if type_.minimum is not None or type_.maximum is not None:
            return f"{type_.base}[{bounds(type_.minimum, type_.maximum)}]"
        if type_.min_length is not None or type_.max_length is not None:
            return f"{type_.base}{{{bounds(type_.min_length, type_.max_length)}}}"
        return type_.base

    def _occurs(self, occurs: Occurs) -> str:
        term = occurs.term
        if isinstance(term, Group):
            joined = (" | " if term.choice else " ").join(self._occurs(i) for i in term.items)
            text = f"({joined})"
        elif isinstance(term, Wildcard):
            text = term.namespace
        elif term.type is None:
            text = self._qname(term.name)
        else:
            text = f"{self._qname(term.name)}={self._reference(term.type)}"
        low, high = occurs.minimum, occurs.maximum
        for suffix, pair in _OCCURS.items():
            if (low, high) == pair:
                return text + suffix
        return text if (low, high) == (1, 1) else f"{text}<{low},{'' if high is None else high}>"
