"""Signals from grid and market by REST: the same as over MQTT (docs/mqtt.md)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from csms.api.access import Principal, needs
from csms.api.feeders import feeder_meant
from csms.api.problems import ProblemError
from csms.api.routes.common import Deps
from csms.api.signals import KINDS, MAX_PAYLOAD_BYTES, SignalRefused, deliver, read_signal
from csms.api.wire import PROBLEMS, accepts_schema, read_bytes, schema_of
from csms.services.api_keys import Role

router = APIRouter(prefix="/v1", tags=["grid"])
GridOperator = Annotated[Principal, Depends(needs(Role.GRID_OPERATOR))]
_BODY = {"oneOf": [schema_of(kind) for kind in KINDS.values()]}


@router.post(
    "/signals/{kind}",
    status_code=204,
    responses={204: {"description": "Taken."}, **PROBLEMS},
    openapi_extra=accepts_schema(_BODY),
)
async def give_signal(
    request: Request,
    kind: Annotated[str, Path(pattern=r"^[a-z-]{1,32}$", description=", ".join(KINDS))],
    deps: Deps,
    who: GridOperator,  # noqa: ARG001
    feeder: Annotated[
        str | None,
        Query(max_length=64, description="Which one; may be left out when there is one."),
    ] = None,
) -> Response:
    """Frequency, price, feeder limit, AGC setpoint or reserve to hold, for one feeder.

    Not audited one by one: an AGC setpoint comes every second; a signal is counted by kind and outcome.
    """
    label = kind if kind in KINDS else "other"
    to = feeder_meant(deps.feeders, feeder).signals
    try:
        signal = read_signal(kind, await read_bytes(request, MAX_PAYLOAD_BYTES), deps.clock.now())
    except SignalRefused as refused:
        deps.metrics.signal(label, str(refused))
        raise ProblemError(422, "signal_refused", f"{label}: {refused}") from None
    deliver(signal, to)
    deps.metrics.signal(label, "taken")
    return Response(status_code=204)
