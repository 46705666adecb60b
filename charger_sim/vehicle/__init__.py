"""The electric vehicle: battery, charger, the driver's needs, and what it says over ISO 15118. Pure."""

from charger_sim.vehicle.credentials import EDITIONS, Edition, EvCredentials
from charger_sim.vehicle.vehicle import Vehicle

__all__ = ["EDITIONS", "Edition", "EvCredentials", "Vehicle"]
