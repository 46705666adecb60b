"""What happens, as it happens: server-sent events, bounded per watcher and in number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from csms.api.access import Viewer
from csms.api.deps import ApiDeps
from csms.api.problems import ProblemError
from csms.api.routes.common import Deps
from csms.api.views import command_view, evse_view, knock_view, station_view, transaction_view
from csms.api.wire import PROBLEMS
from csms.domain.commands import CommandRecord
from csms.domain.transaction import Transaction
from csms.ids import EvseKey, StationId
from csms.services.live import Note

router = APIRouter(prefix="/v1", tags=["stream"])
TOPICS = ("station", "evse", "transaction", "command", "feeder", "knock", "alarm")
TICK_S = 1.0
QUEUE_LIMIT = 1_000


class StreamSlots:
    """How many streams may be open at once."""

    def __init__(self, limit: int) -> None:
        self._free = limit

    def take(self) -> None:
        if self._free <= 0:
            raise ProblemError(
                503, "too_many_streams", "all live streams are taken", headers={"Retry-After": "5"}
            )
        self._free -= 1

    def give_back(self) -> None:
        self._free += 1


@router.get(
    "/stream",
    responses={
        200: {
            "description": "Server-sent events: one per topic, and a ``tick`` each second while nothing happens.",
            "content": {"text/event-stream": {}},
        },
        **PROBLEMS,
    },
)
async def stream(
    request: Request,
    deps: Deps,
    _who: Viewer,
    topics: Annotated[
        str | None, Query(max_length=200, description=f"Comma-separated: {', '.join(TOPICS)}.")
    ] = None,
) -> EventSourceResponse:
    """Live notes. A watcher that does not keep up loses the oldest and gets a ``lost`` event with their number."""
    wanted = tuple(part.strip() for part in topics.split(",")) if topics else ()
    for topic in wanted:
        if topic not in TOPICS:
            raise ProblemError(
                422, "invalid_request", f"topics: no topic {topic[:32]}; one of {', '.join(TOPICS)}"
            )
    slots: StreamSlots = request.app.state.streams
    slots.take()
    return EventSourceResponse(_events(deps, wanted, slots), ping=15)


async def _events(
    deps: ApiDeps, topics: tuple[str, ...], slots: StreamSlots
) -> AsyncIterator[ServerSentEvent]:
    watch = deps.live.watch(*topics, limit=QUEUE_LIMIT)
    told_lost = 0
    waiting: asyncio.Task[Note] | None = None
    try:
        yield _event("hello", {"at": deps.clock.now(), "topics": topics or TOPICS})
        while True:
            waiting = waiting or asyncio.ensure_future(anext(watch))
            done, _ = await asyncio.wait({waiting}, timeout=TICK_S)
            if not done:
                yield _event("tick", {"at": deps.clock.now()})
                continue
            note, waiting = waiting.result(), None
            if watch.lost > told_lost:
                yield _event("lost", {"count": watch.lost - told_lost})
                told_lost = watch.lost
            yield _event(note.topic, _shown(deps, note))
    finally:
        if waiting is not None:
            waiting.cancel()
        deps.live.unwatch(watch)
        slots.give_back()


def _event(name: str, data: Any) -> ServerSentEvent:
    return ServerSentEvent(data=msgspec.json.encode(data).decode(), event=name)


def _shown(deps: ApiDeps, note: Note) -> Any:
    """A note's data as the API shows that resource elsewhere."""
    data = note.data
    if isinstance(data, EvseKey):
        state = deps.fleet.get(data.station_id)
        return evse_view(state.evse(data.evse_id)) if state else {"evse": str(data)}
    if isinstance(data, CommandRecord):
        return command_view(data)
    if isinstance(data, Transaction):
        return transaction_view(data, show_token=False)
    if note.topic == "feeder":
        return data.view
    if note.topic == "station" and isinstance(data, str):
        state = deps.fleet.get(StationId(data))
        return station_view(None, state) if state else {"station_id": data}
    if note.topic == "knock" and hasattr(data, "claimed_id"):
        return knock_view(data)
    if isinstance(data, str):
        return {"message": data}
    return data
