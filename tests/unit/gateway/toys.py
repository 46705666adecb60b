"""A toy central system behind the gateway, shared by the gateway's tests and benchmarks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from csms.clock import SystemClock
from csms.gateway.passwords import hash_password
from csms.gateway.ports import CloseReason, Observer, StationCredential, StationLink
from csms.gateway.server import Gateway
from csms.gateway.settings import Backend, GatewaySettings, ListenerSettings
from csms.ids import StationId, Uuid7
from csms.ocppj.frame import Payload
from csms.ocppj.version import OcppVersion

NOW = "2026-01-01T00:00:00Z"
PASSWORD = b"0123456789abcdef"
PASSWORD_HASH = hash_password(PASSWORD)
ANSWERS: dict[str, Payload] = {
    "Authorize": {"idTagInfo": {"status": "Accepted"}},
    "BootNotification": {"currentTime": NOW, "interval": 300, "status": "Accepted"},
    "DataTransfer": {"status": "Accepted"},
    "Heartbeat": {"currentTime": NOW},
    "StartTransaction": {"transactionId": 1, "idTagInfo": {"status": "Accepted"}},
}

Handler = Callable[[StationId, str, Payload], Awaitable[Payload]]


class ToyDispatcher:
    """Answers everything at once, and remembers what it saw."""

    def __init__(self, handler: Handler | None = None) -> None:
        self.handler = handler
        self.links: dict[StationId, StationLink] = {}
        self.calls: list[tuple[StationId, str, Payload]] = []
        self.sends: list[tuple[StationId, str, Payload]] = []
        self.ended: list[tuple[StationId, int, CloseReason]] = []
        self.any_connected = asyncio.Event()
        self.any_ended = asyncio.Event()
        self.history: list[tuple[str, StationId, int]] = []

    async def connected(
        self, station_id: StationId, version: OcppVersion, remote: str, link: StationLink
    ) -> None:
        self.links[station_id] = link
        self.any_connected.set()
        self.history.append(("connected", station_id, link.epoch))

    async def on_call(
        self, station_id: StationId, version: OcppVersion, action: str, payload: Payload
    ) -> Payload:
        self.calls.append((station_id, action, payload))
        if self.handler is not None:
            return await self.handler(station_id, action, payload)
        return ANSWERS.get(action, {})

    async def on_send(
        self, station_id: StationId, version: OcppVersion, action: str, payload: Payload
    ) -> None:
        self.sends.append((station_id, action, payload))

    async def disconnected(self, station_id: StationId, epoch: int, reason: CloseReason) -> None:
        self.ended.append((station_id, epoch, reason))
        self.any_ended.set()
        self.history.append(("disconnected", station_id, epoch))


class ToyCredentials:
    """Every id that starts with ``CS`` is known, with the one password."""

    def __init__(self, **fields: Any) -> None:
        fields.setdefault("password_hash", PASSWORD_HASH)
        fields.setdefault("security_profile", 0)
        self.credential = StationCredential(**fields)
        self.others: dict[str, StationCredential | None] = {}

    async def station(self, station_id: StationId) -> StationCredential | None:
        if station_id in self.others:
            return self.others[station_id]
        return self.credential if station_id.startswith("CS") else None


def toy_gateway(
    settings: GatewaySettings | None = None,
    *,
    dispatcher: Any = None,
    credentials: Any = None,
    observer: Observer | None = None,
    clock: Any = None,
    verifier: Any = None,
) -> Gateway:
    clock = clock or SystemClock()
    return Gateway(
        settings or GatewaySettings(),
        dispatcher=dispatcher or ToyDispatcher(),
        credentials=credentials or ToyCredentials(),
        clock=clock,
        message_ids=Uuid7(clock, Random(1)),
        process_key=b"k" * 32,
        observer=observer,
        verifier=verifier,
    )


def settings_for(
    backend: Backend,
    profile: int = 1,
    tls: Any = None,
    organisation: str | None = None,
    **fields: Any,
) -> GatewaySettings:
    listener = ListenerSettings(
        port=0, security_profile=profile, tls=tls, organisation=organisation
    )
    return GatewaySettings(backend=backend, listeners=(listener,), **fields)


@asynccontextmanager
async def running(gateway: Gateway) -> AsyncIterator[int]:
    """Starts a gateway and yields its first port."""
    await gateway.start()
    try:
        yield gateway.ports[0]
    finally:
        async with asyncio.timeout(10):
            await gateway.stop()
