"""How long a command takes from the central system to the car: measured on a live swarm, beside the model."""

from charger_sim.command_latency.report import Report
from charger_sim.command_latency.run import Plan, measure_commands

__all__ = ["Plan", "Report", "measure_commands"]
