"""Commands as resources."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from csms.domain.commands import RawCall, SetChargingProfile
from csms.domain.errors import NotCapable
from csms.domain.profile import Purpose
from csms.ids import StationId
from tests.unit.api.fakes import Site

PATH = "/v1/stations/CP-1/commands"
PROFILE = {
    "command": "SetChargingProfile",
    "evse_id": 1,
    "profile": {
        "profile_id": 7,
        "stack_level": 1,
        "purpose": "TxDefaultProfile",
        "kind": "Absolute",
        "unit": "W",
        "periods": [{"start_s": 0, "limit": 7000.0}],
    },
}


async def test_a_command_is_followed_to_its_end(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    site.courier.delay_s = 0.05
    made = await client.post(PATH, json=PROFILE, headers=admin)
    assert made.status_code == 202
    assert made.json()["state"] == "queued"
    done = await client.get(made.headers["location"], params={"wait_s": "10"}, headers=admin)
    assert done.json()["state"] == "accepted"
    assert done.json()["answer"] == {"status": "Accepted"}
    assert done.json()["round_trip_ms"] == pytest.approx(12.0)
    station, command = site.courier.delivered[0]
    assert station == "CP-1"
    assert isinstance(command, SetChargingProfile)
    assert command.profile.purpose is Purpose.TX_DEFAULT
    listed = (await client.get("/v1/commands", params={"station": "CP-1"}, headers=admin)).json()
    assert [one["command_id"] for one in listed["items"]] == [made.json()["command_id"]]


async def test_waiting_ends_before_a_slow_station(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    site.courier.delay_s = 30.0
    made = await client.post(PATH, json={"command": "Reset"}, headers=admin)
    got = await client.get(made.headers["location"], params={"wait_s": "0.05"}, headers=admin)
    assert got.json()["state"] == "sent"
    await site.deps.desk.close()


async def test_an_offline_station_gets_it_later(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    site.courier.offline.add(StationId("CP-1"))
    made = await client.post(PATH, json={"command": "Reset"}, headers=admin)
    assert (made.status_code, made.json()["state"]) == (202, "offline")
    site.courier.offline.clear()
    site.deps.desk.station_is_back(StationId("CP-1"))
    done = await client.get(made.headers["location"], params={"wait_s": "5"}, headers=admin)
    assert done.json()["state"] == "accepted"


async def test_raw_needs_the_stations_own_version(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    wrong = await client.post("/v1/ocpp/1.6/Reset?station=CP-1", json={}, headers=admin)
    assert (wrong.status_code, wrong.json()["code"]) == (409, "other_version")
    body = {"type": "Immediate"}
    good = await client.post("/v1/ocpp/2.0.1/Reset?station=CP-1", json=body, headers=admin)
    assert good.status_code == 202
    await client.get(good.headers["location"], params={"wait_s": "5"}, headers=admin)
    assert site.courier.delivered == [(StationId("CP-1"), RawCall(action="Reset", payload=body))]


@pytest.mark.parametrize(
    "payload",
    [
        {"key": "AuthorizationKey", "value": "x"},
        {"setVariableData": [{"variable": {"name": "basicAuthPassword"}, "attributeValue": "x"}]},
    ],
)
async def test_a_password_does_not_travel_in_a_command(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str], payload: dict[str, object]
) -> None:
    raw = await client.post("/v1/ocpp/2.0.1/Set?station=CP-1", json=payload, headers=admin)
    assert (raw.status_code, raw.json()["code"]) == (422, "secret_in_command")
    ref = {"component": "", "variable": "AuthorizationKey"}
    body = {"command": "SetVariables", "values": [{"ref": ref, "value": "planted"}]}
    told = await client.post(PATH, json=body, headers=admin)
    assert (told.status_code, told.json()["code"]) == (422, "secret_in_command")
    assert site.store.audits == []
    assert site.store.by_command == {}


async def test_what_the_station_cannot_do_is_refused_before_it_is_written(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(station_id: StationId, _command: object) -> None:
        raise NotCapable(f"{station_id} cannot discharge")

    monkeypatch.setattr(site.courier, "check", cannot)
    answer = await client.post(PATH, json=PROFILE, headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (422, "not_capable")
    assert answer.json()["detail"] == "CP-1 cannot discharge"
    assert site.store.by_command == {}


async def test_an_unknown_station_is_not_found(
    client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    answer = await client.post("/v1/stations/X/commands", json={"command": "Reset"}, headers=admin)
    assert answer.status_code == 404


async def test_a_nested_mistake_is_named(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    body = {**PROFILE, "profile": {**PROFILE["profile"], "periods": [{"limt": 5}]}}  # type: ignore[dict-item]
    answer = await client.post(PATH, json=body, headers=admin)
    assert answer.json()["detail"] == (
        "body.profile.periods[0]: unknown field limt; did you mean limit?"
    )


async def test_an_idempotency_key_acts_once(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    site.courier.delay_s = 0.01
    headers = {**admin, "Idempotency-Key": "abc"}
    answers = await asyncio.gather(
        *(client.post(PATH, json={"command": "Reset"}, headers=headers) for _ in range(5))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["command_id"] for answer in answers}) == 1
    await asyncio.sleep(0.05)
    assert len(site.courier.delivered) == 1
    other = await client.post(PATH, json={"command": "Reset", "immediate": True}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


async def test_a_failed_attempt_frees_its_idempotency_key(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    headers = {**admin, "Idempotency-Key": "abc"}
    site.store.down = True
    first = await client.post(PATH, json={"command": "Reset"}, headers=headers)
    assert (first.status_code, first.headers["retry-after"]) == (503, "5")
    site.store.down = False
    assert (await client.post(PATH, json={"command": "Reset"}, headers=headers)).status_code == 202
