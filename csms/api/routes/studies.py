"""Studies as resources: what there is, and one computation at a time."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Request, Response

from csms.api.access import Operator, Viewer
from csms.api.problems import ProblemError
from csms.api.studies import STUDIES, Study
from csms.api.wire import accepts_schema, convert, read_object, reply, returns
from csms.domain.errors import NotFound
from csms.grid.jsonable import to_jsonable

router = APIRouter(prefix="/v1", tags=["studies"])
MAX_SECONDS = 120.0
_one_at_a_time = asyncio.Semaphore(1)
Name = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,40}$", description="Which study.")]


class StudyView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    summary: str
    params: dict[str, Any]
    """JSON schema of its parameters; all have defaults."""


@router.get("/studies", responses=returns(tuple[StudyView, ...]))
async def list_studies(_who: Viewer) -> Response:
    """Every study with the schema of its parameters."""
    return reply(
        [
            StudyView(name=s.name, summary=s.summary, params=msgspec.json.schema(s.params))
            for s in STUDIES.values()
        ]
    )


@router.post(
    "/studies/{name}",
    responses=returns(dict[str, Any], "Figures, or the plot when image/png is accepted."),
    openapi_extra=accepts_schema({"type": "object"}),
)
async def run_study(name: Name, request: Request, _who: Operator) -> Response:
    """Compute with the parameters in the body. ``Accept: image/png`` answers with the plot."""
    study = STUDIES.get(name)
    if study is None:
        raise NotFound(f"no study {name!r}; there are {', '.join(STUDIES)}")
    given = await read_object(request)
    if "feeder" in given and not str(given["feeder"]).replace("-", "").isalnum():
        raise ProblemError(
            422, "invalid_request", "over REST a feeder is given by its built-in name"
        )
    for name_of_file in study.files:
        if "\n" not in str(given.get(name_of_file) or "\n"):
            raise ProblemError(
                422, "invalid_request", f"{name_of_file}: over REST no file of this machine is read"
            )
    params = convert(given, study.params)
    as_png = "image/png" in request.headers.get("accept", "")
    if _one_at_a_time.locked():
        raise ProblemError(503, "busy", "another study is running; try again")
    async with _one_at_a_time:
        try:
            async with asyncio.timeout(MAX_SECONDS):
                body = await asyncio.to_thread(_compute, study, params, as_png)
        except TimeoutError:
            raise ProblemError(503, "too_long", f"not done within {MAX_SECONDS:.0f} s") from None
        except (ValueError, ArithmeticError) as error:
            raise ProblemError(422, "invalid_request", str(error)) from None
    return Response(body, media_type="image/png" if as_png else "application/json")


def _compute(study: Study[Any, Any], params: Any, as_png: bool) -> bytes:
    result = study.run(params)
    if as_png:
        from csms.api.plots.output import (
            png,
        )  # matplotlib, half a second that start-up need not wait for

        return png(study.plot(result), footer=f"study {study.name}")
    return msgspec.json.encode(to_jsonable(study.figures(result)))
