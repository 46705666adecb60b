"""Durable commits of one transaction event (TransactionRecord + MeterRecord): rates, latencies, CPU.

``python -m tests.bench.store_bench [--json] [--url URL] [--seconds S]``. Every commit is acknowledged after the disk
has it. The baseline, in the same run and on the same file system, commits each message by itself, in the same thread
and with the same statements, so that the ratio shows what grouping gives and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from csms.domain.ports import Journal
from csms.domain.records import MeterRecord, Record, TransactionRecord
from csms.domain.transaction import Register, Span, Transaction
from csms.domain.values import IdToken, MeterReading
from csms.ids import EvseKey, StationId, TransactionId
from csms.store import open_store
from csms.store.backends import SqliteBackend
from csms.store.engines import memory, parse_url, sqlite_writer
from csms.store.migrate import upgrade
from csms.store.rows import ticket
from csms.store.schema import METADATA
from csms.store.store import Store
from csms.store.writer import write_group

N_STATIONS = 500
OFFERED_PER_S = (500, 2_000, 5_000, 10_000)
T0 = datetime(2026, 1, 1, tzinfo=UTC)


def event(i: int) -> tuple[Record, Record]:
    """The ``i``-th event of the fleet: eight measured values, and the transaction merged so far."""
    station_id = StationId(f"STATION-{i % N_STATIONS:05}")
    at = T0 + timedelta(milliseconds=100 * i)
    wh = 1_000.0 + i
    reading = MeterReading(
        at=at,
        power_w=11_000.0,
        energy_import_wh=wh,
        voltage_v=(230.1, 229.8, 231.2),
        current_a=(16.0, 15.9, 16.1),
    )
    transaction = Transaction(
        station_id=station_id,
        transaction_id=TransactionId(f"{station_id}-1"),
        evse_id=1,
        token=IdToken(value="04A2B3C4D5E680", kind="ISO14443"),
        started=T0,
        charging_state="Charging",
        imported=Span(first=Register(at=T0, wh=1_000.0), last=Register(at=at, wh=wh)),
        seq_seen=((0, i // N_STATIONS),),
        last_at=at,
        received=at,
    )
    meter = MeterRecord(
        evse=EvseKey(station_id, 1),
        reading=reading,
        received=at,
        transaction_id=transaction.transaction_id,
    )
    return TransactionRecord(transaction=transaction), meter


class Load:
    """Offers events at a rate, or keeps ``n_callers`` waiting all the time, and times each acknowledgement."""

    def __init__(self, journal: Journal, first: int) -> None:
        self._journal = journal
        self.n = first
        self.latency_s: list[float] = []

    async def one(self) -> None:
        records = event(self.n)
        self.n += 1
        t0 = time.perf_counter()
        await self._journal.commit(*records)
        self.latency_s.append(time.perf_counter() - t0)

    async def offer(self, per_s: int, seconds: float) -> None:
        """Open loop: events keep coming whether or not the store keeps up."""
        tasks: set[asyncio.Task[None]] = set()
        t0, offered = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - t0) < seconds:
            while offered < elapsed * per_s:
                task = asyncio.create_task(self.one())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                offered += 1
            await asyncio.sleep(0.001)
        await asyncio.gather(*tasks)

    async def saturate(self, n_callers: int, seconds: float) -> None:
        """Closed loop: each caller commits again as soon as it was acknowledged."""
        end = time.perf_counter() + seconds

        async def caller() -> None:
            while time.perf_counter() < end:
                await self.one()

        await asyncio.gather(*(caller() for _ in range(n_callers)))


async def measured(
    journal: Journal, first: int, drive: Callable[[Load], Awaitable[None]]
) -> dict[str, float]:
    load = Load(journal, first)
    wall, cpu = time.perf_counter(), time.process_time()
    await drive(load)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    ordered = sorted(load.latency_s)
    n = len(ordered)
    return {
        "commits_per_s": round(n / wall),
        "p50_ms": round(ordered[n // 2] * 1e3, 2),
        "p99_ms": round(ordered[int(n * 0.99)] * 1e3, 2),
        "cpu_us_per_commit": round(cpu / n * 1e6, 1),
    }


async def journal_figures(url: str, seconds: float) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    store = await open_store(url)
    first = 0
    for per_s in OFFERED_PER_S:
        figures[f"offered_{per_s}"] = await measured(
            store.journal, first, lambda load, n=per_s: load.offer(n, seconds)
        )
        first += 10_000_000
    figures["saturated_500"] = await measured(
        store.journal, first, lambda load: load.saturate(N_STATIONS, seconds)
    )
    await store.close()
    return figures


async def baseline_figures(url: str, seconds: float) -> dict[str, Any]:
    """A commit a message."""
    upgrade_first = asyncio.to_thread(upgrade, url)
    await upgrade_first
    store = Store(SqliteBackend(parse_url(url)))
    figures = await measured(store.journal, 0, lambda load: load.saturate(N_STATIONS, seconds))
    await store.close()
    return figures


def bulk_figures(url: str, n_events: int, group: int = 800) -> dict[str, float]:
    """The writer alone, on one core: no loop, no threads. CPU of encoding and of writing, per event (two records)."""
    events = [event(i) for i in range(n_events)]
    cpu = time.process_time()
    for pair in events:
        ticket(pair)
    encode_us = (time.process_time() - cpu) / n_events * 1e6
    tickets = [ticket(pair) for pair in events]
    figures = {"encode_cpu_us_per_event": round(encode_us, 1)}
    in_memory = memory()
    METADATA.create_all(in_memory)
    upgrade(url)
    for name, engine in (("file", sqlite_writer(parse_url(url))), ("memory", in_memory)):
        wall, cpu = time.perf_counter(), time.process_time()
        for at in range(0, n_events, group):
            write_group(engine, tickets[at : at + group])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        figures[f"{name}_write_cpu_us_per_event"] = round(cpu / n_events * 1e6, 1)
        figures[f"{name}_records_per_s"] = round(2 * n_events / wall)
        engine.dispose()
    return figures


def run(seconds: float = 3.0, url: str | None = None) -> dict[str, Any]:
    """All figures. ``url`` measures another database as well; its baseline stays SQLite's."""
    with tempfile.TemporaryDirectory() as folder:
        at = lambda name: f"sqlite:///{Path(folder) / name}"  # noqa: E731
        figures: dict[str, Any] = {
            "bulk": bulk_figures(at("bulk.db"), 40_000),
            "commit_a_message": asyncio.run(baseline_figures(at("single.db"), seconds)),
            "sqlite": asyncio.run(journal_figures(at("group.db"), seconds)),
        }
    if url is not None:
        figures["url"] = asyncio.run(journal_figures(url, seconds))
    figures["ratio_group_to_single"] = round(
        figures["sqlite"]["saturated_500"]["commits_per_s"]
        / figures["commit_a_message"]["commits_per_s"],
        1,
    )
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--url")
    parser.add_argument("--seconds", type=float, default=3.0)
    args = parser.parse_args()
    figures = run(args.seconds, args.url)
    if args.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(name)
        for key, figure in value.items() if isinstance(value, dict) else [("", value)]:
            print(f"  {key:26} {figure}")


if __name__ == "__main__":
    main()
