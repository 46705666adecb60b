"""Servers of the gateway's benchmarks: ours, and one made of PyPI ``ocpp`` and ``websockets``.

    python -m tests.bench.gateway_servers stored|picows|websockets|ocpp [package.module:make_dispatcher]

Prints its port, then answers one JSON line per command on stdin.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import inspect
import json
import logging
import os
import statistics
import sys
import time
from typing import Any

import psutil
import uvloop
import websockets
from ocpp.routing import on
from ocpp.v201 import ChargePoint, call, call_result
from ocpp.v201 import datatypes as dt
from websockets.asyncio.server import serve

from csms.gateway.settings import Backend
from tests.bench.whole_path import WholePath
from tests.unit.gateway.toys import NOW, ToyCredentials, ToyDispatcher, settings_for, toy_gateway

PROFILE = {
    "evseId": 1,
    "chargingProfile": {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [
            {
                "id": 1,
                "startSchedule": NOW,
                "duration": 60,
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7400.0}],
            }
        ],
    },
}


class QuietDispatcher(ToyDispatcher):
    """Keeps no record."""

    async def on_call(self, station_id: Any, version: Any, action: Any, payload: Any) -> Any:
        return {"currentTime": NOW} if action == "Heartbeat" else {}


class Ours:
    def __init__(self, backend: str, make_dispatcher: str | None) -> None:
        self.backend = Backend(backend)
        self.make_dispatcher = make_dispatcher

    async def start(self) -> int:
        dispatcher: Any = QuietDispatcher()
        if self.make_dispatcher is not None:
            module, _, name = self.make_dispatcher.partition(":")
            dispatcher = getattr(importlib.import_module(module), name)()
            if inspect.isawaitable(dispatcher):
                dispatcher = await dispatcher
        self.gateway = toy_gateway(
            settings_for(
                self.backend,
                max_handshakes=20_000,
                max_pending_hashes=20_000,
                max_messages_per_s=1e6,
            ),
            dispatcher=dispatcher,
            credentials=ToyCredentials(),
            verifier=Trusting(),
        )
        await self.gateway.start()
        return self.gateway.ports[0]

    async def set_profile(self) -> list[float]:
        latencies: list[float] = []

        async def one(link: Any) -> None:
            outcome = await link.call("SetChargingProfile", PROFILE, timeout_s=10, coalesce_key="p")
            assert outcome.status == "answered", outcome
            latencies.append(outcome.latency_s)

        async with asyncio.TaskGroup() as group:
            for n, link in enumerate(self.gateway.links()):
                group.create_task(one(link))
                if n % 200 == 199:
                    await asyncio.sleep(0)
        return latencies


class Whole(Ours):
    """Validation, services and durable SQLite behind the gateway: the system as it serves."""

    def __init__(self) -> None:
        super().__init__(Backend.PICOWS, None)

    async def start(self) -> int:
        self.path = WholePath()
        port = await self.path.start(Trusting())
        self.gateway = self.path.gateway
        return port


class Trusting:
    """Leaves Argon2 out: connection set-up is not what is measured here."""

    async def verify(self, password_hash: str, password: bytes) -> bool:
        return True


class Station(ChargePoint):
    @on("Heartbeat")
    def on_heartbeat(self, **kwargs: Any) -> Any:
        return call_result.Heartbeat(current_time=NOW)

    @on("MeterValues")
    def on_meter_values(self, **kwargs: Any) -> Any:
        return call_result.MeterValues()

    @on("TransactionEvent")
    def on_transaction_event(self, **kwargs: Any) -> Any:
        return call_result.TransactionEvent()


class Baseline:
    """A CSMS as PyPI ``ocpp``'s documentation shows it."""

    def __init__(self) -> None:
        self.stations: dict[str, Station] = {}

    async def start(self) -> int:
        async def connected(ws: Any) -> None:
            station = Station(ws.request.path.rsplit("/", 1)[1], ws)
            self.stations[station.id] = station
            try:
                await station.start()
            except websockets.ConnectionClosed:
                del self.stations[station.id]

        server = await serve(connected, "127.0.0.1", 0, subprotocols=["ocpp2.0.1"])
        return int(next(iter(server.sockets)).getsockname()[1])

    async def set_profile(self) -> list[float]:
        schedule = PROFILE["chargingProfile"]["chargingSchedule"][0]
        request = call.SetChargingProfile(
            evse_id=1,
            charging_profile=dt.ChargingProfileType(
                id=1,
                stack_level=0,
                charging_profile_purpose="TxProfile",
                charging_profile_kind="Absolute",
                charging_schedule=[
                    dt.ChargingScheduleType(
                        id=1,
                        start_schedule=NOW,
                        duration=schedule["duration"],
                        charging_rate_unit="W",
                        charging_schedule_period=[
                            dt.ChargingSchedulePeriodType(start_period=0, limit=7400.0)
                        ],
                    )
                ],
            ),
        )
        latencies: list[float] = []

        async def one(station: Station) -> None:
            start = time.perf_counter()
            await station.call(request)
            latencies.append(time.perf_counter() - start)

        await asyncio.gather(*(one(station) for station in self.stations.values()))
        return latencies


async def main() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    logging.disable(logging.CRITICAL)
    kind = sys.argv[1]
    server: Ours | Baseline
    if kind == "ocpp":
        server = Baseline()
    elif kind == "stored":
        server = Whole()
    else:
        server = Ours(kind, sys.argv[2] if len(sys.argv) > 2 else None)
    print(json.dumps({"port": await server.start()}), flush=True)
    loop = asyncio.get_running_loop()
    me = psutil.Process()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)["do"]
        answer: dict[str, float] = {}
        if command == "usage":
            cpu = me.cpu_times()  # first: the sweep is the measurement's, not the server's
            gc.collect()
            answer = {"rss": me.memory_info().rss, "cpu_s": cpu.user + cpu.system}
        elif command == "fan_out":
            await server.set_profile()
            start = time.perf_counter()
            latencies = await server.set_profile()
            answer = {
                "stations": len(latencies),
                "total_ms": (time.perf_counter() - start) * 1e3,
                "p50_ms": statistics.median(latencies) * 1e3,
                "p99_ms": statistics.quantiles(latencies, n=100)[98] * 1e3,
            }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
