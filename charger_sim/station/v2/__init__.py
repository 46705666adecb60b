"""OCPP 2.0.1 and 2.1 as a station speaks them."""

from charger_sim.station.v2.dialect import DialectV2

__all__ = ["DialectV2"]
