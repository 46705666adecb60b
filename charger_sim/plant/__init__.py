"""The world outside the central system: a feeder by power-grid-model, a frequency by the swing
equation."""

from charger_sim.plant.feeder import (
    FeederError,
    PlantBranch,
    PlantFeeder,
    PlantLoad,
    PlantShunt,
)
from charger_sim.plant.feeder_file import load_feeder
from charger_sim.plant.frequency import FrequencyState, FrequencySystem
from charger_sim.plant.ieee33 import ieee33
from charger_sim.plant.ieee123 import ieee123
from charger_sim.plant.powerflow import Injection, PlantDiverged, PowerFlow, Solution
from charger_sim.plant.regulators import Regulator

__all__ = [
    "FeederError",
    "FrequencyState",
    "FrequencySystem",
    "Injection",
    "PlantBranch",
    "PlantDiverged",
    "PlantFeeder",
    "PlantLoad",
    "PlantShunt",
    "PowerFlow",
    "Regulator",
    "Solution",
    "ieee33",
    "ieee123",
    "load_feeder",
]
