"""The official JSON schemas, as they ship in PyPI ``ocpp`` (read as files: the package is not run)."""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema_rs

_FOLDER = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}


@cache
def _root() -> Path:
    spec = find_spec("ocpp")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the package 'ocpp', which carries the OCPP schemas, is not installed")
    return Path(next(iter(spec.submodule_search_locations)))


@cache
def validator(version: str, action: str, *, response: bool) -> Any | None:
    """The validator of one message, or ``None`` when the version does not know the action."""
    suffix = "Response" if response else ("" if version == "1.6" else "Request")
    path = _root() / _FOLDER[version] / "schemas" / f"{action}{suffix}.json"
    if not response and not path.exists():  # SEND messages carry no suffix
        path = path.with_name(f"{action}.json")
    if not path.is_file():
        return None
    schema = json.loads(path.read_text(encoding="utf-8-sig"))
    return jsonschema_rs.validator_for(schema)
