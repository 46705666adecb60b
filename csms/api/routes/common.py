"""Parameters that several resources share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from csms.api.deps import ApiDeps


def deps_of(request: Request) -> ApiDeps:
    deps: ApiDeps = request.app.state.deps
    return deps


Deps = Annotated[ApiDeps, Depends(deps_of)]
STATION_ID_PATTERN = r"^[^\x00-\x1f\x7f/:]{1,48}$"
StationPath = Annotated[
    str, Path(pattern=STATION_ID_PATTERN, description="The station's identity, byte for byte.")
]
StationQuery = Annotated[
    str | None,
    Query(alias="station", pattern=STATION_ID_PATTERN, description="Only this station's."),
]
Limit = Annotated[int, Query(ge=1, le=1000, description="At most this many items.")]
