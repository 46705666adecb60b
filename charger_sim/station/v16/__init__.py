"""OCPP 1.6J as a station speaks it."""

from charger_sim.station.v16.dialect import Dialect16

__all__ = ["Dialect16"]
