"""The official schemas, as the judge of what was translated."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs

_FOLDER = {"1.6": "ocpp.v16", "2.0.1": "ocpp.v201", "2.1": "ocpp.v21"}
VERSIONS = tuple(_FOLDER)


def _schema(version: str, name: str) -> dict[str, Any]:
    text = (files(_FOLDER[version]) / "schemas" / f"{name}.json").read_text("utf-8-sig")
    schema: dict[str, Any] = json.loads(text)
    return schema


@cache
def _validator(version: str, name: str) -> Any:
    return jsonschema_rs.validator_for(_schema(version, name))


def _request_name(version: str, action: str) -> str:
    return action if version == "1.6" else f"{action}Request"


def request_schema(version: str, action: str) -> dict[str, Any]:
    return _schema(version, _request_name(version, action))


def check_request(version: str, action: str, payload: dict[str, Any]) -> None:
    """Raises with the schema's complaint."""
    _validator(version, _request_name(version, action)).validate(json.loads(json.dumps(payload)))


def check_response(version: str, action: str, payload: dict[str, Any]) -> None:
    """Raises with the schema's complaint."""
    _validator(version, f"{action}Response").validate(json.loads(json.dumps(payload)))


def actions(version: str) -> set[str]:
    """All actions of a version, both directions, from the names of its schema files."""
    names = {
        path.name.removesuffix(".json")
        for path in (files(_FOLDER[version]) / "schemas").iterdir()
        if path.name.endswith(".json")
    }
    return {n.removesuffix("Request").removesuffix("Response") for n in names}
