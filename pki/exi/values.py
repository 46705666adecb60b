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


class Document(Struct, frozen=True):
    """One qualified element with its value: a whole document, a fragment, or a wildcard's match."""

    namespace: str
    name: str
    value: Any


class Typed(Struct, frozen=True):
    """A value whose type the stream names with xsi:type instead of taking the declared one."""

    namespace: str
    name: str
    value: Any


class Untyped(Struct, frozen=True):
    """Content of the XML Schema type anyType: attributes as ((namespace, name), text)."""

    attributes: tuple[tuple[QName, str], ...] = ()
    content: tuple[str | Document, ...] = ()
