"""The report on a driver's battery over REST."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from csms.services.api_keys import Role
from tests.unit.api.fakes import Site
from tests.unit.battery.test_driver_report import T0, session

PATH = "/v1/vehicles/DRIVER/battery-report"


async def test_a_driver_can_be_told_of_the_battery(site: Site, client: httpx.AsyncClient) -> None:
    for n in range(20):
        evening = session(n, T0 + timedelta(days=n), soc=True, token="DRIVER")
        await site.store.commit(*evening)
    headers = await site.key(Role.OPERATOR)
    query = {"battery_kwh": 50, "pack": "sony-lfp"}
    answer = await client.get(PATH, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert report["packs"] == ["sony-lfp"]
    assert report["days"] == pytest.approx(19.0, abs=1.0)
    low, high = report["capacity_frac"]
    assert 0.9 < low <= high < 1.0
    assert report["exported_kwh"] > 0.0
    assert "From 20 sessions" in report["text"]


@pytest.mark.parametrize(
    ("query", "status"), [({}, 404), ({"battery_kwh": 0}, 422), ({"temperature_c": "warm"}, 422)]
)
async def test_no_history_or_no_car(
    site: Site, client: httpx.AsyncClient, query: dict[str, object], status: int
) -> None:
    headers = await site.key(Role.OPERATOR)
    answer = await client.get(PATH, params=query, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_unknown_cell_model(site: Site, client: httpx.AsyncClient) -> None:
    await site.store.commit(*session(1, T0, soc=True, token="DRIVER"))
    headers = await site.key(Role.OPERATOR)
    answer = await client.get(PATH, params={"pack": "none"}, headers=headers)
    assert answer.status_code == 422
    assert "none" in answer.json()["detail"]
