"""Restrictions of the schema that EXI does not code: lengths and ranges; and deviations from it.

A stream can carry a state of charge of 120% or an EVSEID of 50 characters, and real peers do:
`decode` and `encode` pass such values on. Whoever must judge a message asks here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pki.exi.datatypes import BUILT_IN_RANGES, integer_range, is_text
from pki.exi.model import ComplexType, SimpleType, TypeRef
from pki.exi.schema import Schema, load_schema
from pki.exi.values import Document, Incomplete, InvalidText, NoText, Typed


def violations(document: Document, schema: str) -> list[str]:
    """What breaks a length or a range, each as "path: value, expected"; empty if all is well.

    Covers declared elements and attributes; open content (xmldsig) and xsi:type are not followed.
    """
    grammar = load_schema(schema)
    element = grammar.components.elements.get((document.namespace, document.name))
    if element is None:
        return [f"{document.name}: not a global element of {schema}"]
    return list(_check(document.value, element.type, grammar, document.name))


def _check(value: Any, ref: TypeRef, schema: Schema, path: str) -> Iterator[str]:
    type_ = schema.type(ref)
    if isinstance(value, Typed):
        yield f"{path}: another type than declared"
        return
    if isinstance(value, Incomplete):
        yield f"{path}: required elements lack"
    if isinstance(type_, SimpleType):
        yield from _restricted(value, type_, path)
        return
    if not isinstance(value, dict):
        return
    types = _types_by_key(ref, type_, schema)
    for key, item in value.items():
        if key in types:
            for member in item if isinstance(item, list) else [item]:
                yield from _check(member, types[key], schema, f"{path}/{key}")


def _types_by_key(ref: TypeRef, type_: ComplexType, schema: Schema) -> dict[str, TypeRef]:
    types = {key: child for key, (_, child) in schema.children(ref).items()}
    types |= {"@" + attribute.name[1]: attribute.type for attribute in type_.attributes}
    return types if type_.text is None else types | {"#text": type_.text}


def _restricted(value: Any, type_: SimpleType, path: str) -> Iterator[str]:
    if isinstance(value, InvalidText) or (isinstance(value, NoText) and not is_text(type_)):
        yield f"{path}: text that is no value of the type"
    elif isinstance(value, str | bytes) and not type_.enumeration:
        low, high = type_.min_length or 0, type_.max_length
        if len(value) < low or (high is not None and len(value) > high):
            yield f"{path}: length {len(value)}, expected {low}..{'' if high is None else high}"
    elif type_.base in BUILT_IN_RANGES and isinstance(value, int):
        first, last = integer_range(type_)
        if (first is not None and value < first) or (last is not None and value > last):
            yield f"{path}: {value}, expected {first}..{last}"
