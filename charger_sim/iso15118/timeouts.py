"""The standards' time-outs as data, in seconds.

ISO 15118-2:2014 clause 8.7.2, tables 108 to 110; ISO 15118-20:2022 clause 8.7, tables 213 to 216.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Timeouts:
    """`exceptions` maps a message's name without Req / Res to (message, performance) time."""

    message_s: float
    """How long an EVCC waits for a response."""
    performance_s: float
    """How long a SECC may take for a response."""
    exceptions: Mapping[str, tuple[float, float]]
    sequence_s: float = 60.0
    """How long a SECC waits for the next request."""
    ongoing_s: float = 60.0
    """How long an EVCC polls while EVSEProcessing is Ongoing."""
    ongoing_performance_s: float = 55.0
    """How long a SECC may answer Ongoing."""
    setup_s: float = 20.0
    """From plug-in to SessionSetupRes, on the EV's side."""
    setup_performance_s: float = 18.0
    """The same on the SECC's side."""
    cable_check_s: float = 40.0
    pre_charge_s: float = 7.0

    def response_s(self, message: str) -> float:
        """How long an EVCC waits for the response to `message`, such as "SessionSetup"."""
        return self.exceptions.get(message, (self.message_s, 0.0))[0]

    def poll_s(self, message: str) -> float:
        """How long an EVCC repeats `message` until the charger is ready."""
        limits = {"CableCheck": self.cable_check_s, "PreCharge": self.pre_charge_s}
        return limits.get(message, self.ongoing_s)

    def within_s(self, message: str) -> float:
        """How long a SECC may take for the response to `message`."""
        return self.exceptions.get(message, (0.0, self.performance_s))[1]


_SLOW: Final = (5.0, 4.5)

ISO_2: Final = Timeouts(
    message_s=2.0,
    performance_s=1.5,
    exceptions=MappingProxyType(
        {
            "ServiceDetail": _SLOW,
            "PaymentDetails": _SLOW,
            "CertificateInstallation": _SLOW,
            "CertificateUpdate": _SLOW,
            "PowerDelivery": _SLOW,
            "CurrentDemand": (0.25, 0.025),
        }
    ),
)

ISO_20: Final = Timeouts(
    message_s=2.0,
    performance_s=1.5,
    exceptions=MappingProxyType(
        {
            "ServiceDetail": _SLOW,
            "CertificateInstallation": _SLOW,
            "PowerDelivery": _SLOW,
            "AC_ChargeLoop": (0.5, 0.25),
            "DC_ChargeLoop": (0.5, 0.25),
        }
    ),
)
