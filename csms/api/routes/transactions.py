"""Transactions and meter values."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import AwareDatetime

from csms.api.access import Viewer
from csms.api.problems import ProblemError
from csms.api.routes.common import Deps, Limit, StationPath, StationQuery
from csms.api.views import (
    MeterView,
    Page,
    TransactionView,
    meter_view,
    read_transaction_cursor,
    transaction_cursor,
    transaction_view,
)
from csms.api.wire import reply, returns
from csms.domain.errors import NotFound
from csms.ids import EvseKey, StationId, TransactionId
from csms.services.api_keys import Role

router = APIRouter(prefix="/v1", tags=["transactions"])
MAX_SPAN = timedelta(days=31)


@router.get("/transactions", responses=returns(Page[TransactionView]))
async def list_transactions(
    deps: Deps,
    who: Viewer,
    station_id: StationQuery = None,
    after: Annotated[str | None, Query(max_length=512)] = None,
    limit: Limit = 100,
) -> Response:
    """Newest first. Tokens are shown in part to viewers."""
    found = await deps.history.transactions(
        station_id=StationId(station_id) if station_id else None,
        after=read_transaction_cursor(after) if after else None,
        limit=limit,
    )
    show = who.role.covers(Role.OPERATOR)
    items = tuple(transaction_view(tx, show_token=show) for tx in found)
    return reply(
        Page(items=items, next=transaction_cursor(found[-1]) if len(found) == limit else None)
    )


@router.get(
    "/stations/{station_id}/transactions/{transaction_id}", responses=returns(TransactionView)
)
async def show_transaction(
    station_id: StationPath,
    transaction_id: Annotated[str, Path(min_length=1, max_length=64)],
    deps: Deps,
    who: Viewer,
) -> Response:
    tx = await deps.history.transaction(StationId(station_id), TransactionId(transaction_id))
    if tx is None:
        raise NotFound(f"{station_id} has no transaction {transaction_id}")
    return reply(transaction_view(tx, show_token=who.role.covers(Role.OPERATOR)))


@router.get(
    "/stations/{station_id}/evses/{evse_id}/meter-values",
    responses=returns(list[MeterView], "Oldest first."),
)
async def meter_values(
    station_id: StationPath,
    evse_id: Annotated[int, Path(ge=0, le=10_000)],
    deps: Deps,
    _who: Viewer,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> Response:
    """The last hour unless ``since`` and ``until`` say otherwise; EVSE 0 is the main meter."""
    end = until or deps.clock.now()
    try:
        begin = since or end - timedelta(hours=1)
        span = end - begin
    except OverflowError:
        raise ProblemError(422, "invalid_request", "until: out of range") from None
    if not timedelta(0) <= span <= MAX_SPAN:
        raise ProblemError(
            422, "invalid_request", f"since and until: at most {MAX_SPAN.days} days, in this order"
        )
    evse = EvseKey(StationId(station_id), evse_id)
    found = await deps.history.meter_values(evse, begin, end, limit)
    return reply([meter_view(record) for record in found])
