"""What all sections share: closed, immutable, and every secret may come from a file instead."""

from __future__ import annotations

import types
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, SecretStr, model_validator
from pydantic.fields import FieldInfo

FILE_SUFFIX = "_file"
MAX_SECRET_BYTES = 4096


class Section(BaseModel):
    """A section of the configuration. Unknown keys are refused; docstrings become the file's comments."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        values = dict(data)
        for name, info in cls.model_fields.items():
            if not is_secret(info) or f"{name}{FILE_SUFFIX}" not in values:
                continue
            path = Path(str(values.pop(f"{name}{FILE_SUFFIX}")))
            if name in values:
                raise ValueError(f"give either {name} or {name}{FILE_SUFFIX}, not both")
            values[name] = _read_secret(path)
        return values


def is_secret(info: FieldInfo) -> bool:
    return info.annotation is SecretStr or info.annotation == (SecretStr | None)


def accepted_keys(section: type[BaseModel]) -> list[str]:
    """Every key that may stand in the section, ``*_file`` twins of secrets included."""
    keys: list[str] = []
    for name, info in section.model_fields.items():
        keys.append(info.alias or name)
        if is_secret(info):
            keys.append(f"{name}{FILE_SUFFIX}")
    return keys


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The section that a field holds: itself, optionally, or as a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, tuple):
        for part in get_args(annotation):
            found = section_of(part)
            if found is not None:
                return found
    return None


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _read_secret(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
        if len(raw) > MAX_SECRET_BYTES:
            raise ValueError(f"{path} is longer than {MAX_SECRET_BYTES} bytes")
        return raw.decode().strip()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
