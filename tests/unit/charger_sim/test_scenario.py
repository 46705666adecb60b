"""Scenario files: what is written is read back, and mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from charger_sim.demo import demo_scenario
from charger_sim.feeders import resolve_feeder
from charger_sim.plant import ieee33
from charger_sim.reference import uncontrolled
from charger_sim.scenario import ScenarioError, load_scenario
from charger_sim.toml_writer import scenario_to_toml

SHIPPED = sorted((Path(__file__).resolve().parents[3] / "config" / "scenarios").glob("*.toml"))


def test_generated_scenario_survives_its_file(tmp_path: Path) -> None:
    scenario = demo_scenario(ieee33(), 20, seed=7)
    path = tmp_path / "s.toml"
    path.write_text(scenario_to_toml(scenario))
    assert load_scenario(path) == scenario


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_scenarios_load_and_stand_on_their_feeder(path: Path) -> None:
    scenario = load_scenario(path)
    buses = set(resolve_feeder(scenario, None).bus_ids)
    assert {s.bus for s in scenario.stations} <= buses


def test_there_are_shipped_scenarios() -> None:
    assert SHIPPED


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_demo_breaks_the_limit_without_control_and_only_then(seed: int) -> None:
    scenario = demo_scenario(ieee33(), 20, seed)
    reference = uncontrolled(scenario)
    assert 0.80 < reference.worst_v_pu < 0.90
    assert reference.seconds_below_limit > 40.0
    assert not reference.collapsed


def test_uncontrolled_run_is_deterministic() -> None:
    scenario = demo_scenario(ieee33(), 10, seed=4)
    assert uncontrolled(scenario) == uncontrolled(scenario)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "Invalid value"),
        ("seed = 1", "`name`"),
        ('name = "x"\nsede = 1', "`sede`"),
        ('name = "x"\n[[events]]\nat_s = 1\nkind = "flood"', "flood.*events"),
        ('name = "x"\n[[events]]\nat_s = 1\nkind = "reboot"\nstation = "A"', "station 'A'"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=message):
        load_scenario(path)
