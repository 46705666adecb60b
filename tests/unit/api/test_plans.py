"""Plans and savings over REST: what was kept, page by page, and refusals."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from csms.api.app import create_api
from csms.domain.plan import PlannerView
from csms.services.api_keys import Role
from csms.store import InlineStore
from csms.web.app import create_web
from tests.unit.api.fakes import T0, Site, make_site
from tests.unit.planner.sample_day import write_day


@pytest.fixture
async def site() -> Site:
    made = make_site()
    store = InlineStore()
    view = await write_day(store, T0)
    made.feeder.planner_view = view
    return replace(made, deps=replace(made.deps, plans=store.plans))


@pytest.fixture
async def viewer(site: Site) -> dict[str, str]:
    return await site.key(Role.VIEWER)


async def test_the_latest_plan_has_a_schedule_for_each_car(
    client: httpx.AsyncClient, viewer: dict[str, str]
) -> None:
    found = (await client.get("/v1/plans/latest", headers=viewer)).json()
    assert found["state"] == "following"
    assert len(found["plan"]["evs"]) == 8
    assert "kWh will lack" in found["plan"]["evs"][4]["note"]


async def test_a_system_without_a_planner_still_shows_what_was_kept(
    site: Site, client: httpx.AsyncClient, viewer: dict[str, str]
) -> None:
    site.feeder.planner_view = PlannerView(state="off")
    found = (await client.get("/v1/plans/latest", headers=viewer)).json()
    assert found["state"] == "off"
    assert len(found["plan"]["evs"]) == 8


async def test_plans_are_listed_by_page(client: httpx.AsyncClient, viewer: dict[str, str]) -> None:
    first = (await client.get("/v1/plans", headers=viewer, params={"limit": 1})).json()
    assert first["items"][0]["cars"] == 8
    after = {"limit": 1, "after": first["next"]}
    rest = (await client.get("/v1/plans", headers=viewer, params=after)).json()
    assert rest == {"items": [], "next": None}


async def test_expected_and_happened_by_quarter_hour(
    client: httpx.AsyncClient, viewer: dict[str, str]
) -> None:
    found = (await client.get("/v1/plans/quarters", headers=viewer)).json()
    assert len(found) == 48
    assert found[0]["at"] < found[-1]["at"]
    assert all(abs(q["metered_wh"]) <= abs(q["planned_wh"]) + 1e-9 for q in found)


async def test_the_saving_is_the_sum_of_the_accounts(
    client: httpx.AsyncClient, viewer: dict[str, str]
) -> None:
    total = (await client.get("/v1/savings", headers=viewer)).json()
    sessions = (await client.get("/v1/savings/sessions", headers=viewer)).json()
    assert total["sessions"] == len(sessions) == 28
    assert total["saving_eur"] == pytest.approx(28 * 2.5)
    assert total["saving_after_wear_low_eur"] == pytest.approx(28 * (2.5 - 0.11))
    since = (T0 - timedelta(days=3, hours=1)).isoformat()
    week = (await client.get("/v1/savings", headers=viewer, params={"since": since})).json()
    assert week["sessions"] == 3


@pytest.mark.parametrize("path", ["/v1/savings", "/v1/savings/sessions", "/v1/plans/quarters"])
async def test_a_span_that_is_none_is_refused(
    client: httpx.AsyncClient, viewer: dict[str, str], path: str
) -> None:
    for params in (
        {"since": "2026-03-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"},
        {"since": "2020-03-01T00:00:00Z"},
        {"until": "0001-01-01T00:00:00Z"},
        {"since": "yesterday"},
    ):
        answer = await client.get(path, headers=viewer, params=params)
        assert answer.status_code == 422, params


async def test_the_page_shows_plan_and_saving_without_scripts(
    site: Site, client: httpx.AsyncClient, viewer: dict[str, str]
) -> None:
    page = await client.get("/plan", headers=await site.key(Role.VIEWER))
    assert page.status_code == 200
    for text in (
        "following its plan",
        "70.00",
        "57 %",
        "kWh will lack",
        "ENTSO-E NL",
        "interval filled",
    ):
        assert text in page.text, text
    assert page.text.count('class="metered"') == 48


async def test_the_page_says_why_there_is_no_plan_and_never_shows_markup_of_others(
    site: Site,
) -> None:
    view = PlannerView(state="fallback", reason="file <b>p</b>.csv cannot be read")
    site.feeder.planner_view = view
    site = replace(site, deps=replace(site.deps, plans=InlineStore().plans))
    served = create_web(create_api(site.deps), site.deps)
    transport = httpx.ASGITransport(served)
    async with httpx.AsyncClient(transport=transport, base_url="http://csms.test") as bare:
        page = await bare.get("/plan", headers=await site.key(Role.VIEWER))
    assert "no plan: cars charge at once" in page.text
    assert "file &lt;b&gt;p&lt;/b&gt;.csv cannot be read" in page.text
    assert "Nothing planned and nothing metered yet" in page.text
