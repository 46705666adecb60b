"""What XML signatures of ISO 15118 are computed over.

A Reference names an element by its Id; the digest is taken of the element's EXI fragment by the
schema of its message. The signature is made of the fragment of SignedInfo by the schema of
xmldsig alone. ISO 15118-2 clause 7.9.2.4, ISO 15118-20 clause 7.9.2.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pki.exi.codec import encode_fragment
from pki.exi.errors import ExiEncodeError
from pki.exi.model import TypeRef
from pki.exi.schema import Schema, load_schema
from pki.exi.values import Document

_XMLDSIG_NAMESPACE = "http://www.w3.org/2000/09/xmldsig#"


def elements_by_id(message: Document, schema: str) -> dict[str, Document]:
    """The elements of a message that have an Id, by it, but those of its signature itself: some
    peers give a Reference the Id that it refers to.

    Raises ExiEncodeError for an Id that occurs twice (a signature could be moved to the wrong
    element), or where the message does not fit the schema.
    """
    grammar = load_schema(schema)
    code = grammar.documents.code(message.namespace, message.name)
    if code is None:
        raise ExiEncodeError(f"{message.name!r} is not a document of {schema}")
    found: dict[str, Document] = {}
    root = grammar.components.elements[message.namespace, message.name].type
    _collect(message, root, grammar, found)
    return found


def reference_input(elements: Mapping[str, Document], schema: str, uri: str) -> bytes:
    """The octets that the digest of a Reference with this URI ("#id1") is taken of.

    `elements` are those of the message, by `elements_by_id`.
    """
    if not uri.startswith("#") or uri[1:] not in elements:
        raise ExiEncodeError(f"no element for the reference {uri!r}, there are {list(elements)}")
    return encode_fragment(elements[uri[1:]], schema, hits=False)


def signed_info_input(
    signed_info: dict[str, Any], schema: str = "xmldsig", *, hits: bool = False
) -> bytes:
    """The octets that the signature is made of; `signed_info` is the value of SignedInfo.

    The standard means the schema of xmldsig alone. Some peers take the schema of the message, and
    some use the string table (`hits`): who verifies may try those as well.
    """
    document = Document(_XMLDSIG_NAMESPACE, "SignedInfo", signed_info)
    return encode_fragment(document, schema, hits=hits)


def _collect(element: Document, type_: TypeRef, schema: Schema, found: dict[str, Document]) -> None:
    value = element.value
    identifier = value.get("@Id")
    if isinstance(identifier, str):
        if identifier in found:
            raise ExiEncodeError(f"the Id {identifier!r} occurs twice")
        found[identifier] = element
    children = schema.children(type_)
    for key, item in value.items():
        if key not in children:
            continue
        name, child_type = children[key]
        for member in item if isinstance(item, list) else (item,):
            if isinstance(member, dict) and name[0] != _XMLDSIG_NAMESPACE:
                _collect(Document(*name, member), child_type, schema, found)
