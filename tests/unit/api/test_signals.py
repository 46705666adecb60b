"""Signals by REST, and what a station tells of its DER controls."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from csms.dispatch.sight.snapshot import RegulationCall
from csms.domain.der import DerControl
from csms.domain.events import DerAlarm
from csms.domain.records import NotificationRecord
from csms.ids import StationId
from csms.services.api_keys import Role
from tests.unit.api.fakes import T0, Site

AT = T0.isoformat()


async def test_an_agc_setpoint_and_a_reserve_reach_dispatch(
    site: Site, client: httpx.AsyncClient
) -> None:
    key = await site.key(Role.GRID_OPERATOR)
    bodies: dict[str, Any] = {
        "agc": {"change_w": -50e3, "at": AT},
        "reserve": {"up_w": 60e3, "down_w": 0, "at": AT},
        "frequency": {"frequency_hz": 49.9, "at": AT},
        "feeder-limit": {"limit_w": 1e6, "at": AT},
        "price": {"price_per_kwh": 0.2, "currency": "EUR", "at": AT},
    }
    for kind, body in bodies.items():
        answer = await client.post(f"/v1/signals/{kind}", json=body, headers=key)
        assert (answer.status_code, answer.text) == (204, ""), kind
    assert site.feeder.signals.current_regulation() == RegulationCall(-50e3, 60e3, 0.0)
    assert site.feeder.signals.current_frequency_hz() == 49.9
    assert site.feeder.signals.current_import_limit_w() == 1e6
    counted = site.deps.metrics.exposition().decode()
    assert 'csms_signals_total{kind="agc",outcome="taken"} 1.0' in counted


@pytest.mark.parametrize(
    ("kind", "body", "status", "detail"),
    [
        ("weather", {"at": AT}, 422, "other: unknown_kind"),
        ("agc", {"change_w": 1e12, "at": AT}, 422, "agc: out_of_range"),
        ("reserve", {"up_w": -1.0, "down_w": 0.0, "at": AT}, 422, "reserve: out_of_range"),
        ("agc", {"change_w": 1.0}, 422, "agc: malformed"),
        ("agc", {"change_w": 1.0, "at": (T0 - timedelta(minutes=1)).isoformat()}, 422, "too_old"),
        ("agc", {"change_w": 1.0, "at": AT, "x": "y" * 5_000}, 413, "larger than"),
    ],
)
async def test_a_signal_that_cannot_be_used_is_refused_with_its_reason(
    site: Site, client: httpx.AsyncClient, kind: str, body: dict[str, Any], status: int, detail: str
) -> None:
    key = await site.key(Role.GRID_OPERATOR)
    answer = await client.post(f"/v1/signals/{kind}", json=body, headers=key)
    assert answer.status_code == status
    assert detail in answer.json()["detail"]
    assert site.feeder.signals.current_regulation() is None


async def test_who_only_operates_chargers_gives_no_signals(
    site: Site, client: httpx.AsyncClient
) -> None:
    body = {"change_w": 1.0, "at": AT}
    answer = await client.post("/v1/signals/agc", json=body, headers=await site.key(Role.OPERATOR))
    assert answer.status_code == 403


async def test_der_controls_their_mismatches_and_alarms_are_shown(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    station = site.deps.fleet.station(StationId("CP-1"))
    control = DerControl(
        control_id="csms-freq-droop",
        control_type="FreqDroop",
        is_default=True,
        body={"priority": 0},
    )
    alarm = DerAlarm(control_type="FreqDroop", at=T0, fault="UnderFrequency")
    station.der.expected = {control.control_id: control}
    station.der.read_back({})
    station.der.alarms["FreqDroop"] = alarm
    station.capabilities.der_controls = True
    shown = (await client.get("/v1/stations/CP-1/der", headers=admin)).json()
    assert shown["mismatches"] == ["FreqDroop csms-freq-droop: not there"]
    assert shown["alarms"][0]["fault"] == "UnderFrequency"
    assert (shown["capable"], shown["reported"]) == (True, [])
    assert (await client.get("/v1/stations/CP-9/der", headers=admin)).status_code == 404


async def test_stored_notifications_are_listed_newest_first(
    site: Site, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    for n, action in enumerate(("NotifyDERAlarm", "NotifyEvent", "NotifyDERAlarm")):
        await site.deps.journal.commit(
            NotificationRecord(
                station_id=StationId("CP-1"), action=action, received=T0, payload={"n": n}
            )
        )
    path = "/v1/stations/CP-1/notifications"
    listed = (await client.get(path, headers=admin)).json()
    assert [one["payload"]["n"] for one in listed] == [2, 1, 0]
    alarms = (await client.get(f"{path}?action=NotifyDERAlarm&limit=1", headers=admin)).json()
    assert [one["payload"]["n"] for one in alarms] == [2]
