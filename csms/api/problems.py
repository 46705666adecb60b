"""Errors as problem documents (RFC 9457). Only here do domain errors become HTTP statuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from csms.domain.errors import (
    DomainError,
    InvalidInput,
    NotCapable,
    NotConnected,
    NotExpressible,
    NotFound,
    NotPermitted,
    StoreUnavailable,
)

MEDIA_TYPE = "application/problem+json"
MAX_DETAIL_CHARS = 1_000


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457 with ``code``, a stable word for programs."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    errors: tuple[dict[str, Any], ...] = ()
    """For invalid input: where and what."""


class ProblemError(Exception):
    """Raise anywhere in the API to answer with a problem document."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[dict[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


_STATUS_OF: dict[type[DomainError], int] = {
    NotFound: 404,
    NotConnected: 409,
    NotExpressible: 422,
    NotCapable: 422,
    NotPermitted: 409,
    InvalidInput: 422,
    StoreUnavailable: 503,
}


def install_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(ProblemError, _from_problem)
    app.add_exception_handler(DomainError, _from_domain)
    app.add_exception_handler(RequestValidationError, _from_validation)
    app.add_exception_handler(HTTPException, _from_http)
    app.add_exception_handler(Exception, _from_anything)


def problem_response(error: ProblemError) -> Response:
    problem = Problem(
        type=f"urn:csms:problem:{error.code}",
        title=HTTPStatus(error.status).phrase,
        status=error.status,
        code=error.code,
        detail=error.detail[:MAX_DETAIL_CHARS],
        errors=error.errors,
    )
    return Response(
        msgspec.json.encode(problem),
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers=error.headers,
    )


async def _from_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return problem_response(error)


async def _from_domain(_request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    status = _STATUS_OF.get(type(error), 422)
    headers = {"Retry-After": "5"} if status == 503 else {}
    return problem_response(ProblemError(status, error.code, error.message, headers=headers))


async def _from_validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # Never the input itself: it may be a secret.
    faults = [
        {"where": ".".join(str(part) for part in fault["loc"]), "what": fault["msg"]}
        for fault in error.errors()[:20]
    ]
    detail = "; ".join(f"{fault['where']}: {fault['what']}" for fault in faults)
    return problem_response(ProblemError(422, "invalid_request", detail, errors=faults))


async def _from_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = HTTPStatus(error.status_code).name.lower()
    return problem_response(
        ProblemError(error.status_code, code, str(error.detail), headers=error.headers)
    )


async def _from_anything(_request: Request, _error: Exception) -> Response:
    # The server logs the traceback; the peer learns nothing of it.
    return problem_response(ProblemError(500, "internal_error", "the request could not be handled"))
