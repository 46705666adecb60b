"""ISO 15118-20: SECC and EVCC as pure machines for `charger_sim.iso15118.driver.run`.

A charger is a `Secc` over a `ports.Evse`, a car an `Evcc` over a `ports.Vehicle`; the order of
messages is data (`states`). AC and DC, both with BPT, EIM and PnC, in scheduled and dynamic mode.
Positioning (VehicleCheckIn, VehicleCheckOut), WPT and ACDP are refused.
"""

from __future__ import annotations

from charger_sim.iso15118.iso20.evcc import Evcc
from charger_sim.iso15118.iso20.evcc_state import EvccConfig, Identity, Resume
from charger_sim.iso15118.iso20.limits import Limits
from charger_sim.iso15118.iso20.secc import Secc
from charger_sim.iso15118.iso20.secc_state import PausedSessions, SeccConfig
from charger_sim.iso15118.iso20.services import ControlMode, Offer, ParameterSet, ServiceId

__all__ = [
    "ControlMode",
    "Evcc",
    "EvccConfig",
    "Identity",
    "Limits",
    "Offer",
    "ParameterSet",
    "PausedSessions",
    "Resume",
    "Secc",
    "SeccConfig",
    "ServiceId",
]
