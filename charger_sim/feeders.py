"""From a scenario's feeder name to a plant feeder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from charger_sim.plant import PlantFeeder, ieee33, load_feeder
from charger_sim.scenario import Scenario, ScenarioError


def resolve_feeder(scenario: Scenario, given: PlantFeeder | None) -> PlantFeeder:
    """``given``, the built-in IEEE 33, or the file that the scenario names; with the scenario's
    voltage limit if it has one. Raises :class:`ScenarioError`."""
    if given is not None:
        feeder = given
    elif scenario.feeder == "ieee33":
        feeder = ieee33()
    elif Path(scenario.feeder).suffix == ".toml":
        feeder = load_feeder(Path(scenario.feeder))
    else:
        raise ScenarioError(f"feeder {scenario.feeder!r}: expected ieee33 or a .toml file")
    if scenario.v_min_pu is not None:
        feeder = replace(feeder, v_min_pu=scenario.v_min_pu)
    return feeder
