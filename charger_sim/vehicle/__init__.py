"""The electric vehicle: battery, charger and the driver's needs. Pure."""

from charger_sim.vehicle.vehicle import Vehicle

__all__ = ["Vehicle"]
