"""From a feeder's name to a plant feeder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from charger_sim.plant import FeederError, PlantFeeder, ieee33, ieee123, load_feeder
from charger_sim.scenario import Scenario, ScenarioError

BUILT_IN: dict[str, Callable[[], PlantFeeder]] = {"ieee33": ieee33, "ieee123": ieee123}


def named_feeder(name: str) -> PlantFeeder:
    """A built-in feeder, or the ``.toml`` file called ``name``. Raises ``FeederError``,
    ``OSError``."""
    if name in BUILT_IN:
        return BUILT_IN[name]()
    if Path(name).suffix != ".toml":
        raise FeederError(f"feeder {name!r}: expected {', '.join(BUILT_IN)} or a .toml file")
    return load_feeder(Path(name))


def resolve_feeder(scenario: Scenario, given: PlantFeeder | None) -> PlantFeeder:
    """``given``, or the feeder that the scenario names; with the scenario's voltage limit if it has
    one. Raises :class:`ScenarioError`."""
    try:
        feeder = given or named_feeder(scenario.feeder)
    except FeederError as error:
        raise ScenarioError(str(error)) from error
    if scenario.v_min_pu is not None:
        feeder = replace(feeder, v_min_pu=scenario.v_min_pu)
    return feeder
