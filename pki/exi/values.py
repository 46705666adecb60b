"""The Python form of EXI documents.

========================  ==========================================================
schema                    Python
========================  ==========================================================
boolean                   bool
integer types             int
string, anyURI, ID        str
enumeration               str (the literal)
base64Binary, hexBinary   bytes
element, text only        the text's value
complex type              dict: child name -> value; a list where maxOccurs > 1;
                          "@name" -> attribute; "#text" -> text of simple content
open type (xmldsig)       dict of attributes, and "#content": list of
                          str | (child name, value) | Document
explicit xsi:type         `Typed` around the value
anyType                   `Untyped`
========================  ==========================================================

A substitution group or a choice shows as the key of the chosen element. An open type is one
whose children may interleave: mixed content, wildcards, repeated groups.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct

QName: TypeAlias = tuple[str, str]
"""(namespace URI, local name)"""

XSD_NAMESPACE = "http://www.w3.org/2001/XMLSchema"
XSI_NAMESPACE = "http://www.w3.org/2001/XMLSchema-instance"
ANY_TYPE: QName = (XSD_NAMESPACE, "anyType")


class NoText(str):
    """An empty text that the stream leaves out, where "" is coded as no characters.

    EXIficient codes empty elements so (by an undeclared END ELEMENT), libcbv2g does not.
    """

    __slots__ = ()


class NoOctets(bytes):
    """Empty octets that the stream leaves out, see `NoText`."""

    __slots__ = ()


class InvalidText(str):
    """Text in place of a value that does not fit its type, such as "120" for a state of charge.

    EXIficient writes such values so, where a type cannot code them. `NoText` stands for one that is
    empty.
    """

    __slots__ = ()


class Incomplete(dict[str, Any]):
    """A record that the stream ends before its last required elements, as EXIficient writes it."""

    __slots__ = ()


class TableHit(str):
    """A text that the stream has as an index into its string table of values.

    `local`: the table of the element's or attribute's own texts, else the one of all texts.
    `encode` writes the index again where it still fits, and the text otherwise.
    """

    __slots__ = ("local", "position")
    position: int
    local: bool

    @classmethod
    def of(cls, text: str, position: int, *, local: bool) -> TableHit:
        hit = cls(text)
        hit.position, hit.local = position, local
        return hit


class PaddedInteger(int):
    """An integer that the stream spends more octets on than it needs: `octets` in all."""

    octets: int

    @classmethod
    def of(cls, number: int, octets: int) -> PaddedInteger:
        padded = cls(number)
        padded.octets = octets
        return padded


class Document(Struct, frozen=True):
    """One qualified element with its value: a whole document, a fragment, or a wildcard's match.

    `tail` is what a stream has behind the end of its document, where peers leave more than zero
    bits up to the next octet: the last octet's bits as its first octet, then the octets that
    follow. `encode` writes it again.
    """

    namespace: str
    name: str
    value: Any
    tail: bytes = b""


class Typed(Struct, frozen=True):
    """A value whose type the stream names with xsi:type instead of taking the declared one."""

    namespace: str
    name: str
    value: Any


class Untyped(Struct, frozen=True):
    """Content of the XML Schema type anyType: attributes as ((namespace, name), text)."""

    attributes: tuple[tuple[QName, str], ...] = ()
    content: tuple[str | Document, ...] = ()
