"""Pages over what is stored: one station, and all transactions."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Request, Response

from csms.api.routes.common import Deps, StationPath
from csms.api.routes.stations import hide_secret
from csms.api.views import (
    command_view,
    read_transaction_cursor,
    station_view,
    transaction_cursor,
    transaction_view,
)
from csms.domain.errors import NotFound
from csms.ids import StationId
from csms.services.api_keys import Role
from csms.web.access import ViewerPage

router = APIRouter(include_in_schema=False)
PAGE = 50
MAX_MESSAGE_CHARS = 4_000


@router.get("/stations/{station_id}")
async def station_page(
    request: Request, station_id: StationPath, deps: Deps, who: ViewerPage
) -> Response:
    name = StationId(station_id)
    record, state = await deps.history.station(name), deps.fleet.get(name)
    if record is None and state is None:
        raise NotFound(f"no station {name}")
    show = who.role.covers(Role.OPERATOR)
    found = await deps.history.transactions(station_id=name, limit=10)
    response: Response = request.app.state.pages.render(
        "station.html",
        who,
        station=station_view(record, state),
        now=deps.clock.now(),
        url=f"{deps.station_url}/{quote(name, safe='')}",
        transactions=[transaction_view(tx, show_token=show) for tx in found],
        commands=[
            command_view(one) for one in await deps.history.commands(station_id=name, limit=15)
        ],
        variables=[hide_secret(one) for one in await deps.history.variables(name)],
        messages=[
            (entry, msgspec.json.encode(entry.frame).decode()[:MAX_MESSAGE_CHARS])
            for entry in deps.messages.recent(name, 40)
        ],
    )
    return response


@router.get("/transactions")
async def transactions_page(
    request: Request, deps: Deps, who: ViewerPage, after: str | None = None
) -> Response:
    found = await deps.history.transactions(
        after=read_transaction_cursor(after) if after else None, limit=PAGE
    )
    show = who.role.covers(Role.OPERATOR)
    response: Response = request.app.state.pages.render(
        "transactions.html",
        who,
        transactions=[transaction_view(tx, show_token=show) for tx in found],
        next=transaction_cursor(found[-1]) if len(found) == PAGE else None,
    )
    return response
