"""Responses that refuse: the code, and what their schema demands besides it.

ISO 15118-2 clause 8.4.1: parameters of a failed response need not be meaningful (V2G2-736).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

_ZERO_V: Final = {"Multiplier": 0, "Unit": "V", "Value": 0}
_ZERO_A: Final = {"Multiplier": 0, "Unit": "A", "Value": 0}
_AC_STATUS: Final = {"NotificationMaxDelay": 0, "EVSENotification": "StopCharging", "RCD": False}
_DC_STATUS: Final = {
    "NotificationMaxDelay": 0,
    "EVSENotification": "StopCharging",
    "EVSEStatusCode": "EVSE_Malfunction",
}
_CERTIFICATES: Final = {
    "SAProvisioningCertificateChain": {"Certificate": b"\0"},
    "ContractSignatureCertChain": {"@Id": "id1", "Certificate": b"\0"},
    "ContractSignatureEncryptedPrivateKey": {"@Id": "id2", "#text": b"\0"},
    "DHpublickey": {"@Id": "id3", "#text": b"\0"},
    "eMAID": {"@Id": "id4", "#text": "DE000000000000"},
}
_NO_EVSE: Final = "ZZ00000"

MANDATORY: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "SessionSetup": {"EVSEID": _NO_EVSE},
        "ServiceDiscovery": {
            "PaymentOptionList": {"PaymentOption": ["ExternalPayment"]},
            "ChargeService": {
                "ServiceID": 1,
                "ServiceCategory": "EVCharging",
                "FreeService": False,
                "SupportedEnergyTransferMode": {"EnergyTransferMode": ["DC_core"]},
            },
        },
        "ServiceDetail": {"ServiceID": 0},
        "PaymentServiceSelection": {},
        "CertificateInstallation": _CERTIFICATES,
        "CertificateUpdate": _CERTIFICATES,
        "PaymentDetails": {"GenChallenge": bytes(16), "EVSETimeStamp": 0},
        "Authorization": {"EVSEProcessing": "Finished"},
        "ChargeParameterDiscovery": {
            "EVSEProcessing": "Finished",
            "AC_EVSEChargeParameter": {
                "AC_EVSEStatus": _AC_STATUS,
                "EVSENominalVoltage": _ZERO_V,
                "EVSEMaxCurrent": _ZERO_A,
            },
        },
        "PowerDelivery": {"AC_EVSEStatus": _AC_STATUS},
        "MeteringReceipt": {"AC_EVSEStatus": _AC_STATUS},
        "ChargingStatus": {
            "EVSEID": _NO_EVSE,
            "SAScheduleTupleID": 1,
            "AC_EVSEStatus": _AC_STATUS,
        },
        "CableCheck": {"DC_EVSEStatus": _DC_STATUS, "EVSEProcessing": "Finished"},
        "PreCharge": {"DC_EVSEStatus": _DC_STATUS, "EVSEPresentVoltage": _ZERO_V},
        "CurrentDemand": {
            "DC_EVSEStatus": _DC_STATUS,
            "EVSEPresentVoltage": _ZERO_V,
            "EVSEPresentCurrent": _ZERO_A,
            "EVSECurrentLimitAchieved": False,
            "EVSEVoltageLimitAchieved": False,
            "EVSEPowerLimitAchieved": False,
            "EVSEID": _NO_EVSE,
            "SAScheduleTupleID": 1,
        },
        "WeldingDetection": {"DC_EVSEStatus": _DC_STATUS, "EVSEPresentVoltage": _ZERO_V},
        "SessionStop": {},
    }
)
"""By the message's name without Res."""


def failed(name: str, code: str) -> dict[str, Any]:
    """The body of a refusing response to `name`."""
    return {"ResponseCode": code, **MANDATORY[name]}
