"""EXI codec for the messages of ISO 15118 and DIN SPEC 70121, in the profile of ISO 15118.

`decode` and `encode` take whole documents, `decode_fragment` and `encode_fragment` the elements
that are signed; `pki.exi.values` tells how values look in Python, `pki.exi.errors` what can go
wrong, `pki.exi.messages` which table a V2GTP payload is coded by, `pki.exi.signature` what is digested
and signed, `pki.exi.restrictions` which values break a length or a range.
"""

from __future__ import annotations

from pki.exi.bits import DEFAULT_LIMITS, Limits
from pki.exi.codec import decode, decode_fragment, encode, encode_fragment
from pki.exi.errors import (
    ExiDecodeError,
    ExiDeviationError,
    ExiEncodeError,
    ExiError,
    ExiLimitError,
    ExiSchemaError,
)
from pki.exi.values import Document, Typed, Untyped

__all__ = [
    "DEFAULT_LIMITS",
    "Document",
    "ExiDecodeError",
    "ExiDeviationError",
    "ExiEncodeError",
    "ExiError",
    "ExiLimitError",
    "ExiSchemaError",
    "Limits",
    "Typed",
    "Untyped",
    "decode",
    "decode_fragment",
    "encode",
    "encode_fragment",
]
