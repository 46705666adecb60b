"""The official JSON schemas, compiled when first needed, and what a failure means on the wire.

A payload is checked once, as a whole. Only a refused one is walked again, to say where and why. Which code
a failed keyword becomes follows the definitions of OCPP-J 2.1, table 9:

    type                              TypeConstraintViolation        "violates data type constraints"
    required, minItems, maxItems      OccurrenceConstraintViolation  "violates occurrence constraints"
    additionalProperties              FormatViolation                a field the message does not have
    enum, const, format, lengths,
    ranges, multipleOf, pattern       PropertyConstraintViolation    "contains an invalid value"
"""

from __future__ import annotations

from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Protocol

import jsonschema_rs
import msgspec
import orjson

from csms.ocppj.errors import ErrorCode
from csms.ocppj.frame import Payload
from csms.ocppj.version import OcppVersion

_DIRECTORY: Final = MappingProxyType(
    {OcppVersion.V16: "v16", OcppVersion.V201: "v201", OcppVersion.V21: "v21"}
)
_CODE: Final = MappingProxyType(
    {
        "type": ErrorCode.TYPE_CONSTRAINT_VIOLATION,
        "required": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        "minItems": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        "maxItems": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        "additionalProperties": ErrorCode.FORMAT_VIOLATION,
    }
)


class SchemaDirectory(Protocol):
    """Where ``<name>.json`` files are: a ``pathlib.Path`` or an importlib ``Traversable``."""

    def joinpath(self, name: str, /) -> Any: ...


class Violation(msgspec.Struct, frozen=True):
    """Why a payload was refused. The description names the JSON path, never the value found there."""

    code: ErrorCode
    description: str


class Schemas:
    """The schemas of one version and edition; share one instance between all sessions.

    ``directory`` replaces the edition that ships with PyPI ``ocpp`` (1.6 with errata 2019-12; 2.0.1
    Edition 3; 2.1 Edition 1) by another one's folder of files with the same names.
    """

    def __init__(self, version: OcppVersion, directory: SchemaDirectory | None = None) -> None:
        self.version = version
        self._directory = directory or files("ocpp").joinpath(_DIRECTORY[version], "schemas")
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    def violation(self, schema: str, payload: Payload) -> Violation | None:
        """None when ``payload`` satisfies the schema of that name, else the first thing wrong with it.

        Raises ``FileNotFoundError`` when the edition has no such schema.
        """
        validator = self._validators.get(schema)
        if validator is None:
            validator = self._compile(schema)
        if validator.is_valid(payload):
            return None
        try:
            validator.validate(payload)
        except jsonschema_rs.ValidationError as error:
            return _explain(error)
        return None  # pragma: no cover - is_valid and validate agree

    def compile_all(self, names: list[str]) -> None:
        """Compile ahead of the first message, so that no station pays for it."""
        for name in names:
            if name not in self._validators:
                self._compile(name)

    def _compile(self, schema: str) -> jsonschema_rs.Validator:
        text = self._directory.joinpath(f"{schema}.json").read_text(encoding="utf-8-sig")
        # Formats are read by csms.translate: stations in the field send times without an offset, which
        # RFC 3339 forbids and the schema's format would refuse.
        validator = jsonschema_rs.validator_for(
            orjson.loads(text), validate_formats=False, mask="the value", offline=True
        )
        self._validators[schema] = validator
        return validator


def _explain(error: jsonschema_rs.ValidationError) -> Violation:
    keyword = str(error.schema_path[-1]) if error.schema_path else "schema"
    code = _CODE.get(keyword, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION)
    path = "$" + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path
    )
    return Violation(code, f"{path}: {error.message}")
