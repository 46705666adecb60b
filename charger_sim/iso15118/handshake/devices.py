"""Real devices: how many times slower they are than this implementation, step by step.

A device's time for a step is its multiplier times the step's floor: our own time over the loopback,
rounded, on the reference machine (two x86-64 cores, Python 3.11, OpenSSL 3.0). The multipliers are fitted to
public captures of one charger and car. Known of them are TLS 1.11 s, PaymentDetails 2.60 s,
Authorization by contract 0.80 s, CertificateInstallation 4.40 s; and from TCP SYN to
AuthorizationRes 5.65 to 5.70 s by contract, 10.5 s with installation, 1.10 s by external payment
without TLS. What those leave over is spread evenly over the other steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

FLOOR_MS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "Connect": 5.0,
        "supportedAppProtocol": 0.5,
        "SessionSetup": 0.5,
        "ServiceDiscovery": 0.5,
        "ServiceDetail": 0.5,
        "PaymentServiceSelection": 0.5,
        "CertificateInstallation": 12.5,
        "PaymentDetails": 8.0,
        "Authorization": 2.0,
    }
)
"""Of the reference machine, over TLS and by contract."""


class Device(msgspec.Struct, frozen=True):
    """A charger and car, by multipliers of `FLOOR_MS`: over TLS by contract, and without either."""

    name: str
    contract: Mapping[str, float]
    external: Mapping[str, float]

    def steps_ms(self, steps: Sequence[str], *, by_contract: bool) -> list[float]:
        """Milliseconds of each step. Raises KeyError for one that the captures do not show."""
        multiplier = self.contract if by_contract else self.external
        return [multiplier[step] * FLOOR_MS[step] for step in steps]


CAPTURED_PAIR: Final = Device(
    "captured-pair",
    contract=MappingProxyType(
        {
            "Connect": 222.0,
            "supportedAppProtocol": 580.0,
            "SessionSetup": 580.0,
            "ServiceDiscovery": 580.0,
            "ServiceDetail": 860.0,
            "PaymentServiceSelection": 580.0,
            "CertificateInstallation": 352.0,
            "PaymentDetails": 325.0,
            "Authorization": 400.0,
        }
    ),
    external=MappingProxyType(
        {
            "Connect": 2.0,
            "supportedAppProtocol": 436.0,
            "SessionSetup": 436.0,
            "ServiceDiscovery": 436.0,
            "PaymentServiceSelection": 436.0,
            "Authorization": 109.0,
        }
    ),
)
DEVICES: Final = MappingProxyType({device.name: device for device in (CAPTURED_PAIR,)})
