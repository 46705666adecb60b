"""The pages in a real browser."""

from __future__ import annotations

import asyncio
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn

from csms.api.app import create_api
from csms.clock import SystemClock
from csms.services.api_keys import Role
from csms.web.app import create_web
from tests.e2e.web.fake_site import Scene
from tests.unit.api.fakes import Site, make_site

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("no chromium on this machine", allow_module_level=True)

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


@dataclass
class Served:
    url: str
    site: Site
    scene: Scene
    server: uvicorn.Server
    loop: asyncio.AbstractEventLoop

    def password(self) -> str:
        return self.site.deps.access.one_time.issue(Role.ADMIN)

    def call(self, action: object) -> None:
        assert callable(action)
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (action(), done.set()))
        assert done.wait(10)


@pytest.fixture
def served() -> Iterator[Served]:
    """The fake site behind a real server, in a thread of its own; the scene moves while ``run`` is set."""
    ready: list[Served] = []
    up = threading.Event()

    async def serve() -> None:
        site = make_site(SystemClock())  # type: ignore[arg-type]
        scene = Scene(site)
        await scene.build()
        app = create_web(create_api(site.deps), site.deps)
        scene.step()
        config = uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.wait({task}, timeout=0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        ready.append(
            Served(f"http://127.0.0.1:{port}", site, scene, server, asyncio.get_running_loop())
        )
        up.set()
        while not task.done():
            await asyncio.wait({task}, timeout=1.0)
            scene.step()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert up.wait(30)
    yield ready[0]
    ready[0].server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        made = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


@pytest.fixture
def page(browser: Any, served: Served) -> Iterator[Any]:
    """Logged in, on the overview; the test fails on any script error or blocked resource."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    made = context.new_page()
    troubles: list[str] = []
    made.on("pageerror", lambda error: troubles.append(str(error)))
    made.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
    made.goto(f"{served.url}/")
    assert made.url == f"{served.url}/login"
    made.fill("#secret", served.password())
    made.press("#secret", "Enter")
    made.wait_for_url(f"{served.url}/")
    playwright.expect(made.locator("#live")).to_have_class("live on")
    yield made
    context.close()
    assert [one for one in troubles if "ERR_" not in one and "net::" not in one] == []


def figure(page: Any, tile: str) -> float:
    shown = page.locator(f"[data-tile={tile}] b").inner_text()
    return float(shown.replace("−", "-"))


def test_the_page_shows_the_site_and_keeps_up(page: Any, served: Served) -> None:
    expect = playwright.expect
    expect(page.locator("#rows tr")).to_have_count(20)
    expect(page.locator("svg.diagram .bus")).to_have_count(33)
    expect(page.locator("[data-tile=online] b")).to_have_text("19/20")
    expect(page.locator("[data-tile=online] .note")).to_have_text("1.6 ×7 · 2.0.1 ×6 · 2.1 ×6")
    assert 0.88 < figure(page, "voltage") < 0.95
    assert 2_000 < figure(page, "import") < 6_000
    row = page.locator('tr[data-station="CP-001"]')
    expect(row).to_contain_text("voltage low at 17 (feeder)")
    expect(row.locator("td").nth(5)).to_contain_text(re.compile(r"\d+\.\d / \d+\.\d"))
    expect(page.locator('tr[data-station="CP-014"] .state')).to_have_text("Offline")
    before = page.locator("#commands li").count()
    expect(page.locator("#commands li")).not_to_have_count(before)
    assert page.locator(".chart canvas").count() == 2


def test_a_violation_is_marked_by_shape_and_word(page: Any, served: Served) -> None:
    expect = playwright.expect
    bus = page.locator('[data-bus="17"]')
    expect(bus.locator(".mark")).not_to_have_class(re.compile("low"))
    round_shape = bus.locator(".mark").get_attribute("d")
    served.call(lambda: setattr(served.scene, "limited", False))
    expect(bus.locator(".mark")).to_have_class("mark low", timeout=10_000)
    assert bus.locator(".mark").get_attribute("d") != round_shape
    expect(page.locator("[data-tile=voltage]")).to_have_class("tile bad")
    expect(page.locator("#alarm-list")).to_contain_text("below 0.9 pu")
    bus.locator(".hit").hover()
    expect(page.locator("#detail")).to_contain_text("▼ below limit")


def test_the_page_says_how_sure_it_is_and_where_the_next_kilowatt_hurts_least(
    page: Any, served: Served
) -> None:
    expect = playwright.expect
    line = page.locator("#estimate")
    expect(line).to_contain_text(
        re.compile(r"0\.\d{4} ± 0\.0042 pu \(95 %\) at bus 17, by 37 meter")
    )
    (told,) = page.locator("#rejected li").all_inner_texts()
    assert "CP-011/1: voltage 1.0412 pu, the others say 0.9468 pu (14 σ off" in told
    best = page.locator("#next-best tr")
    expect(best).to_have_count(5)
    expect(best.first).to_contain_text(re.compile(r"least harm: 1\s*\+0\.0048\s*−0\.000002"))
    # 24 is among the best five already, and the worst stands last
    worst = page.locator("#next-worst tr")
    expect(worst).to_have_count(4)
    expect(worst.last).to_contain_text(re.compile(r"most harm: 17\s*\+0\.1472\s*−0\.000091"))
    page.locator('.bus[data-bus="17"]').hover()
    expect(page.locator("#detail")).to_contain_text(re.compile(r"estimate 0\.\d{4} ± 0\.0042 pu"))


def test_a_knocking_station_is_let_in_with_one_click(page: Any, served: Served) -> None:
    expect = playwright.expect
    knock = page.locator('#knock-list li[data-station="GARAGE-7"]')
    expect(knock).to_contain_text("unknown station · 192.0.2.7")
    knock.get_by_role("button", name="Accept GARAGE-7").click()
    expect(page.locator("#accepted .secret")).to_have_text("f00dcafef00dcafef00dcafe")
    expect(page.locator("#accepted")).to_contain_text("ws://127.0.0.1:9000/ocpp/GARAGE-7")
    expect(knock).to_have_count(0)
    assert [one.action for one in served.site.store.audits] == ["station.accept"]
    page.reload()
    expect(page.locator("#accepted .secret")).to_have_count(0)


def test_the_keyboard_reaches_everything(page: Any, served: Served) -> None:
    expect = playwright.expect
    page.keyboard.press("/")
    page.keyboard.type("CP-01")
    expect(page.locator("#rows tr:visible")).to_have_count(10)
    page.keyboard.press("Escape")
    expect(page.locator("#rows tr:visible")).to_have_count(20)
    page.locator("#diagram").focus()
    for key, name in (("Home", "0"), ("ArrowRight", "1"), ("ArrowRight", "2"), ("ArrowDown", "18")):
        page.keyboard.press(key)
        expect(page.locator("#detail b")).to_have_text(f"Bus {name}")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#detail b")).to_have_text("Bus 1")


def test_a_page_whose_stream_stopped_says_so(page: Any, served: Served) -> None:
    expect = playwright.expect
    expect(page.locator("#stale")).to_be_hidden()
    served.server.should_exit = True
    expect(page.locator("#stale")).to_contain_text("The stream stopped", timeout=15_000)
    expect(page.locator("body")).to_have_class("stale")


def test_the_station_page_hides_secrets(page: Any, served: Served) -> None:
    page.goto(f"{served.url}/stations/CP-003")
    body = page.locator("body").inner_text()
    assert "Recent messages" in body
    assert "TransactionEvent" in body
    assert "BasicAuthPassword" in body
    assert "planted" not in body
    assert "***C9E1" in body
    page.goto(f"{served.url}/transactions")
    assert page.locator("tbody tr").count() > 10


def test_a_phone_needs_no_sideways_scrolling_of_the_page(page: Any, served: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/", "/stations/CP-003", "/transactions"):
        page.goto(f"{served.url}{path}")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, path
