"""SIGKILL at any moment: nothing acknowledged is lost, nothing is doubled, no number is given out twice."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from csms.ids import EvseKey, StationId
from csms.store import open_store
from csms.store.migrate import upgrade
from tests.integration.store.samples import minutes

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    "n_kills", [2, pytest.param(200, marks=pytest.mark.long)], ids=["some", "many"]
)
async def test_sigkill_loses_and_doubles_nothing(url: str, n_kills: int) -> None:
    await asyncio.to_thread(upgrade, url)
    rng = Random(7)
    acknowledged: Counter[tuple[str, int]] = Counter()
    for life in range(n_kills):
        acknowledged.update(_one_life(url, life, n_lines=rng.randint(1, 900)))
    assert len(acknowledged) > n_kills

    numbers = Counter(number for _, number in acknowledged)
    assert numbers.most_common(1)[0][1] == 1, "a transaction number was given out twice"
    store = await open_store(url)
    try:
        stored: list[tuple[str, int]] = []
        for station_id in {station for station, _ in acknowledged}:
            of_station = await store.history.transactions(
                station_id=StationId(station_id), limit=100_000
            )
            keys = [(station_id, int(t.transaction_id)) for t in of_station]
            metered = await store.history.meter_values(
                EvseKey(StationId(station_id), 1), minutes(0), minutes(10**7), limit=100_000
            )
            assert len(metered) == len(keys), "half of a commit is there"
            stored.extend(keys)
        assert max(Counter(stored).values()) == 1
        assert set(acknowledged) <= set(stored)
        assert await store.journal.next_transaction_number() > max(numbers)
    finally:
        await store.close()


def _one_life(url: str, life: int, n_lines: int) -> list[tuple[str, int]]:
    """Start the committer, kill it after ``n_lines`` acknowledgements, and return all that it acknowledged."""
    command = [sys.executable, "-m", "tests.integration.store.committer", url, f"life{life}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(n_lines)]
        process.kill()
        lines += process.stdout.readlines()
    words = [line.decode().split() for line in lines if line.endswith(b"\n")]
    return [(station, int(number)) for station, number in words]
