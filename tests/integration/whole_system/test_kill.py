"""SIGKILL of the central system under load: nothing acknowledged is lost, and chargers make themselves safe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.exceptions import WebSocketException

from charger_sim.demo import demo_scenario
from charger_sim.plant import ieee33
from charger_sim.swarm import Swarm
from charger_sim.transport import websocket_connector
from csms.cli.demo.site import station_records
from csms.clock import SystemClock
from csms.domain.records import StationRecord, TokenRecord
from csms.domain.values import IdToken
from csms.ids import StationId, TransactionId
from csms.services.api_keys import ApiKeys, Role
from csms.store import open_store
from tests.integration.whole_system.served import Served, free_port
from tests.integration.whole_system.site import (
    PASSWORD,
    PASSWORD_HASH,
    boot_of,
    raw_station,
    until,
)

T0 = datetime(2026, 3, 1, tzinfo=UTC)
N_CHARGERS = 9
LEASE_S = 5
WH_A_MESSAGE = 10
GONE = (OSError, WebSocketException, ConnectionError, EOFError)


class Charger:
    """Tells one transaction after the other as fast as it is answered; tells anew what was not acknowledged."""

    def __init__(self, station_id: str, version: str) -> None:
        self.station_id, self.version = station_id, version
        self.acknowledged: dict[str, int] = {}
        """Transaction id -> messages acknowledged."""
        self.ended: set[str] = set()
        self.n_acknowledged = 0
        self._n_transactions = 0
        self._wh = 0

    async def run(self, port: int) -> None:
        """Until cancelled."""
        script = self._script_16 if self.version == "1.6" else self._script_2x
        todo = script()
        message = next(todo)
        while True:
            with suppress(*GONE):
                async with raw_station(port, self.station_id, self.version) as station:
                    await station.ask("BootNotification", boot_of(self.version))
                    while True:
                        answer = await station.ask(*message)
                        self.n_acknowledged += 1
                        message = todo.send(answer)
            await asyncio.sleep(0.1)

    def _at(self) -> str:
        return (T0 + timedelta(seconds=self._wh)).isoformat()

    def _script_2x(self) -> Any:
        while True:
            self._n_transactions += 1
            tx = f"{self.station_id}-{self._n_transactions}"
            for seq_no, phase in enumerate(("Started", *["Updated"] * 6, "Ended")):
                self._wh += WH_A_MESSAGE
                yield (
                    "TransactionEvent",
                    {
                        "eventType": phase,
                        "timestamp": self._at(),
                        "triggerReason": "MeterValuePeriodic",
                        "seqNo": seq_no,
                        "transactionInfo": {"transactionId": tx},
                        "evse": {"id": 1, "connectorId": 1},
                        "meterValue": [
                            {
                                "timestamp": self._at(),
                                "sampledValue": [
                                    {
                                        "value": float(self._wh),
                                        "measurand": "Energy.Active.Import.Register",
                                    }
                                ],
                            }
                        ],
                    },
                )
                self.acknowledged[tx] = self.acknowledged.get(tx, 0) + 1
            self.ended.add(tx)

    def _script_16(self) -> Any:
        while True:
            self._wh += WH_A_MESSAGE
            started = yield (
                "StartTransaction",
                {
                    "connectorId": 1,
                    "idTag": "TAG",
                    "meterStart": self._wh,
                    "timestamp": self._at(),
                },
            )
            tx = started["transactionId"]
            self.acknowledged[str(tx)] = 1
            for _ in range(6):
                self._wh += WH_A_MESSAGE
                yield (
                    "MeterValues",
                    {
                        "connectorId": 1,
                        "transactionId": tx,
                        "meterValue": [
                            {"timestamp": self._at(), "sampledValue": [{"value": str(self._wh)}]}
                        ],
                    },
                )
                self.acknowledged[str(tx)] += 1
            self._wh += WH_A_MESSAGE
            yield (
                "StopTransaction",
                {
                    "transactionId": tx,
                    "meterStop": self._wh,
                    "timestamp": self._at(),
                },
            )
            self.acknowledged[str(tx)] += 1
            self.ended.add(str(tx))

    async def check(self, url: str) -> None:
        """What is in the database is what was acknowledged, once."""
        store = await open_store(url)
        try:
            found = await store.history.transactions(
                station_id=StationId(self.station_id), limit=100_000
            )
        finally:
            await store.close()
        by_id = {tx.transaction_id: tx for tx in found}
        assert len(by_id) == len(found)
        for key, n in self.acknowledged.items():
            tx = by_id[TransactionId(key)]  # not lost
            assert (tx.ended is not None) or key not in self.ended
            assert tx.suspect is None
            energy_wh = (n - 1) * WH_A_MESSAGE
            # one message more may have been written but not answered before the kill
            assert tx.energy_wh in (energy_wh, energy_wh + WH_A_MESSAGE)
            if self.version != "1.6":
                assert tx.missing_seq_nos == ()
        # at most the one whose first message was under way is there beside them: nothing is doubled
        assert len(by_id) <= len(self.acknowledged) + 1


@pytest_asyncio.fixture
async def chargers(tmp_path: Path) -> list[Charger]:
    """Let in, in the database that will be served."""
    chargers = [Charger(f"LOAD{n}", ("1.6", "2.0.1", "2.1")[n % 3]) for n in range(N_CHARGERS)]
    store = await open_store(f"sqlite:///{tmp_path / 'csms.db'}")
    await store.journal.commit(
        TokenRecord(token=IdToken(value="TAG")),
        *(_let_in(charger.station_id) for charger in chargers),
        _let_in("AWAY"),
    )
    await store.close()
    return chargers


def _let_in(station_id: str) -> StationRecord:
    return StationRecord(
        station_id=StationId(station_id),
        password_hash=PASSWORD_HASH,
        security_profile=1,
        enabled=True,
    )


@asynccontextmanager
async def _telling(served: Served, chargers: list[Charger]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(charger.run(served.ocpp_port)) for charger in chargers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _under_way(chargers: list[Charger]) -> None:
    """Until each had two dozen more messages acknowledged."""
    marks = [charger.n_acknowledged + 24 for charger in chargers]
    pairs = list(zip(chargers, marks, strict=True))
    await until(lambda: all(c.n_acknowledged >= mark for c, mark in pairs), 240.0)


async def test_nothing_acknowledged_is_lost_or_doubled(
    tmp_path: Path, chargers: list[Charger]
) -> None:
    served = Served(tmp_path, free_port(), free_port(), "[dispatch]\nenabled = false\n")
    store = await open_store(served.url)
    keys = ApiKeys(store.history, store.journal, SystemClock(), Random(1).randbytes)
    key = await keys.create(Role.ADMIN)
    await store.close()
    api = httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{served.http_port}/v1",
        headers={"Authorization": f"Bearer {key.plaintext}"},
        timeout=60.0,
    )
    await served.start()
    async with api, _telling(served, chargers):
        await _under_way(chargers)
        # a command for a station that is away outlives the kill
        answer = await api.post(
            "/stations/AWAY/commands", json={"command": "Trigger", "message": "Heartbeat"}
        )
        assert (answer.status_code, answer.json()["state"]) == (202, "offline")
        command = f"/commands/{answer.json()['command_id']}"
        await served.kill()
        await served.start()
        async with raw_station(served.ocpp_port, "AWAY") as station:
            await station.ask("BootNotification", boot_of("2.0.1"))
            assert await station.asked_for("TriggerMessage") == {"requestedMessage": "Heartbeat"}
            answer = await api.get(command, params={"wait_s": 60})
            assert answer.json()["state"] == "accepted"
        await _under_way(chargers)
        await served.kill()
    for charger in chargers:
        await charger.check(served.url)


@pytest.mark.long
async def test_nothing_is_lost_however_often(tmp_path: Path, chargers: list[Charger]) -> None:
    served = Served(tmp_path, free_port(), free_port(), "[dispatch]\nenabled = false\n")
    async with _telling(served, chargers):
        for _ in range(30):
            await served.start()
            await _under_way(chargers)
            await served.kill()
    for charger in chargers:
        await charger.check(served.url)


@pytest.mark.long
async def test_chargers_fall_back_to_their_safe_power(tmp_path: Path) -> None:
    plant = ieee33()
    scenario = demo_scenario(plant, 6, seed=3, duration_s=600.0)
    ocpp_port = free_port()
    rows = "".join(
        f'[[site.evses]]\nstation = "{s.id}"\nbus = "{s.bus}"\nmax_power_w = {s.max_charge_w}\n'
        f"max_discharge_w = {s.max_discharge_w}\n"
        + ("min_current_a = 0.0\n" if s.kind == "DC" else "")
        for s in scenario.stations
    )
    rest = f"[dispatch]\nlease_s = {LEASE_S}\nsafe_frac = 0.25\nmax_ramp_w_per_min = 60e6\n{rows}"
    served = Served(tmp_path, ocpp_port, free_port(), rest)
    store = await open_store(served.url)
    await store.journal.commit(*station_records(scenario, lambda _id: PASSWORD))
    await store.close()
    await served.start()
    swarm = Swarm(
        scenario,
        websocket_connector(f"ws://127.0.0.1:{ocpp_port}/ocpp", password_of=lambda _id: PASSWORD),
        epoch=SystemClock().now(),
        feeder=plant,
    )
    running = asyncio.create_task(swarm.run(600.0))
    rated_w = {s.id: s.max_charge_w for s in scenario.stations}

    def power_w(station_id: str) -> float:
        return sum(evse.power_w for evse in swarm.stations[station_id].evses.values())

    def all_safe() -> bool:
        return all(power_w(k) <= 0.25 * rated_w[k] + 1.0 for k in rated_w)

    try:
        await until(lambda: any(power_w(k) > 0.3 * rated_w[k] for k in rated_w), 120.0)
        await until(lambda: all(_is_led(swarm, k) for k in rated_w), 120.0)
        await served.kill()
        await until(all_safe, 120.0)
        # and they stay there
        for _ in range(3):
            await asyncio.sleep(0.5)
            assert all_safe()
        assert all(swarm.stations[k].evses[1].tx is not None for k in rated_w)
        await served.start()
        await until(lambda: any(power_w(k) > 0.3 * rated_w[k] for k in rated_w), 120.0)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await served.kill()


def _is_led(swarm: Swarm, station_id: str) -> bool:
    """In a transaction and holding both the safe default and a setpoint."""
    station = swarm.stations[station_id]
    return station.evses[1].tx is not None and len(station.profiles) >= 2
