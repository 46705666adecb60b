from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from csms.api.app import create_api
from csms.domain.records import StationRecord
from csms.ids import StationId
from csms.services.api_keys import Role
from csms.web.app import create_web
from tests.unit.api.fakes import Site, make_site


@pytest.fixture
async def site() -> Site:
    made = make_site()
    station = made.deps.fleet.station(StationId("CP-1"))
    station.connected, station.version = True, "2.0.1"
    await made.store.commit(StationRecord(station_id=StationId("CP-1"), enabled=True))
    return made


@pytest.fixture
def app(site: Site) -> FastAPI:
    return create_web(create_api(site.deps), site.deps)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://csms.test") as made:
        yield made


@pytest.fixture
async def admin(site: Site) -> dict[str, str]:
    return await site.key(Role.ADMIN)
