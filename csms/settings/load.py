"""Read settings: a TOML file, then the environment (``CSMS__STORE__URL``), which wins."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource
from pydantic_settings.exceptions import SettingsError as EnvError

from csms.settings.base import accepted_keys, section_of
from csms.settings.model import Settings

ENV_PREFIX = "CSMS__"


class SettingsError(ValueError):
    """The configuration cannot be used; the message has one line for each fault and never a value."""


def load_settings(file: Path | None, environ: Mapping[str, str]) -> Settings:
    """Settings from defaults, ``file`` (if any) and ``environ``.

    Raises ``SettingsError`` that names file and key, with the nearest known key for an unknown one.
    """
    told = _read_toml(file) if file is not None else {}
    _refuse_unknown_environment(environ)
    where = str(file) if file is not None else "configuration"

    class _Env(EnvSettingsSource):
        def _load_env_vars(self) -> Mapping[str, str | None]:
            return {name.lower(): value for name, value in environ.items()}

    class _Loaded(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return _Env(settings_cls), init_settings

    try:
        loaded = _Loaded(**told)
    except EnvError as error:
        raise SettingsError(f"environment: {error}") from None
    except ValidationError as error:
        lines = [
            _explain(where, fault["loc"], fault["type"], fault["msg"]) for fault in error.errors()
        ]
        raise SettingsError("\n".join(lines)) from None
    return Settings.model_construct(
        **{name: getattr(loaded, name) for name in Settings.model_fields}
    )


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not TOML: {error}") from error


def _explain(where: str, loc: tuple[int | str, ...], kind: str, message: str) -> str:
    key = _dotted(loc)
    if kind == "extra_forbidden":
        return f"{where}: unknown key {key}{_did_you_mean(loc)}"
    return f"{where}: {key}: {message.removeprefix('Value error, ')}"


def _did_you_mean(loc: tuple[int | str, ...]) -> str:
    section = _section_at(loc[:-1])
    if section is None:
        return ""
    elsewhere = _anywhere(str(loc[-1]))
    if elsewhere is not None:
        return f"; did you mean {elsewhere}?"
    near = get_close_matches(str(loc[-1]), accepted_keys(section), n=1, cutoff=0.5)
    return f"; did you mean {_dotted((*loc[:-1], near[0]))}?" if near else ""


def _anywhere(key: str) -> str | None:
    """The same key in another section: written under the wrong heading."""
    for name, info in Settings.model_fields.items():
        section = section_of(info.annotation)
        if section is not None and key in accepted_keys(section):
            return f"{name}.{key}"
    return None


def _section_at(loc: tuple[int | str, ...]) -> type[BaseModel] | None:
    section: type[BaseModel] | None = Settings
    for part in loc:
        if isinstance(part, int) or section is None:
            continue
        info = section.model_fields.get(part)
        section = section_of(info.annotation) if info is not None else None
    return section


def _refuse_unknown_environment(environ: Mapping[str, str]) -> None:
    for name in environ:
        if not name.upper().startswith(ENV_PREFIX):
            continue
        path = tuple(part.lower() for part in name[len(ENV_PREFIX) :].split("__"))
        section = _section_at(path[:-1])
        if section is None or path[-1] not in accepted_keys(section):
            raise SettingsError(f"environment: unknown key {name}{_env_hint(path)}")


def _env_hint(path: tuple[str, ...]) -> str:
    for depth in range(len(path)):
        section = _section_at(path[:depth])
        if section is None:
            return ""
        keys = accepted_keys(section)
        if path[depth] not in keys:
            near = get_close_matches(path[depth], keys, n=1, cutoff=0.5)
            if not near:
                return ""
            fixed = (*path[:depth], near[0], *path[depth + 1 :])
            return f"; did you mean {ENV_PREFIX}{'__'.join(fixed).upper()}?"
    return ""


def _dotted(loc: tuple[int | str, ...]) -> str:
    text = ""
    for part in loc:
        text += f"[{part + 1}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text or "configuration"
