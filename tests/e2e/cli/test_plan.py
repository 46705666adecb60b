"""``csms plan``: what was kept, for people and for programs."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from csms.store import open_store
from tests.e2e.cli.run import csms
from tests.unit.planner.sample_day import write_day


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "csms.toml"
    file.write_text(f'[store]\nurl = "sqlite:///{tmp_path / "csms.db"}"\n')
    return file


def keep_a_day(folder: Path) -> None:
    async def write() -> None:
        store = await open_store(f"sqlite:///{folder / 'csms.db'}")
        await write_day(store, datetime.now(UTC).replace(hour=10))  # noqa: TID251
        await store.close()

    asyncio.run(write())


def test_without_a_plan_it_says_what_to_set(config: Path) -> None:
    answer = csms("plan", "show", "--config", str(config))
    assert answer.returncode == 1
    assert "set planner.enabled and a price source" in answer.stderr


def test_the_last_plan_and_the_saving(config: Path, tmp_path: Path) -> None:
    keep_a_day(tmp_path)
    shown = csms("plan", "show", "--json", "--config", str(config))
    assert shown.returncode == 0, shown.stderr
    plan = json.loads(shown.stdout)
    assert len(plan["evs"]) == 8
    assert plan["summary"]["cost_eur"] < plan["summary"]["uncontrolled_cost_eur"]
    text = csms("plan", "show", "--config", str(config))
    assert "CP-005/1: " in text.stdout
    assert "kWh will lack" in text.stdout
    saved = csms("plan", "savings", "--json", "--config", str(config))
    assert json.loads(saved.stdout)["saving_eur"] > 0.0
    assert "saved" in csms("plan", "savings", "--config", str(config)).stdout
