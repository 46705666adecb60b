"""The IEEE 123-bus feeder, unbalanced, with single-phase laterals and regulators that step."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources

from charger_sim.plant.feeder import PlantFeeder
from charger_sim.plant.feeder_file import parse_feeder


def ieee123(v_min_pu: float = 0.90) -> PlantFeeder:
    """The feeder at its published load, 3490 kW + j1920 kvar at 1 pu; see ``ieee123.toml``."""
    file = resources.files("charger_sim.plant") / "ieee123.toml"
    return replace(parse_feeder(file.read_text("utf-8"), file.name), v_min_pu=v_min_pu)
