"""Pages without a browser: login, CSRF, headers, and text that stations send."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from csms.api.app import create_api
from csms.api.sessions import COOKIE
from csms.domain.commands import CommandRecord, CommandState
from csms.domain.feeder_view import FeederView
from csms.ids import CommandId, StationId
from csms.services.api_keys import Role
from csms.services.live import Note
from csms.web.app import create_web
from csms.web.board import Board
from csms.web.formats import embed
from csms.web.recent import Recent
from tests.e2e.web.fake_site import Scene
from tests.unit.api.fakes import T0, FakeKnock, Site, StepClock, make_site

HOSTILE = "</script><script>alert(1)</script>"


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def app(site: Site) -> FastAPI:
    return create_web(create_api(site.deps), site.deps)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://csms.test"
    ) as made:
        yield made


async def log_in(site: Site, client: httpx.AsyncClient, role: Role = Role.ADMIN) -> str:
    """Log in and return the session's CSRF token."""
    password = site.deps.access.one_time.issue(role)
    answer = await client.post("/login", data={"secret": password})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    page = await client.get("/")
    found = re.search(r'name="csrf" value="([0-9a-f]{32})"', page.text)
    assert found is not None
    return found[1]


async def test_a_one_time_password_opens_one_session(site: Site, client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).headers["location"] == "/login"
    password = site.deps.access.one_time.issue(Role.ADMIN)
    answer = await client.post("/login", data={"secret": password})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert (await client.get("/")).status_code == 200
    client.cookies.clear()
    again = await client.post("/login", data={"secret": password})
    assert again.status_code == 401
    assert password not in again.text


async def test_an_api_key_opens_a_session_of_its_role(
    site: Site, client: httpx.AsyncClient
) -> None:
    made = await site.deps.access.keys.create(Role.VIEWER)
    await client.post("/login", data={"secret": made.plaintext})
    page = await client.get("/")
    assert "viewer" in page.text
    assert 'hx-post="/ui/accept"' not in page.text
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    assert csrf is not None
    refused = await client.post("/ui/accept", data={"csrf": csrf[1], "station": "X"})
    assert refused.status_code == 403


async def test_forms_and_api_writes_of_a_session_need_its_csrf_token(
    site: Site, client: httpx.AsyncClient
) -> None:
    csrf = await log_in(site, client)
    site.admission.waiting.append(FakeKnock(claimed_id="NEW"))
    for wrong in ({}, {"csrf": "0" * 32}):
        answer = await client.post("/ui/accept", data={"station": "NEW", **wrong})
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    assert (await client.post("/v1/stations/NEW/accept")).status_code == 403
    assert site.store.by_station == {}
    given = await client.post("/v1/stations/NEW/accept", headers={"X-CSRF-Token": csrf})
    assert given.status_code == 201
    good = await client.post("/ui/accept", data={"station": "NEW", "csrf": csrf})
    assert "f00dcafef00dcafef00dcafe" in good.text
    assert (await client.post("/logout", data={"csrf": csrf})).status_code == 303
    assert COOKIE not in client.cookies


async def test_every_page_forbids_inline_script_and_framing(
    site: Site, client: httpx.AsyncClient
) -> None:
    await log_in(site, client)
    for path in ("/", "/login", "/transactions", "/static/overview.js", "/v1/stations"):
        answer = await client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert " style=" not in answer.text
        assert not re.search(r"<[^>]+ on[a-z]+=", answer.text)
        assert not re.search(r"(src|href)=\"(https?:)?//", answer.text)


async def test_what_stations_send_cannot_become_markup(
    site: Site, client: httpx.AsyncClient
) -> None:
    await log_in(site, client)
    site.admission.waiting.append(FakeKnock(claimed_id=HOSTILE))
    station = site.deps.fleet.station(StationId("CP-1"))
    station.vendor = station.model = HOSTILE
    station.version = HOSTILE
    site.deps.messages.add("CP-1", "in", f'[2,"1","X",{{"a":"{HOSTILE}"}}]', T0)
    for path in ("/", "/stations/CP-1"):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "</script><script>" not in answer.text


def test_embedded_json_reads_back() -> None:
    text = str(embed({"a": HOSTILE, "b": "\u2028é"}))
    assert "<" not in text
    assert msgspec.json.decode(text) == {"a": HOSTILE, "b": "\u2028é"}


async def test_the_frame_follows_the_diagrams_order(site: Site, app: FastAPI) -> None:
    scene = Scene(site)
    await scene.build()
    view: FeederView = scene.step()
    board: Board = app.state.board
    frame, diagram = board.of().frame(), board.of().diagram()
    assert frame.grid is not None
    for spot, v_pu, evse_w in zip(diagram.spots, frame.grid.v_pu, frame.grid.evse_w, strict=True):
        bus = next(one for one in view.buses if one.name == spot.name)
        assert v_pu == pytest.approx(bus.v_pu[0], abs=1e-4)
        assert evse_w == pytest.approx(bus.evse_w, abs=0.5)
    for arm, flow_w in zip(diagram.arms, frame.grid.flow_w, strict=True):
        branch = next(one for one in view.branches if one.to_bus == arm.to_bus)
        assert flow_w == pytest.approx(branch.power_w, abs=0.5)
    first = frame.rows[0]
    assert (first.station, first.limit, first.source) == ("CP-001", "voltage low at 17", "feeder")
    assert frame.rows[13].status == "Offline"


async def test_pages_work_before_anything_has_happened(
    site: Site, client: httpx.AsyncClient
) -> None:
    await log_in(site, client)
    page = await client.get("/")
    assert "No dispatch cycle has run yet" in page.text
    assert "ws://127.0.0.1:9000/ocpp/&lt;station id&gt;" in page.text
    assert (await client.get("/stations/none")).status_code == 404


def command(number: int, trip_ms: float | None, age_s: float = 0.0) -> CommandRecord:
    return CommandRecord(
        command_id=CommandId(f"{number:04d}"),
        station_id=StationId("A"),
        action="Reset",
        payload={},
        issued_by="me",
        created=T0 - timedelta(seconds=age_s),
        state=CommandState.ACCEPTED,
        queue_ms=1.0,
        round_trip_ms=trip_ms,
    )


def test_latencies_are_of_the_last_minutes_and_memory_is_bounded() -> None:
    recent = Recent(StepClock())
    assert recent.latency_ms() == (None, None)
    recent.take(Note("command", command(0, 9_999.0, age_s=301)))
    recent.take(Note("command", command(1, None)))
    for number in range(100):
        recent.take(Note("command", command(number + 2, float(number))))
    assert recent.latency_ms() == (51.0, 100.0)
    for number in range(1_000):
        recent.take(Note("command", command(number, 1.0)))
        recent.take(Note("alarm", f"alarm {number}"))
    assert len(recent.commands(10_000)) == 400
    assert [alarm.text for alarm in recent.alarms()][:2] == ["alarm 999", "alarm 998"]
    assert len(recent.alarms()) == 20
