"""Writes scenarios as TOML (the standard library only reads it)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from charger_sim.scenario import Scenario


def scenario_to_toml(scenario: Scenario) -> str:
    """Only what differs from the defaults is written, apart from the required fields."""
    return "\n".join(_table(_explicit(scenario), ())).lstrip("\n") + "\n"


def _explicit(value: Any) -> Any:
    """Structs as dicts without their defaults."""
    if isinstance(value, msgspec.Struct):
        return {
            field.name: _explicit(getattr(value, field.name))
            for field in msgspec.structs.fields(value)
            if field.required or getattr(value, field.name) != field.default
        }
    if isinstance(value, tuple):
        return [_explicit(item) for item in value]
    return value


def _table(data: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    nested = {k: v for k, v in data.items() if isinstance(v, dict)}
    arrays = {k: v for k, v in data.items() if isinstance(v, list)}
    for key, value in data.items():
        if key not in nested and key not in arrays:
            yield f"{key} = {json.dumps(value)}"
    for key, value in nested.items():
        yield f"\n[{'.'.join((*path, key))}]"
        yield from _table(value, (*path, key))
    for key, values in arrays.items():
        for value in values:
            yield f"\n[[{'.'.join((*path, key))}]]"
            yield from _table(value, (*path, key))
