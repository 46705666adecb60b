"""The car's flow, as data: which request may follow which response.

ISO 15118-2 clause 8.8 (V2G2-580 ff.). SessionStop may follow every response.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

FOLLOWS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "SessionSetup": ("ServiceDiscovery",),
        "ServiceDiscovery": ("ServiceDetail", "PaymentServiceSelection"),
        "ServiceDetail": ("ServiceDetail", "PaymentServiceSelection"),
        "PaymentServiceSelection": (
            "CertificateInstallation",
            "CertificateUpdate",
            "PaymentDetails",
            "Authorization",
        ),
        "CertificateInstallation": ("PaymentDetails",),
        "CertificateUpdate": ("PaymentDetails",),
        "PaymentDetails": ("Authorization",),
        "Authorization": ("Authorization", "ChargeParameterDiscovery"),
        "ChargeParameterDiscovery": ("ChargeParameterDiscovery", "PowerDelivery", "CableCheck"),
        "CableCheck": ("CableCheck", "PreCharge"),
        "PreCharge": ("PreCharge", "PowerDelivery"),
        "PowerDelivery": (
            "ChargingStatus",
            "CurrentDemand",
            "ChargeParameterDiscovery",
            "WeldingDetection",
        ),
        "ChargingStatus": ("ChargingStatus", "MeteringReceipt", "PowerDelivery"),
        "CurrentDemand": ("CurrentDemand", "MeteringReceipt", "PowerDelivery"),
        "MeteringReceipt": ("ChargingStatus", "CurrentDemand", "PowerDelivery"),
        "WeldingDetection": ("WeldingDetection",),
        "SessionStop": (),
    }
)
"""Message -> the messages that may come next; names without Req / Res."""
