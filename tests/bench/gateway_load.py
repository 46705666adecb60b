"""Load generator of the gateway's benchmarks: its own process, pre-encoded frames, one in flight per station.

Reads one JSON command a line on stdin, answers each with one JSON line.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import time
from typing import Any

import picows
import uvloop

from tests.unit.gateway.toys import NOW, PASSWORD

ID = "0123456789-0123456789-0123456789-01"
_METERS = [
    {
        "timestamp": NOW,
        "sampledValue": [
            {
                "value": 229.5 + n,
                "context": "Sample.Periodic",
                "measurand": measurand,
                "location": "Outlet",
                "unitOfMeasure": {"unit": unit, "multiplier": 0},
            }
            for n, (measurand, unit) in enumerate(
                [
                    ("Power.Active.Import", "W"),
                    ("Energy.Active.Import.Register", "Wh"),
                    ("Current.Import", "A"),
                    ("Voltage", "V"),
                    ("SoC", "Percent"),
                    ("Frequency", "Hz"),
                    ("Power.Offered", "W"),
                    ("Current.Offered", "A"),
                ]
            )
        ],
    }
]
MESSAGES: dict[str, dict[str, Any]] = {
    "Heartbeat": {},
    "MeterValues": {"evseId": 1, "meterValue": _METERS},
    "TransactionEvent": {
        "eventType": "Updated",
        "timestamp": NOW,
        "triggerReason": "MeterValuePeriodic",
        "seqNo": 3,
        "transactionInfo": {
            "transactionId": "6e7e4c9a-0d2e-4b6c-9a54-0f0f5a1b2c3d",
            "chargingState": "Charging",
        },
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{**_METERS[0], "sampledValue": _METERS[0]["sampledValue"][:5]}],
    },
}


class Station(picows.WSListener):
    """Answers every CALL as accepted; while ``frame`` is set, sends it anew after each answer."""

    frame: bytes | None = None
    answered = 0

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type != picows.WSMsgType.TEXT:
            return
        data = frame.get_payload_as_bytes()
        if data.startswith(b"[2"):
            message_id = json.loads(data)[1]
            transport.send(
                picows.WSMsgType.TEXT, b'[3,"%s",{"status":"Accepted"}]' % message_id.encode()
            )
        elif data.startswith(b"[3"):
            self.answered += 1
            if self.frame is not None:
                transport.send(picows.WSMsgType.TEXT, self.frame)
        else:
            raise RuntimeError(f"refused: {data[:200]!r}")


class Load:
    def __init__(self) -> None:
        self.stations: list[Station] = []

    async def connect(self, port: int, n: int) -> dict[str, float]:
        start = time.perf_counter()

        async def one(i: int) -> None:
            user = f"CS{i:05d}"
            token = base64.b64encode(user.encode() + b":" + PASSWORD).decode()
            _, station = await picows.ws_connect(
                Station,
                f"ws://127.0.0.1:{port}/ocpp/{user}",
                extra_headers={
                    "Authorization": f"Basic {token}",
                    "Sec-WebSocket-Protocol": "ocpp2.0.1",
                },
                websocket_handshake_timeout=30,
            )
            self.stations.append(station)

        first = len(self.stations)
        for batch in range(0, n, 50):
            await asyncio.gather(*(one(first + i) for i in range(batch, min(batch + 50, n))))
        return {"seconds": time.perf_counter() - start}

    async def load(self, action: str, seconds: float) -> dict[str, float]:
        frame = json.dumps([2, ID, action, MESSAGES[action]], separators=(",", ":")).encode()
        before = sum(station.answered for station in self.stations)
        for station in self.stations:
            station.frame = frame
            station.transport.send(picows.WSMsgType.TEXT, frame)
        start = time.perf_counter()
        await asyncio.sleep(seconds)
        elapsed = time.perf_counter() - start
        messages = sum(station.answered for station in self.stations) - before
        for station in self.stations:
            station.frame = None
        await asyncio.sleep(0.1)
        return {"messages": messages, "seconds": elapsed, "bytes": len(frame)}


async def main() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    load = Load()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        answer = await getattr(load, command.pop("do"))(**command)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
