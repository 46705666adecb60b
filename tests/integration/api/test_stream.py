"""Server-sent events over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from csms.api.app import create_api
from csms.domain.values import MeterReading
from csms.ids import EvseKey, StationId
from csms.services.api_keys import Role
from csms.web.app import create_web
from tests.unit.api.fakes import T0, Site, make_site


@asynccontextmanager
async def serving(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    app = create_web(create_api(site.deps), site.deps)
    config = uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.wait({task}, timeout=0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    headers = await site.key(Role.VIEWER)
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20
        ) as client:
            yield client
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def events(
    client: httpx.AsyncClient, path: str
) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    async with client.stream("GET", path) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")

        async def read() -> AsyncIterator[tuple[str, Any]]:
            name = ""
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    yield name, json.loads(line[6:])

        yield read()


async def test_notes_arrive_as_resources_and_only_those_asked_for() -> None:
    site = make_site()
    station = site.deps.fleet.station(StationId("CP-1"))
    station.evse(1).reading = MeterReading(at=T0, power_w=7_000.0)
    async with serving(site) as client, events(client, "/v1/stream?topics=evse,alarm") as stream:
        assert (await anext(stream))[0] == "hello"
        site.deps.live.publish("station", StationId("CP-1"))
        site.deps.live.publish("evse", EvseKey(StationId("CP-1"), 1))
        site.deps.live.publish("alarm", "bus 17 is low")
        name, data = await anext(stream)
        assert (name, data["station_id"], data["measured_w"]) == ("evse", "CP-1", 7_000.0)
        assert await anext(stream) == ("alarm", {"message": "bus 17 is low"})
        assert (await anext(stream))[0] == "tick"


async def test_a_slow_watcher_is_told_what_it_lost_and_slows_nobody() -> None:
    site = make_site()
    async with serving(site) as client, events(client, "/v1/stream?topics=alarm") as stream:
        await anext(stream)
        for number in range(5_000):  # in one turn of the loop: nobody can read meanwhile
            site.deps.live.publish("alarm", str(number))
        seen = [await anext(stream) for _ in range(3)]
        lost = next(data["count"] for name, data in seen if name == "lost")
        assert 3_900 < lost <= 4_000


async def test_streams_are_bounded_and_their_places_come_back() -> None:
    site = make_site(max_streams=2)
    async with serving(site) as client:
        async with events(client, "/v1/stream") as one, events(client, "/v1/stream") as two:
            await anext(one)
            await anext(two)
            third = await client.get("/v1/stream")
            assert (third.status_code, third.json()["code"]) == (503, "too_many_streams")
        for _ in range(100):
            await asyncio.sleep(0.05)
            if len(site.deps.live._watches) == 1:
                break
        assert len(site.deps.live._watches) == 1  # the overview's own
        async with events(client, "/v1/stream") as again:
            await anext(again)


@pytest.mark.parametrize("path", ["/v1/stream?topics=weather", "/v1/stream?topics=,"])
async def test_an_unknown_topic_is_refused(path: str) -> None:
    async with serving(make_site()) as client:
        answer = await client.get(path)
        assert answer.status_code == 422
        assert "one of station, evse" in answer.json()["detail"]
