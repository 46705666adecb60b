"""The commented TOML: every key with its comment and its value, made from the model."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from csms.settings.base import FILE_SUFFIX, is_secret, section_of
from csms.settings.model import Settings

_HEADER = """\
# Configuration of the central system: every key with its default.
# The environment wins over this file: CSMS__STORE__URL sets store.url.
# A secret may be given as a file instead: url_file = "/run/secrets/store-url".
"""
_HIDDEN = "***"


def render_toml(settings: Settings | None = None) -> str:
    """The whole configuration as commented TOML, of ``settings`` or of the defaults. Secrets are not shown."""
    shown = settings if settings is not None else Settings.model_construct()
    parts = [_HEADER]
    for name, info in Settings.model_fields.items():
        section = section_of(info.annotation)
        value = getattr(shown, name)
        if section is None or (name == "site" and shown.sites):  # either the one or the others
            continue
        if isinstance(value, tuple):
            tables = [_table(name, section, item) for item in value]
            parts.append("\n".join(tables) if tables else _example(name, section, info))
        else:
            parts.append(_section(name, section, value, given=settings is not None))
    return "\n".join(parts)


def _section(path: str, model: type[BaseModel], value: Any, *, given: bool) -> str:
    lines = [*_comment(model.__doc__), f"[{path}]"]
    nested: list[str] = []
    for name, info in model.model_fields.items():
        child = section_of(info.annotation)
        current = getattr(value, name)
        if child is None:
            lines += _key(name, info, current, given=given)
        elif isinstance(current, tuple) and current:
            nested += [_table(f"{path}.{name}", child, item) for item in current]
        elif isinstance(current, BaseModel):
            nested.append(_section(f"{path}.{name}", child, current, given=given))
        else:
            nested.append(_example(f"{path}.{name}", child, info))
    return "\n".join(lines) + "\n" + "".join("\n" + text for text in nested)


def _key(name: str, info: FieldInfo, value: Any, *, given: bool) -> list[str]:
    lines = _comment(_description(info))
    if is_secret(info):
        if given and value is not None:
            return [*lines, f"# {name} = {json.dumps(_HIDDEN)}"]
        default = value.get_secret_value() if isinstance(value, SecretStr) else ""
        return [*lines, f"{'' if value else '# '}{name} = {_value(default)}"]
    if value is None:
        return [*lines, f'# {name} = ""']
    return [*lines, f"{name} = {_value(value)}"]


def _table(path: str, model: type[BaseModel], item: BaseModel) -> str:
    rows = [f"[[{path}]]"]
    nested: list[str] = []
    for name, info in model.model_fields.items():
        value, child = getattr(item, name), section_of(info.annotation)
        if child is not None and isinstance(value, tuple):
            nested += [_table(f"{path}.{name}", child, one) for one in value]
        elif value is not None and not is_secret(info):
            rows.append(f"{name} = {_value(value)}")
    return "\n".join(rows) + "\n" + "".join("\n" + text for text in nested)


def _example(path: str, model: type[BaseModel], info: FieldInfo) -> str:
    """A part that is absent by default, shown commented out."""
    is_list = get_origin(info.annotation) is tuple
    lines = _comment(_description(info) or model.__doc__)
    lines.append(f"# [[{path}]]" if is_list else f"# [{path}]")
    nested: list[str] = []
    for name, field in model.model_fields.items():
        child = section_of(field.annotation)
        if child is not None:
            nested.append("\n" + _example(f"{path}.{name}", child, field))
            continue
        lines += [
            f"#{line}" if line.startswith("#") else line for line in _comment(_description(field))
        ]
        shown = f"{name}{FILE_SUFFIX}" if is_secret(field) else name
        lines.append(f"# {shown} = {_value(_sample(field))}")
    return "\n".join(lines) + "\n" + "".join(nested)


def _sample(field: FieldInfo) -> Any:
    if field.default is not PydanticUndefined and field.default is not None:
        return field.default
    if field.annotation is float:
        return 11_000.0
    return ""


def _description(info: FieldInfo) -> str | None:
    text = info.description or ""
    if get_origin(info.annotation) is Literal:
        choices = ", ".join(str(choice) for choice in get_args(info.annotation))
        text = f"{text} One of: {choices}." if text else f"One of: {choices}."
    return text or None


def _comment(text: str | None) -> list[str]:
    if not text:
        return []
    flat = " ".join(text.split())
    return [f"# {line}" for line in textwrap.wrap(flat, 96)]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str | Path):
        return json.dumps(str(value), ensure_ascii=False)
    if isinstance(value, tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    raise TypeError(f"no TOML for {type(value).__name__}")
