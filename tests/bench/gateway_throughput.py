"""The gateway's whole path, socket to answer, against PyPI ``ocpp`` + ``websockets`` in the same run.

    python -m tests.bench.gateway_throughput [--json] [--dispatcher package.module:make_dispatcher]

Server and load generator are processes of their own, on a core each; 100 stations with one message in flight
each. ``per_core_s`` divides by the server's CPU time, so that it means something on a busy machine too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any

STATIONS = 100
MANY = 1000


class Worker:
    """A process that answers one JSON line with another."""

    def __init__(self, process: Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, *args: str) -> Worker:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *args, stdin=PIPE, stdout=PIPE, limit=1 << 20
        )
        return cls(process)

    async def answer(self, timeout_s: float = 30.0) -> Any:
        assert self.process.stdout is not None
        async with asyncio.timeout(timeout_s):
            line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError("a worker of the benchmark died")
        return json.loads(line)

    async def do(self, what: str, **arguments: Any) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": what, **arguments}).encode() + b"\n")
        return await self.answer()

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


async def _measure(kind: str, seconds: float, dispatcher: str | None) -> dict[str, Any]:
    arguments = [kind] if dispatcher is None else [kind, dispatcher]
    server = await Worker.start("tests.bench.gateway_servers", *arguments)
    load = await Worker.start("tests.bench.gateway_load")
    result: dict[str, Any] = {}
    try:
        port = (await server.answer())["port"]
        await load.do("connect", port=port, n=STATIONS)
        for action in ("Heartbeat", "MeterValues", "TransactionEvent"):
            await load.do("load", action=action, seconds=0.3)
            before = await server.do("usage")
            figures = await load.do("load", action=action, seconds=seconds)
            after = await server.do("usage")
            result[action] = {
                "per_s": round(figures["messages"] / figures["seconds"]),
                "per_core_s": round(figures["messages"] / (after["cpu_s"] - before["cpu_s"])),
                "bytes": figures["bytes"],
            }
        before = await server.do("usage")
        connected = await load.do("connect", port=port, n=MANY - STATIONS)
        after = await server.do("usage")
        result["connections_per_s"] = round((MANY - STATIONS) / connected["seconds"])
        result["rss_per_connection_kib"] = round(
            (after["rss"] - before["rss"]) / (MANY - STATIONS) / 1024, 1
        )
        result["fan_out"] = await server.do("fan_out")
    finally:
        await load.stop()
        await server.stop()
    return result


async def _run(seconds: float, dispatcher: str | None) -> dict[str, Any]:
    results = {
        kind: await _measure(
            kind, seconds, dispatcher if kind in ("picows", "websockets") else None
        )
        for kind in ("stored", "picows", "websockets", "ocpp")
    }
    for kind in ("stored", "picows", "websockets"):
        results[kind]["times_faster_than_ocpp"] = {
            action: round(
                results[kind][action]["per_core_s"] / results["ocpp"][action]["per_core_s"], 1
            )
            for action in ("Heartbeat", "MeterValues", "TransactionEvent")
        }
    return results


def run(seconds: float = 3.0, make_dispatcher: str | None = None) -> dict[str, Any]:
    """Figures per server kind; ``stored`` is the whole system with SQLite. About ``12 * seconds + 40`` seconds."""
    return asyncio.run(_run(seconds, make_dispatcher))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--seconds", type=float, default=3.0, help="per measurement")
    parser.add_argument("--dispatcher", help="package.module:make_dispatcher for our gateway")
    arguments = parser.parse_args()
    results = run(arguments.seconds, arguments.dispatcher)
    print(json.dumps(results, indent=None if arguments.json else 2))


if __name__ == "__main__":
    main()
