"""The price over REST."""

from __future__ import annotations

import httpx
import pytest

from csms.domain.records import TransactionRecord
from csms.domain.transaction import Transaction
from csms.ids import StationId, TransactionId
from csms.services.api_keys import Role
from tests.unit.api.fakes import Site


async def test_a_price_is_posted_shown_and_audited(site: Site, client: httpx.AsyncClient) -> None:
    operator = await site.key(Role.OPERATOR)
    assert (await client.get("/v1/tariff", headers=operator)).status_code == 404
    for price in ("0.25", 0.31):
        body = {"import_per_kwh": price, "export_per_kwh": "0.2", "why": "day-ahead"}
        answer = await client.post("/v1/tariff", json=body, headers=operator)
        assert answer.status_code == 201, answer.text
    shown = (await client.get("/v1/tariff", headers=operator)).json()
    assert shown["import_per_kwh"] == "0.31"
    listed = (await client.get("/v1/tariffs", headers=operator)).json()
    assert [t["import_per_kwh"] for t in listed] == ["0.25", "0.31"]
    posts = [a for a in site.store.audits if a.action == "PostTariff"]
    assert [a.detail["why"] for a in posts] == ["day-ahead", "day-ahead"]


@pytest.mark.parametrize(
    "body",
    [{}, {"import_per_kwh": "cheap"}, {"import_per_kwh": "1e9"}, {"import_per_kwh": "1", "x": 2}],
)
async def test_what_is_no_price_is_a_problem(
    site: Site, client: httpx.AsyncClient, body: dict[str, object]
) -> None:
    answer = await client.post("/v1/tariff", json=body, headers=await site.key(Role.OPERATOR))
    assert answer.status_code == 422
    assert not [a for a in site.store.audits if a.action == "PostTariff"]


async def test_the_cost_of_a_session(site: Site, client: httpx.AsyncClient) -> None:
    viewer = await site.key(Role.VIEWER)
    missing = await client.get("/v1/stations/CP-1/transactions/none/cost", headers=viewer)
    assert missing.status_code == 404
    tx = Transaction(station_id=StationId("CP-1"), transaction_id=TransactionId("t"), evse_id=1)
    await site.store.commit(TransactionRecord(transaction=tx))
    answer = await client.get("/v1/stations/CP-1/transactions/t/cost", headers=viewer)
    assert answer.status_code == 200
    assert answer.json()["amount"] == "0.00"
    assert answer.json()["final"] is False
