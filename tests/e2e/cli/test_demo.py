"""``csms demo`` as its watcher runs it: the feeder is held, and the summary says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli.run import csms_process

REQUIRED = {
    "stations", "feeder", "limit_v_pu", "worst_v_pu", "worst_v_pu_by_phase", "worst_v_pu_uncontrolled",
    "seconds_below_limit", "energy_delivered_wh", "curtailed_wh", "v2g_energy_wh",
    "frequency_nadir_hz", "frequency_nadir_without_ev_hz", "droop_peak_w", "commands",
    "command_latency_ms", "messages", "errors",
}  # fmt: skip


def demo(folder: Path, seconds: int, *options: str) -> dict[str, Any]:
    answer = csms_process(
        "demo", "--seconds", str(seconds), "--json", "--no-browser", *options, cwd=folder
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "one-time password" in answer.stderr
    assert "/<station-id>" in answer.stderr
    summary: dict[str, Any] = json.loads(answer.stdout)
    return summary


def assert_held(summary: dict[str, Any]) -> None:
    assert set(summary) >= REQUIRED
    assert set(summary["stations"]) == {"1.6", "2.0.1", "2.1"}
    assert summary["worst_v_pu_uncontrolled"] < 0.90
    assert summary["worst_v_pu"] >= summary["limit_v_pu"] == 0.90
    assert min(summary["worst_v_pu_by_phase"].values()) == summary["worst_v_pu"]
    assert summary["seconds_below_limit"] == 0
    assert summary["energy_delivered_wh"] > 0
    assert set(summary["commands"]) == {"sent", "accepted", "rejected", "timed_out"}
    assert summary["commands"]["accepted"] > 0
    assert set(summary["command_latency_ms"]) == {"p50", "p99"}
    assert summary["errors"] == 0


def test_the_demo_holds_the_feeder(tmp_path: Path) -> None:
    assert_held(demo(tmp_path, 16))


@pytest.mark.parametrize("feeder", ["ieee123", pytest.param("european-lv", marks=pytest.mark.long)])
def test_single_phase_chargers_leave_every_phase_above_the_limit(
    tmp_path: Path, feeder: str
) -> None:
    summary = demo(tmp_path, 14, "--feeder", feeder, "--stations", "40")
    assert summary["feeder"] == feeder
    assert_held(summary)
    assert set(summary["worst_v_pu_by_phase"]) == {"a", "b", "c"}


@pytest.mark.long
@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_vehicles_soften_a_loss_of_generation(tmp_path: Path, seed: str) -> None:
    summary = demo(tmp_path, 40, "--seed", seed)
    assert_held(summary)
    assert summary["v2g_energy_wh"] > 0
    assert summary["droop_peak_w"] > 0
    assert summary["frequency_nadir_hz"] > summary["frequency_nadir_without_ev_hz"]
