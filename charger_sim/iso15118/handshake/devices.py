"""Real devices: how many times slower they are than this implementation, step by step.

A device's time for a step is its multiplier times the step's floor: our prediction, over the
loopback, on the reference machine (two x86-64 cores, Python 3.11, OpenSSL 3.0). The multipliers are
fitted to public captures of one charger and car: TLS 1.11 s, PaymentDetails 2.60 s, Authorization
0.80 s, CertificateInstallation 4.40 s; from TCP SYN to AuthorizationRes 5.65 to 5.70 s by contract,
10.5 s with installation, 1.10 s by external payment without TLS. What those leave over is spread
evenly over the steps of the beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

FLOOR_MS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "Connect": 0.4,
        "Connect with TLS": 4.0,
        "supportedAppProtocol": 0.4,
        "SessionSetup": 0.4,
        "ServiceDiscovery": 0.4,
        "ServiceDetail": 0.4,
        "PaymentServiceSelection": 0.4,
        "CertificateInstallation": 12.0,
        "PaymentDetails": 8.0,
        "Authorization": 0.4,
        "Authorization by contract": 2.0,
    }
)
"""Of the reference machine."""


class Device(msgspec.Struct, frozen=True):
    """A charger and car, by multipliers of `FLOOR_MS`."""

    name: str
    multiplier: Mapping[str, float]

    def step_ms(self, step: str) -> float:
        """Raises KeyError for a step that the captures do not show."""
        return self.multiplier[step] * FLOOR_MS[step]


CAPTURED_PAIR: Final = Device(
    "captured-pair",
    MappingProxyType(
        {
            "Connect": 25.0,
            "Connect with TLS": 277.5,
            "supportedAppProtocol": 720.0,
            "SessionSetup": 720.0,
            "ServiceDiscovery": 720.0,
            "ServiceDetail": 1_062.5,
            "PaymentServiceSelection": 720.0,
            "CertificateInstallation": 4_400.0 / 12.0,
            "PaymentDetails": 325.0,
            "Authorization": 25.0,
            "Authorization by contract": 400.0,
        }
    ),
)
DEVICES: Final = MappingProxyType({device.name: device for device in (CAPTURED_PAIR,)})


def device_steps_ms(device: Device, steps: Sequence[str], *, by_contract: bool) -> list[float]:
    """Milliseconds of each step on `device`; a contract means TLS and a signed authorization."""
    names = {"Connect": "Connect with TLS", "Authorization": "Authorization by contract"}
    return [device.step_ms(names.get(step, step) if by_contract else step) for step in steps]
