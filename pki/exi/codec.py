"""EXI documents and fragments, to and from Python values.

Profile of ISO 15118: header 0x80, bit-packed, schema-informed and not strict. Texts are written in
full, indices into the string table are read. What was decoded is encoded to the same octets, but
for lengths of text and octets that spend more octets than they need.
ISO 15118-2 clause 7.9.1.3, ISO 15118-20 clause 7.9.1.3; W3C EXI 1.0 (Second Edition).
"""

from __future__ import annotations

from pki.exi.bits import DEFAULT_LIMITS, BitReader, BitWriter, Limits
from pki.exi.errors import ExiDecodeError, ExiDeviationError, ExiError
from pki.exi.schema import Roots, Schema, load_schema
from pki.exi.values import Document

_HEADER = 0x80


def decode(
    data: bytes, schema: str, *, limits: Limits = DEFAULT_LIMITS, strict: bool = False
) -> Document:
    """Decode the EXI document `data` by the table `schema`, such as "iso15118_2".

    What follows the document's end is kept as its `tail`. `strict` refuses what leaves the schema,
    so that all values are of the declared types: `Typed` elements, `InvalidText`, `Incomplete`
    records. Raises ExiDecodeError (with the bit offset and the path of elements), ExiLimitError,
    ExiSchemaError.
    """
    grammar = load_schema(schema)
    reader = _start(data, limits, strict=strict)
    document = _read_root(reader, grammar, grammar.documents, len(grammar.documents).bit_length())
    return _finish(reader, document)


def encode(document: Document, schema: str) -> bytes:
    """Encode `document` by the table `schema`. Raises ExiEncodeError naming the element."""
    grammar = load_schema(schema)
    writer = BitWriter()
    writer.bits(_HEADER, 8)
    _write_root(writer, grammar, grammar.documents, len(grammar.documents).bit_length(), document)
    return _with_tail(writer.finish(), document.tail)


def decode_fragment(data: bytes, schema: str, *, limits: Limits = DEFAULT_LIMITS) -> Document:
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
    return _finish(reader, document)


def encode_fragment(document: Document, schema: str, *, hits: bool = True) -> bytes:
    """Encode one element as an EXI fragment: what its digest, or a signature, is taken of.

    `document.value` is the element's value as `decode` gives it inside of the message. `hits`:
    whether texts that were decoded from the string table are written as indices again.
    """
    grammar = load_schema(schema)
    writer = BitWriter(hits=hits)
    writer.bits(_HEADER, 8)
    count = len(grammar.fragments)
    width = (count + 1).bit_length()
    _write_root(writer, grammar, grammar.fragments, width, document)
    writer.bits(count + 1, width)
    return _with_tail(writer.finish(), document.tail)


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


def _start(data: bytes, limits: Limits, *, strict: bool = False) -> BitReader:
    reader = BitReader(data, limits, strict=strict)
    header = reader.bits(8)
    if header != _HEADER:
        raise ExiDecodeError(f"header {header:#04x}, expected 0x80", bit_offset=0)
    return reader


def _finish(reader: BitReader, document: Document) -> Document:
    """`document` with the tail of its stream."""
    reader.check_end()
    rest = reader.end - reader.pos
    padding = reader.bits(rest & 7)
    octets = reader.octets(rest >> 3)
    if not padding and not octets:
        return document
    tail = bytes((padding,)) + octets
    return Document(document.namespace, document.name, document.value, tail)


def _with_tail(exi: bytes, tail: bytes) -> bytes:
    return exi[:-1] + bytes((exi[-1] | tail[0],)) + tail[1:] if tail else exi
