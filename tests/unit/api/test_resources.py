"""What callers of the API notice: stations, transactions, problems, audit, secrets that stay hidden."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from csms.domain.events import RegistrationStatus
from csms.domain.records import MeterRecord, TransactionRecord, VariableRecord
from csms.domain.transaction import Register, Span, Transaction
from csms.domain.values import IdToken, MeterReading
from csms.ids import EvseKey, StationId, TransactionId
from csms.services.api_keys import Role
from tests.unit.api.fakes import T0, FakeKnock, Site


def a_transaction(number: int, station: str = "CP-1") -> Transaction:
    return Transaction(
        station_id=StationId(station),
        transaction_id=TransactionId(f"tx-{number}"),
        evse_id=1,
        token=IdToken(value="04A2C9E1"),
        started=T0 + timedelta(minutes=number // 2),  # pairs share an instant
        imported=Span(first=Register(at=T0, wh=100.0), last=Register(at=T0, wh=600.0)),
        seq_seen=((0, 1), (4, 4)),
    )


async def test_a_new_station_gets_its_password_once(
    client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    made = await client.post("/v1/stations", json={"station_id": "Gärage 7"}, headers=admin)
    assert made.status_code == 201
    assert made.json()["url"] == "ws://127.0.0.1:9000/ocpp/G%C3%A4rage%207"
    password = made.json()["password"]
    shown = await client.get(made.headers["location"], headers=admin)
    assert shown.json()["station_id"] == "Gärage 7"
    for path in ("/v1/stations", "/v1/audit", made.headers["location"]):
        assert password not in (await client.get(path, headers=admin)).text
    again = await client.post("/v1/stations", json={"station_id": "Gärage 7"}, headers=admin)
    assert (again.status_code, again.json()["code"]) == (409, "station_exists")


@pytest.mark.parametrize("bad", ["", "a/b", "a:b", "a\u0007", "x" * 49])
async def test_an_impossible_station_id_is_refused(
    client: httpx.AsyncClient, admin: dict[str, str], bad: str
) -> None:
    answer = await client.post("/v1/stations", json={"station_id": bad}, headers=admin)
    assert answer.status_code == 422


async def test_a_knock_is_shown_and_accepted(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    site.admission.waiting.append(FakeKnock(claimed_id="NEW"))
    knocks = (await client.get("/v1/knocks", headers=admin)).json()
    assert [(one["claimed_id"], one["reason"]) for one in knocks] == [("NEW", "unknown_station")]
    assert (await client.post("/v1/stations/NEW/accept", headers=admin)).status_code == 201
    assert (await client.get("/v1/knocks", headers=admin)).json() == []


async def test_disable_and_enable(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    off = await client.post("/v1/stations/CP-1/disable", headers=admin)
    assert off.json()["enabled"] is False
    on = await client.post("/v1/stations/CP-1/enable", headers=admin)
    assert on.json()["enabled"] is True
    assert (await client.post("/v1/stations/none/disable", headers=admin)).status_code == 404


async def test_stations_go_by_pages(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    for number in range(2, 8):
        site.deps.fleet.station(StationId(f"CP-{number}")).registration = RegistrationStatus.PENDING
    seen: list[str] = []
    after = None
    while True:
        params = {"limit": "3", **({"after": after} if after else {})}
        page = (await client.get("/v1/stations", params=params, headers=admin)).json()
        seen += [one["station_id"] for one in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == [f"CP-{number}" for number in range(1, 8)]


async def test_transactions_go_by_keyset_without_gap_or_repeat(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    for number in range(25):
        await site.store.commit(TransactionRecord(transaction=a_transaction(number)))
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        params = {"limit": "4", **({"after": after} if after else {})}
        page = (await client.get("/v1/transactions", params=params, headers=admin)).json()
        seen += [one["transaction_id"] for one in page["items"]]
        after = page["next"]
    assert sorted(seen) == sorted(f"tx-{number}" for number in range(25))
    assert len(seen) == 25
    bad = await client.get("/v1/transactions", params={"after": "bm90aGluZw"}, headers=admin)
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_cursor")


async def test_a_viewer_sees_tokens_in_part(site: Site, client: httpx.AsyncClient) -> None:
    await site.store.commit(TransactionRecord(transaction=a_transaction(1)))
    path = "/v1/stations/CP-1/transactions/tx-1"
    viewer = (await client.get(path, headers=await site.key(Role.VIEWER))).json()
    operator = (await client.get(path, headers=await site.key(Role.OPERATOR))).json()
    assert (viewer["token"], operator["token"]) == ("***C9E1", "04A2C9E1")
    assert viewer["energy_wh"] == 500.0
    assert viewer["missing_seq_nos"] == [2, 3]


async def test_meter_values_by_time(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    key = EvseKey(StationId("CP-1"), 1)
    for minute in range(120):
        reading = MeterReading(at=T0 - timedelta(minutes=minute), power_w=float(minute))
        await site.store.commit(MeterRecord(evse=key, reading=reading, received=T0))
    path = "/v1/stations/CP-1/evses/1/meter-values"
    assert len((await client.get(path, headers=admin)).json()) == 61  # the last hour, both ends
    late = {"since": "2026-03-01T11:58:00Z"}
    got = (await client.get(path, params=late, headers=admin)).json()
    assert [one["reading"]["power_w"] for one in got] == [0.0, 1.0, 2.0]
    for bad in (
        {"since": "2026-01-01T00:00:00Z"},
        {"since": "2026-03-01T11:58:00"},
        {"until": "x"},
    ):
        assert (await client.get(path, params=bad, headers=admin)).status_code == 422


async def test_secrets_stay_hidden(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    planted = "planted-Secret-123"
    await site.store.commit(
        VariableRecord(
            station_id=StationId("CP-1"),
            component="SecurityCtrlr",
            variable="BasicAuthPassword",
            value=planted,
            at=T0,
        )
    )
    for frame in (
        f'[2,"1","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{planted}"}}]',
        f'[3,"1",{{"configurationKey":[{{"key":"AuthorizationKey","value":"{planted}"}}]}}]',
        f'[2,"2","SetVariables",{{"setVariableData":[{{"attributeValue":"{planted}",'
        '"component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"}}]}]',
        f'[2,"3","Authorize",{{"idTag":"{planted}"}}]',
        f'[2,"4","X",{{"password":"{planted}"}}]',
        f"not json {planted}",
    ):
        site.deps.messages.add("CP-1", "out", frame, T0)
    site.courier.answer = {"status": "Accepted", "authorizationKey": planted}
    made = await client.post("/v1/stations/CP-1/commands", json={"command": "Reset"}, headers=admin)
    await client.get(made.headers["location"], params={"wait_s": "5"}, headers=admin)
    for path in (
        "/v1/stations/CP-1/variables",
        "/v1/stations/CP-1/messages",
        "/v1/stations/CP-1/messages/export",
        "/v1/commands",
        made.headers["location"],
        "/stations/CP-1",
    ):
        answer = await client.get(path, headers=admin)
        assert answer.status_code == 200
        assert planted not in answer.text, path
        assert "***" in answer.text or "not JSON" in answer.text, path


async def test_every_write_is_audited_before_it_is_done(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    key = (await client.post("/v1/api-keys", json={"role": "viewer"}, headers=admin)).json()
    writes: list[tuple[str, Any]] = [
        ("/v1/stations", {"station_id": "N1"}),
        ("/v1/stations/N1/accept", None),
        ("/v1/stations/N1/disable", None),
        ("/v1/stations/N1/enable", None),
        ("/v1/stations/CP-1/commands", {"command": "Reset"}),
        ("/v1/ocpp/2.0.1/Reset?station=CP-1", {"type": "Immediate"}),
        ("/v1/tokens", {"token": {"value": "ABCD1234"}}),
        ("/v1/api-keys", {"role": "viewer"}),
        (f"/v1/api-keys/{key['key_id']}/revoke", None),
    ]
    for path, body in writes:
        before = len(site.store.audits)
        answer = await client.post(path, json=body, headers=admin)
        assert answer.is_success, (path, answer.text)
        assert len(site.store.audits) == before + 1, path
    actors = {one.actor for one in site.store.audits}
    assert len(actors) == 1
    assert "ABCD1234" not in repr(site.store.audits)
    site.store.down = True
    for path, body in writes:
        answer = await client.post(path, json=body, headers=admin)
        assert answer.status_code in (409, 503), path
    assert len(site.courier.delivered) == 2


async def test_errors_are_problem_documents(
    client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    path = "/v1/stations/CP-1/commands"
    json_type = {"Content-Type": "application/json", **admin}
    answers = [
        await client.get("/nowhere", headers=admin),
        await client.delete("/v1/stations", headers=admin),
        await client.get("/v1/stations", params={"limit": "many"}, headers=admin),
        await client.get("/v1/commands/none", headers=admin),
        await client.get("/v1/feeder", headers=admin),
        await client.get("/v1/stations"),
        await client.post(path, content=b"{", headers=json_type),
        await client.post(path, content=b"\xff", headers=json_type),
        await client.post(path, content=b"[]", headers=json_type),
        await client.post(path, content=b'{"a":' * 3_000 + b"1" + b"}" * 3_000, headers=json_type),
        await client.post(path, content=b"x" * 300_000, headers=json_type),
        await client.post(path, content=b"a=b", headers={**admin, "Content-Type": "text/plain"}),
        await client.post(path, json={"command": "Rest"}, headers=admin),
        await client.post(path, json={"command": "Reset", "immediat": True}, headers=admin),
        await client.post(path, json={"command": "Reset", "immediate": 1}, headers=admin),
    ]
    codes = [answer.status_code for answer in answers]
    assert codes == [404, 405, 422, 404, 404, 401, 400, 400, 422, 400, 413, 415, 422, 422, 422]
    for answer in answers:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["type"] == f"urn:csms:problem:{problem['code']}"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "did you mean Reset?" in answers[12].json()["detail"]
    assert "did you mean immediate?" in answers[13].json()["detail"]
    assert "immediate" in answers[14].json()["detail"]


async def test_a_body_without_length_is_bounded_too(
    client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    async def endless() -> Any:
        for _ in range(1_000):
            yield b"x" * 10_000

    answer = await client.post(
        "/v1/tokens", content=endless(), headers={**admin, "Content-Type": "application/json"}
    )
    assert answer.status_code == 413


async def test_a_failure_inside_tells_nothing(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_id: str) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(site.deps.fleet, "get", broken)
    answer = await client.get("/v1/stations/CP-1", headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret detail" not in answer.text


async def test_health_and_metrics(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).status_code == 200
    site.reasons.append("the store does not answer")
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["reasons"]) == (503, ["the store does not answer"])
    site.deps.metrics.message("2.0.1", "Heartbeat", "in", "ok", 0.002)
    site.deps.metrics.message("2.0.1", "Evil-" + "x" * 40, "in", "ok")
    text = (await client.get("/metrics", headers=admin)).text
    labels = 'action="{}",direction="in",outcome="ok",version="2.0.1"'
    assert f"csms_messages_total{{{labels.format('Heartbeat')}}} 1.0" in text
    assert f"csms_messages_total{{{labels.format('other')}}} 1.0" in text
    assert "Evil" not in text
    assert "CP-1" not in text
