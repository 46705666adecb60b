"""Two feeders in one process, each a physical plant with stations of its own, over real sockets and the API."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import httpx
import msgspec
import pytest

from charger_sim.demo import demo_scenario
from charger_sim.reference import uncontrolled
from charger_sim.scenario import Scenario
from charger_sim.swarm import Swarm
from charger_sim.transport import websocket_connector
from csms.bootstrap import CentralSystem
from csms.cli.demo.plant import plant_feeder
from csms.cli.demo.site import site_settings, station_records
from csms.cli.surface import Surface
from csms.clock import SystemClock
from csms.grid.feeder_file import load_feeder
from csms.services.api_keys import ApiKeys, Role
from csms.settings import Settings
from csms.settings.model import Site
from csms.store import open_store
from tests.integration.whole_system.site import until

LANE = """
name = "lane"
[source]
bus = "0"
base_voltage_v = 400
[branches]
columns = ["from", "to", "r1_ohm", "x1_ohm"]
rows = [["0", "1", 0.03, 0.02], ["1", "2", 0.05, 0.02], ["2", "3", 0.06, 0.02], ["3", "4", 0.06, 0.02]]
[loads]
columns = ["bus", "p_w", "q_var"]
rows = [["1", 6000, 1500], ["2", 6000, 1500], ["3", 5000, 1500], ["4", 5000, 1500]]
"""
LIMIT = {"north": 0.90, "lane": 0.93}
STATIONS = {"north": 6, "lane": 4}
PATIENCE_S = 60.0


class TwoFeeders:
    """The central system and, for each feeder, the chargers and wires that are really there."""

    def __init__(self, system: CentralSystem, api: httpx.AsyncClient) -> None:
        self.system = system
        self.api = api
        self.swarms: dict[str, Swarm] = {}

    def lowest_v_pu(self, name: str) -> float:
        return self.swarms[name].world.lowest_v_pu

    def powers_w(self, name: str) -> list[float]:
        """Of every EVSE, as it really draws."""
        stations = self.swarms[name].stations.values()
        return [evse.power_w for station in stations for evse in station.evses.values()]

    def held_back_by(self, name: str) -> set[str]:
        """Who set the limits that hold cars back."""
        view = self.system.sites[name].view
        return {e.limit_source for e in view.evses if e.limit_source} if view else set()

    def charges_behind(self, name: str, source: str) -> bool:
        """Whether cars charge, held back by their own feeder alone."""
        return self.held_back_by(name) == {source} and max(self.powers_w(name)) > 3e3

    async def until(self, condition: Callable[[], object]) -> None:
        await until(condition, PATIENCE_S)


@asynccontextmanager
async def two_feeders(folder: Path) -> AsyncIterator[TwoFeeders]:
    (folder / "lane.toml").write_text(LANE)
    files = {"north": "ieee33", "lane": str(folder / "lane.toml")}
    plants = {n: plant_feeder(load_feeder(file), LIMIT[n]) for n, file in files.items()}
    scenarios = {
        name: msgspec.structs.replace(
            demo_scenario(
                plant,
                STATIONS[name],
                1,
                duration_s=600.0,
                id_template=name + "-{n}",
                s_base_va=1e9,  # a stiff grid: no droop
            ),
            events=(),
        )
        for name, plant in plants.items()
    }
    settings = _settings(folder, scenarios, files)
    store = await open_store(settings.store.url.get_secret_value())
    system = CentralSystem(settings, store, SystemClock(), Random(1), secrets.token_bytes)
    for scenario in scenarios.values():
        await store.journal.commit(*station_records(scenario, lambda _id: "0123456789abcdef"))
    await system.start()
    surface = Surface(system)
    await surface.start()
    keys = ApiKeys(store.history, store.journal, system.clock, secrets.token_bytes)
    key = (await keys.create(Role.ADMIN)).plaintext
    tasks = []
    try:
        async with httpx.AsyncClient(
            base_url=surface.page_url, headers={"Authorization": f"Bearer {key}"}
        ) as api:
            both = TwoFeeders(system, api)
            connect = websocket_connector(
                surface.station_url, password_of=lambda _id: "0123456789abcdef"
            )
            for name, scenario in scenarios.items():
                swarm = Swarm(scenario, connect, epoch=system.clock.now(), feeder=plants[name])
                both.swarms[name] = swarm
                tasks.append(asyncio.create_task(swarm.run()))
            yield both
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await surface.close()
        await system.stop()


def _settings(folder: Path, scenarios: dict[str, Scenario], files: dict[str, str]) -> Settings:
    of_one = {
        name: site_settings(
            scenario, files[name], LIMIT[name], store_url=f"sqlite:///{folder / 'csms.db'}",
            ocpp_port=0, http_port=0,
        )
        for name, scenario in scenarios.items()
    }  # fmt: skip
    sites = tuple(
        Site(name=n, **made.site.model_dump(exclude={"name"})) for n, made in of_one.items()
    )
    return of_one["north"].model_copy(update={"site": Site(), "sites": sites})


async def test_each_feeder_is_led_by_its_own_dispatcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_feeders(tmp_path) as both:
        for name, swarm in both.swarms.items():
            alone = uncontrolled(swarm.scenario, 30.0, swarm.world.feeder)
            assert alone.worst_v_pu < LIMIT[name], f"{name} would bear it anyway"
        await _limits_are_held(both)
        await _a_signal_for_one_leaves_the_other_alone(both)
        await _one_that_fails_does_not_stop_the_other(both, monkeypatch)


async def _limits_are_held(both: TwoFeeders) -> None:
    await both.until(lambda: both.charges_behind("north", "feeder ieee33"))
    await both.until(lambda: both.charges_behind("lane", "feeder lane"))
    for name in both.swarms:
        assert both.lowest_v_pu(name) >= LIMIT[name] - 0.001, name
    listed = (await both.api.get("/v1/feeders")).json()
    assert [(f["name"], f["model"], f["state"], f["limit_low_pu"]) for f in listed] == [
        ("north", "ieee33", "running", 0.90),
        ("lane", "lane", "running", 0.93),
    ]
    for name in both.swarms:
        view = (await both.api.get(f"/v1/feeders/{name}")).json()
        assert view["site"] == name
        assert {e["station_id"] for e in view["evses"]} == set(both.swarms[name].stations)
    assert (await both.api.get("/v1/feeder")).json()["site"] == "north"
    assert (await both.api.get("/v1/feeders/south")).status_code == 404


async def _a_signal_for_one_leaves_the_other_alone(both: TwoFeeders) -> None:
    limit_w = both.system.sites["lane"].view.import_w - 3e3
    body = {"limit_w": limit_w, "at": both.system.clock.now().isoformat()}
    unnamed = await both.api.post("/v1/signals/feeder-limit", json=body)
    assert (unnamed.status_code, "name one" in unnamed.text) == (422, True)
    unknown = await both.api.post("/v1/signals/feeder-limit?feeder=south", json=body)
    assert unknown.status_code == 404
    taken = await both.api.post("/v1/signals/feeder-limit?feeder=lane", json=body)
    assert taken.status_code == 204
    await both.until(lambda: both.system.sites["lane"].view.import_w <= limit_w)
    await asyncio.sleep(2.0)
    assert both.system.sites["lane"].view.import_w <= limit_w + 100.0
    view = both.system.sites["lane"].view
    assert ("line", "1") in {(e.limit_kind, e.limit_where) for e in view.evses}
    # The same limit would have stopped every car of the other feeder, which imports a hundred times as much.
    assert both.system.sites["north"].view.import_w > 10.0 * limit_w
    await both.until(lambda: both.charges_behind("north", "feeder ieee33"))


async def _one_that_fails_does_not_stop_the_other(
    both: TwoFeeders, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane, north = both.system.sites["lane"], both.system.sites["north"]

    def break_down(*_arguments: object) -> None:
        raise RuntimeError("no solution")

    with monkeypatch.context() as broken:
        broken.setattr(lane.desk, "decide", break_down)
        await both.until(lambda: lane.failure is not None)
        stopped, cycle = lane.view.cycle, north.view.cycle
        await both.until(lambda: north.view.cycle >= cycle + 4)
        assert lane.view.cycle == stopped
        states = {f["name"]: f for f in (await both.api.get("/v1/feeders")).json()}
        assert states["north"]["state"] == "running"
        assert states["lane"]["state"] == "failing"
        assert "no solution" in states["lane"]["reason"]
        figures = (await both.api.get("/metrics")).text
        assert 'csms_feeder_failing{feeder="lane"} 1.0' in figures
        assert 'csms_feeder_failing{feeder="north"} 0.0' in figures
        assert both.lowest_v_pu("north") >= LIMIT["north"] - 0.001
    await both.until(lambda: lane.failure is None and lane.view.cycle > stopped)
