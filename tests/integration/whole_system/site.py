"""A whole central system on real sockets and a real database file, and stations that speak frame by frame."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from csms.bootstrap import CentralSystem
from csms.clock import SystemClock
from csms.domain.records import Record, StationRecord, TokenRecord
from csms.domain.values import IdToken, TokenStatus
from csms.gateway.passwords import hash_password
from csms.ids import StationId
from csms.settings import Settings
from csms.store import open_store

PASSWORD = "0123456789abcdef"
PASSWORD_HASH = hash_password(PASSWORD.encode())
PATIENCE_S = 60.0
"""How long a test waits for what must come; generous, for busy machines."""
NOW = "2026-01-01T00:00:00Z"

BOOT: dict[str, dict[str, Any]] = {
    "1.6": {"chargePointVendor": "Maker", "chargePointModel": "One"},
    "2.x": {
        "reason": "PowerUp",
        "chargingStation": {"vendorName": "Maker", "model": "One"},
    },
}


def boot_of(version: str) -> dict[str, Any]:
    return BOOT["1.6" if version == "1.6" else "2.x"]


def settings_at(folder: Path, **sections: dict[str, Any]) -> Settings:
    """Settings for a site in ``folder``; no dispatch unless a section asks for it."""
    given: dict[str, Any] = {
        "gateway": {"port": 0},
        "http": {"port": 0},
        "store": {"url": f"sqlite:///{folder / 'csms.db'}"},
        "dispatch": {"enabled": False},
        "log": {"level": "error"},
    }
    for name, section in sections.items():
        given[name] = {**given.get(name, {}), **section}
    return Settings(**given)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Site]:
    """A started central system, stopped at the end."""
    store = await open_store(settings.store.url.get_secret_value())
    rng = Random(secrets.randbits(64))
    system = CentralSystem(settings, store, SystemClock(), rng, secrets.token_bytes)
    await system.start()
    try:
        yield Site(system)
    finally:
        await system.stop()


class Site:
    """A running central system and the ways to it."""

    def __init__(self, system: CentralSystem) -> None:
        self.system = system

    @property
    def port(self) -> int:
        return self.system.gateway.ports[0]

    async def accept(self, *station_ids: str, **fields: Any) -> None:
        await self.write(
            *(
                StationRecord(
                    station_id=StationId(station_id),
                    password_hash=PASSWORD_HASH,
                    security_profile=1,
                    enabled=True,
                    **fields,
                )
                for station_id in station_ids
            )
        )

    async def know_token(self, value: str, status: str = "Accepted", **fields: Any) -> None:
        await self.write(
            TokenRecord(token=IdToken(value=value), status=TokenStatus(status), **fields)
        )

    async def write(self, *records: Record) -> None:
        await self.system.store.journal.commit(*records)

    @asynccontextmanager
    async def station(
        self,
        station_id: str,
        version: str = "2.0.1",
        *,
        boot: bool = True,
        answers: dict[str, Answer] | None = None,
    ) -> AsyncIterator[RawStation]:
        """A station that was let in, connected and (unless told otherwise) booted."""
        await self.accept(station_id)
        async with raw_station(self.port, station_id, version, answers=answers) as station:
            if boot:
                assert (await station.ask("BootNotification", boot_of(version)))[
                    "status"
                ] == "Accepted"
            yield station

    async def until(self, condition: Callable[[], object]) -> None:
        await until(condition)


async def until(condition: Callable[[], object], within_s: float = PATIENCE_S) -> None:
    """Wait for ``condition``; raises ``TimeoutError``."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 conditions are of others' state
            await asyncio.sleep(0.02)


def basic(username: str, password: str = PASSWORD) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


class Refused(Exception):
    """The central system answered with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code


Answer = dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any] | Awaitable[dict[str, Any]]]


class RawStation:
    """Sends frames by hand; answers each CALL from ``answers``, else as accepted. ``asked`` keeps all CALLs."""

    def __init__(
        self, ws: ClientConnection, version: str, answers: dict[str, Answer] | None = None
    ) -> None:
        self.ws = ws
        self.version = version
        self.answers = answers or {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.strays: list[list[Any]] = []
        """Results and errors that answer no CALL of ours."""
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._n = 0
        self._reader = asyncio.create_task(self._read())

    async def ask(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """The answer to a CALL; raises ``Refused`` for a CALLERROR."""
        self._n += 1
        message_id = f"m{self._n}"
        future = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = future
        await self.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(PATIENCE_S):
            done, _ = await asyncio.wait(
                [future, self._reader], return_when=asyncio.FIRST_COMPLETED
            )
        if future in done:
            return future.result()
        raise ConnectionError(f"the connection ended before {action} was answered")

    async def send(self, frame: str | bytes) -> None:
        await self.ws.send(frame, text=True)

    async def asked_for(self, action: str, n: int = 1) -> dict[str, Any]:
        """The payload of the ``n``-th CALL of ``action``, waited for."""
        await until(lambda: sum(a == action for a, _ in self.asked) >= n)
        return [p for a, p in self.asked if a == action][n - 1]

    async def close(self) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self.ws.close()

    async def _read(self) -> None:
        async for text in self.ws:
            frame = json.loads(text)
            if frame[0] == 2:
                await self._answer(*frame[1:])
            elif frame[1] in self._waiting:
                future = self._waiting.pop(frame[1])
                if frame[0] == 3:
                    future.set_result(frame[2])
                else:
                    future.set_exception(Refused(frame[2], frame[3]))
            else:
                self.strays.append(frame)

    async def _answer(self, message_id: str, action: str, payload: dict[str, Any]) -> None:
        self.asked.append((action, payload))
        answer = self.answers.get(action)
        if callable(answer):
            answer = answer(payload)
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer is None:
            answer = _usual(self.version, action, payload)
        await self.send(json.dumps([3, message_id, answer]))


def _usual(version: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    """What an obliging station answers."""
    match action:
        case "GetConfiguration":
            return {"configurationKey": []}
        case "GetVariables":
            return {
                "getVariableResult": [
                    {
                        "attributeStatus": "UnknownVariable",
                        "component": item["component"],
                        "variable": item["variable"],
                    }
                    for item in payload["getVariableData"]
                ]
            }
        case "SetVariables":
            return {
                "setVariableResult": [
                    {
                        "attributeStatus": "Accepted",
                        "component": item["component"],
                        "variable": item["variable"],
                    }
                    for item in payload["setVariableData"]
                ]
            }
        case "UnlockConnector":
            return {"status": "Unlocked"}
        case _:
            return {"status": "Accepted"}


@asynccontextmanager
async def raw_station(
    port: int,
    station_id: str,
    version: str = "2.0.1",
    *,
    password: str = PASSWORD,
    answers: dict[str, Answer] | None = None,
) -> AsyncIterator[RawStation]:
    """A connected station that has said nothing yet."""
    async with connect(
        f"ws://127.0.0.1:{port}/ocpp/{station_id}",
        subprotocols=[f"ocpp{version}"],  # type: ignore[list-item]
        additional_headers={"Authorization": basic(station_id, password)},
        open_timeout=PATIENCE_S,
        ping_interval=None,
        max_size=None,
        proxy=None,
    ) as ws:
        station = RawStation(ws, version, answers)
        try:
            yield station
        finally:
            await station.close()
