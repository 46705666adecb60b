"""ISO 15118-2: the charger's and the car's state machines."""

from __future__ import annotations

from charger_sim.iso15118.iso2.evcc import Evcc
from charger_sim.iso15118.iso2.evcc_context import Contract, EvccConfig, Provisioning
from charger_sim.iso15118.iso2.secc import Secc
from charger_sim.iso15118.iso2.secc_context import PausedSession, SeccConfig

__all__ = [
    "Contract",
    "Evcc",
    "EvccConfig",
    "PausedSession",
    "Provisioning",
    "Secc",
    "SeccConfig",
]
