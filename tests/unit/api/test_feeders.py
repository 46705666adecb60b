"""Several feeders behind one API and one page: each is named, none is mistaken for another."""

from __future__ import annotations

import re

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from csms.api.app import create_api
from csms.api.mqtt_bridge import MqttBridge, MqttConfig
from csms.dispatch.sight.snapshot import RegulationCall
from csms.domain.feeder_view import FeederView
from csms.domain.plan import PlannerView
from csms.ids import StationId
from csms.services.api_keys import Role
from csms.services.live import Note
from csms.telemetry.feeder_series import FeederFigures
from csms.web.app import create_web
from csms.web.board import Board
from tests.unit.api.fakes import T0, FakeCycle, Site, make_site

AGC = {"change_w": -5e3, "at": T0.isoformat()}


def view(name: str, lowest_v_pu: float) -> FeederView:
    return FeederView(
        site=name, feeder="ieee33", cycle=7, at=T0, limit_low_pu=0.9, limit_high_pu=1.1,
        worst_v_pu=lowest_v_pu, worst_bus="17", predicted_worst_v_pu=lowest_v_pu, import_w=1e6,
        loss_w=1e4, frequency_hz=50.0, curtailed_w=2e3, solve_ms=1.0, cycle_ms=2.0,
    )  # fmt: skip


@pytest.fixture
def site() -> Site:
    made = make_site(feeder_names=("north", "south", "west & co"))
    north, south, west = made.feeders
    north.views.append(view("north", 0.93))
    south.views.append(view("south", 0.91))
    south.failure = "dispatch cycle failed: no solution"
    west.is_led = False
    for n, feeder in enumerate(made.feeders[:2]):
        feeder.stations = frozenset({StationId(f"CP-{n}")})
    for station_id in ("CP-0", "CP-1", "CP-stray"):
        made.deps.fleet.station(StationId(station_id))
    return made


@pytest.fixture
def app(site: Site) -> FastAPI:
    return create_web(create_api(site.deps), site.deps)


async def test_the_list_says_how_each_fares(site: Site, client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/feeders", headers=await site.key(Role.VIEWER))).json()
    assert [(f["name"], f["state"], f["lowest_v_pu"], f["stations"]) for f in listed] == [
        ("north", "running", 0.93, 1),
        ("south", "failing", 0.91, 1),
        ("west & co", "off", None, 0),
    ]
    assert listed[1]["reason"] == "dispatch cycle failed: no solution"


async def test_a_feeder_is_shown_by_its_name_and_the_first_without(
    site: Site, client: httpx.AsyncClient
) -> None:
    key = await site.key(Role.VIEWER)
    assert (await client.get("/v1/feeders/south", headers=key)).json()["worst_v_pu"] == 0.91
    assert (await client.get("/v1/feeder", headers=key)).json()["site"] == "north"
    waiting = await client.get("/v1/feeders/west%20%26%20co", headers=key)
    assert (waiting.status_code, "no dispatch cycle" in waiting.text) == (404, True)
    unknown = await client.get("/v1/feeders/east", headers=key)
    assert (unknown.status_code, "no feeder east" in unknown.text) == (404, True)


async def test_a_signal_goes_to_the_feeder_it_names(site: Site, client: httpx.AsyncClient) -> None:
    key = await site.key(Role.GRID_OPERATOR)
    given = await client.post("/v1/signals/agc?feeder=south", json=AGC, headers=key)
    assert given.status_code == 204
    north, south, _ = site.feeders
    assert south.signals.current_regulation() == RegulationCall(-5e3, 0.0, 0.0)
    assert north.signals.current_regulation() is None
    unnamed = await client.post("/v1/signals/agc", json=AGC, headers=key)
    assert (unnamed.status_code, "name one of them" in unnamed.text) == (422, True)
    unknown = await client.post("/v1/signals/agc?feeder=east", json=AGC, headers=key)
    assert unknown.status_code == 404


async def test_plans_are_asked_of_one_feeder(site: Site, client: httpx.AsyncClient) -> None:
    key = await site.key(Role.VIEWER)
    site.feeders[1].planner_view = PlannerView(state="fallback", reason="no price")
    for query, state in (("?feeder=south", "fallback"), ("", "off")):
        found = (await client.get(f"/v1/plans/latest{query}", headers=key)).json()
        assert found["state"] == state
    assert (await client.get("/v1/savings?feeder=east", headers=key)).status_code == 404
    page = (await client.get("/plan?feeder=south", headers=key)).text
    assert 'hx-get="/plan?feeder=south"' in page
    assert "no price" in page


async def test_the_page_has_a_selector_and_shows_one_feeder_with_its_stations(
    site: Site, app: FastAPI, client: httpx.AsyncClient
) -> None:
    key = await site.key(Role.VIEWER)
    board: Board = app.state.board
    for one in site.feeders[:2]:
        board.recent.take(Note("feeder", FakeCycle(one.view)))
    page = (await client.get("/?feeder=south", headers=key)).text
    assert re.findall(r'<option value="([^"]+)" (selected)?>([^<]+)<', page) == [
        ("north", "", "north"),
        ("south", "selected", "south (failing)"),
        ("west &amp; co", "", "west &amp; co (off)"),
    ]
    south = board.of("south").frame()
    assert south.grid is not None
    assert south.grid.worst_v_pu == 0.91
    assert [row.station for row in south.rows] == ["CP-1", "CP-stray"]
    assert south.alarms == ["dispatch cycle failed: no solution"]
    assert [p.worst_v_pu for p in board.recent.points("south")] == [0.91]
    assert board.of().frame().alarms == []
    assert (await client.get("/?feeder=east", headers=key)).status_code == 404
    assert (await client.get("/ui/stream?feeder=east", headers=key)).status_code == 404


async def test_one_feeder_has_no_selector() -> None:
    site = make_site()
    served = create_web(create_api(site.deps), site.deps)
    transport = httpx.ASGITransport(served)
    async with httpx.AsyncClient(transport=transport, base_url="http://csms.test") as client:
        page = await client.get("/", headers=await site.key(Role.VIEWER))
    assert "<select" not in page.text


def bridge(site: Site) -> MqttBridge:
    deps = site.deps
    config = MqttConfig(host="broker.test", port=1883)
    return MqttBridge(config, deps.fleet, deps.feeders, site.clock, deps.metrics, None)  # type: ignore[arg-type]


def test_each_feeder_has_a_topic_and_the_only_one_has_none_of_its_own(site: Site) -> None:
    told = dict(bridge(site).state())
    assert [t for t in told if "/feeder" in t] == ["csms/feeder/north", "csms/feeder/south"]
    assert msgspec.json.decode(told["csms/feeder/south"])["worst_v_pu"] == 0.91
    alone = make_site()
    alone.feeder.views.append(view("Test street", 0.95))
    assert [t for t, _ in bridge(alone).state() if "/feeder" in t] == ["csms/feeder"]


def test_a_signals_topic_names_the_feeder(site: Site) -> None:
    payload = msgspec.json.encode(AGC)
    several = bridge(site)
    assert several.take("csms/signal/agc/south", payload) == "taken"
    assert site.feeders[1].signals.current_regulation() == RegulationCall(-5e3, 0.0, 0.0)
    assert site.feeders[0].signals.current_regulation() is None
    assert several.take("csms/signal/agc", payload) == "no_feeder_named"
    assert several.take("csms/signal/agc/east", payload) == "unknown_feeder"
    alone = make_site()
    assert bridge(alone).take("csms/signal/agc", payload) == "taken"
    assert bridge(alone).take("csms/signal/agc/Test street", payload) == "taken"
    assert alone.feeder.signals.current_regulation() is not None


def test_metrics_have_one_series_a_feeder(site: Site) -> None:
    site.deps.metrics.follow_feeders(
        lambda: [FeederFigures("north", False, 9, 0.002, 0.93, 1e6, 2e3)]
    )
    told = site.deps.metrics.exposition().decode()
    assert 'csms_feeder_cycles_total{feeder="north"} 9.0' in told
    assert 'csms_feeder_lowest_voltage_pu{feeder="north"} 0.93' in told
