"""EXI documents and fragments, to and from Python values.

Profile of ISO 15118: header 0x80, bit-packed, schema-informed and not strict, no string table for
values. ISO 15118-2 clause 7.9.1.3, ISO 15118-20 clause 7.9.1.3; W3C EXI 1.0 (Second Edition).
"""

from __future__ import annotations

from pki.exi.bits import DEFAULT_LIMITS, BitReader, BitWriter, Limits
from pki.exi.errors import ExiDecodeError, ExiDeviationError, ExiError
from pki.exi.schema import Roots, Schema, load_schema
from pki.exi.values import Document

_HEADER = 0x80


def decode(
    data: bytes, schema: str, *, limits: Limits = DEFAULT_LIMITS, trailing: bool = False
) -> Document:
    """Decode the EXI document `data` by the table `schema`, such as "iso15118_2".

    `trailing` accepts what follows the document's end: padding bits that are not zero, octets.
    Raises ExiDecodeError (with the bit offset and the path of elements), ExiLimitError,
    ExiSchemaError.
    """
    grammar = load_schema(schema)
    reader = _start(data, limits)
    document = _read_root(reader, grammar, grammar.documents, len(grammar.documents).bit_length())
    _finish(reader, trailing)
    return document


def encode(document: Document, schema: str) -> bytes:
    """Encode `document` by the table `schema`. Raises ExiEncodeError naming the element."""
    grammar = load_schema(schema)
    writer = BitWriter()
    writer.bits(_HEADER, 8)
    _write_root(writer, grammar, grammar.documents, len(grammar.documents).bit_length(), document)
    return writer.finish()


def decode_fragment(
    data: bytes, schema: str, *, limits: Limits = DEFAULT_LIMITS, trailing: bool = False
) -> Document:
    """Decode an EXI fragment of one element, the form in which elements are signed.

    An element whose declarations differ in type (eMAID of ISO 15118-2) comes as a dict with
    "#text". Raises as `decode` does.
    """
    grammar = load_schema(schema)
    reader = _start(data, limits)
    count = len(grammar.fragments)
    width = (count + 1).bit_length()
    document = _read_root(reader, grammar, grammar.fragments, width)
    if reader.bits(width) != count + 1:
        raise ExiDeviationError("more than one element in the fragment", bit_offset=reader.pos)
    _finish(reader, trailing)
    return document


def encode_fragment(document: Document, schema: str) -> bytes:
    """Encode one element as an EXI fragment: what its digest, or a signature, is taken of.

    `document.value` is the element's value as `decode` gives it inside of the message.
    """
    grammar = load_schema(schema)
    writer = BitWriter()
    writer.bits(_HEADER, 8)
    count = len(grammar.fragments)
    width = (count + 1).bit_length()
    _write_root(writer, grammar, grammar.fragments, width, document)
    writer.bits(count + 1, width)
    return writer.finish()


def _read_root(reader: BitReader, schema: Schema, roots: Roots, width: int) -> Document:
    code = reader.bits(width)
    if code == len(roots):
        return schema.read_wildcard(reader, 0)
    if code > len(roots):
        raise ExiDecodeError(f"root element {code} of {len(roots)}", bit_offset=reader.pos)
    name, codec = roots[code]
    try:
        return Document(*name, codec.read(reader, 0))
    except ExiError as error:
        error.path.insert(0, name[1])
        raise


def _write_root(
    writer: BitWriter, schema: Schema, roots: Roots, width: int, document: Document
) -> None:
    code = roots.code(document.namespace, document.name)
    try:
        if code is None:
            writer.bits(len(roots), width)
            schema.write_wildcard(writer, document, 0)
        else:
            roots[code][1].write(writer, code, width, document.value, 0)
    except ExiError as error:
        error.path.insert(0, document.name)
        raise


def _start(data: bytes, limits: Limits) -> BitReader:
    reader = BitReader(data, limits)
    header = reader.bits(8)
    if header != _HEADER:
        raise ExiDecodeError(f"header {header:#04x}, expected 0x80", bit_offset=0)
    return reader


def _finish(reader: BitReader, trailing: bool) -> None:
    reader.check_end()
    if trailing:
        return
    rest = reader.end - reader.pos
    if rest >= 8:
        raise ExiDecodeError(f"{rest // 8} octets after the end", bit_offset=reader.pos)
    if reader.bits(rest):
        raise ExiDecodeError("padding bits are not zero", bit_offset=reader.pos)
