"""A station's charge controllers: ISO 15118 on one side, OCPP on the other."""

from charger_sim.station.iso15118.host import SeccHost, SeccOptions, SessionEnd

__all__ = ["SeccHost", "SeccOptions", "SessionEnd"]
