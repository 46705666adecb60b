"""Everything that can go wrong in the EXI codec.

::

    ExiError(ValueError)
    ├── ExiDecodeError        the stream is broken, or is not of the schema
    │   ├── ExiDeviationError the stream leaves the schema where the codec does not follow
    │   └── ExiLimitError     the stream would exceed a configured limit
    ├── ExiEncodeError        the value does not fit the schema
    └── ExiSchemaError        a table or an XSD file cannot be used
"""

from __future__ import annotations


class ExiError(ValueError):
    """Base of the codec's errors; `path` names the elements from the root to the fault."""

    def __init__(self, message: str, *, bit_offset: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.bit_offset = bit_offset
        self.path: list[str] = []

    def __str__(self) -> str:
        where = "/".join(self.path)
        offset = "" if self.bit_offset is None else f" at bit {self.bit_offset}"
        return f"{where}: {self.message}{offset}" if where else f"{self.message}{offset}"


class ExiDecodeError(ExiError):
    """The stream is broken, or does not follow the schema."""


class ExiDeviationError(ExiDecodeError):
    """The stream uses an undeclared production (schema deviation) that has no value here."""


class ExiLimitError(ExiDecodeError):
    """The stream is larger or deeper than the limits allow."""


class ExiEncodeError(ExiError):
    """The value does not fit the schema."""


class ExiSchemaError(ExiError):
    """A schema table or an XSD file cannot be used."""
