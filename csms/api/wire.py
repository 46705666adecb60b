"""JSON in and out by msgspec: bounded bodies, strict types, no unknown fields, and the schemas for OpenAPI."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec
from fastapi import Request, Response

from csms.api.problems import MEDIA_TYPE, Problem, ProblemError

T = TypeVar("T")
REF_TEMPLATE = "#/components/schemas/{name}"
MAX_DEPTH = 32
_documented: dict[str, Any] = {}


async def read_bytes(request: Request, limit: int) -> bytes:
    """The body; 413 as soon as it exceeds ``limit`` bytes."""
    told = request.headers.get("content-length", "0")
    if told.isdecimal() and int(told[:12]) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    return b"".join(parts)


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object, nested at most ``MAX_DEPTH`` deep."""
    media = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if media != "application/json":
        raise ProblemError(415, "unsupported_media_type", "send application/json")
    raw = await read_bytes(request, request.app.state.deps.max_body_bytes)
    try:
        data = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ProblemError(400, "malformed_json", f"the body is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise ProblemError(422, "invalid_request", "the body must be a JSON object")
    if _depth(data) > MAX_DEPTH:
        raise ProblemError(422, "invalid_request", f"nested deeper than {MAX_DEPTH} levels")
    return data


def convert(data: Any, kind: type[T], where: str = "body") -> T:
    """``data`` as ``kind``, strictly; 422 that names the field otherwise."""
    try:
        value = msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise ProblemError(
            422,
            "invalid_request",
            f"{where}: {error}",
            errors=[{"where": where, "what": str(error)}],
        ) from None
    unknown = unknown_field(data, msgspec.to_builtins(value), where)
    if unknown is not None:
        raise ProblemError(422, "unknown_field", unknown)
    return value


def unknown_field(given: Any, understood: Any, where: str) -> str | None:
    """The first key in ``given`` that ``understood`` (the same value, written back) does not have."""
    if isinstance(given, dict) and isinstance(understood, dict):
        for key, value in given.items():
            if key not in understood:
                near = get_close_matches(str(key), [str(known) for known in understood], n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                return f"{where}: unknown field {str(key)[:64]}{hint}"
            found = unknown_field(value, understood[key], f"{where}.{key}")
            if found is not None:
                return found
    elif isinstance(given, list) and isinstance(understood, list | tuple):
        for index, (one, other) in enumerate(zip(given, understood, strict=False)):
            found = unknown_field(one, other, f"{where}[{index}]")
            if found is not None:
                return found
    return None


def reply(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(data),
        status_code=status,
        media_type="application/json",
        headers=dict(headers) if headers else None,
    )


def schema_of(kind: Any) -> dict[str, Any]:
    """The OpenAPI schema of ``kind``; its components go into the document."""
    (schema,), components = msgspec.json.schema_components([kind], ref_template=REF_TEMPLATE)
    _documented.update(components)
    return schema


def returns(
    kind: Any, description: str = "The resource.", status: int = 200
) -> dict[int | str, dict[str, Any]]:
    """For FastAPI's ``responses``: a success of ``kind``, and problems for everything else."""
    return {
        status: {
            "description": description,
            "content": {"application/json": {"schema": schema_of(kind)}},
        },
        **PROBLEMS,
    }


def accepts(kind: Any) -> dict[str, Any]:
    """For FastAPI's ``openapi_extra``: a JSON body of ``kind``."""
    return accepts_schema(schema_of(kind))


def accepts_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def document_components(components: Mapping[str, Any]) -> None:
    _documented.update(components)


def documented_components() -> dict[str, Any]:
    """The schemas of every type that a route named."""
    return dict(sorted(_documented.items()))


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "The request cannot be served as it is.",
        "content": {MEDIA_TYPE: {"schema": schema_of(Problem)}},
    },
    "503": {
        "description": "The store or the stream is not available now.",
        "content": {MEDIA_TYPE: {"schema": schema_of(Problem)}},
    },
}


def _depth(data: Any) -> int:
    deepest, level = 0, [data]
    while level:
        deepest += 1
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return deepest


def _too_large(limit: int) -> ProblemError:
    return ProblemError(413, "body_too_large", f"the body is larger than {limit} bytes")
