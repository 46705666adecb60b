"""Bodies of responses that refuse: their mandatory fields, with nothing in them.

A FAILED response has to be a whole message of its schema all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from charger_sim.iso15118.iso20.limits import AC, DC, EVSE_LOOP, Limits, write
from charger_sim.iso15118.iso20.messages import Body
from charger_sim.iso15118.iso20.numbers import rational

_NOTHING: Final = Limits(0.0)
_ZERO: Final = rational(0.0)

BODIES: Final[Mapping[str, Body]] = MappingProxyType(
    {
        "SessionSetup": {"EVSEID": ""},
        "AuthorizationSetup": {
            "AuthorizationServices": ["EIM"],
            "CertificateInstallationService": False,
            "EIM_ASResAuthorizationMode": {},
        },
        "Authorization": {"EVSEProcessing": "Finished"},
        "CertificateInstallation": {
            "EVSEProcessing": "Finished",
            "CPSCertificateChain": {"Certificate": b""},
            "SignedInstallationData": {
                "@Id": "id1",
                "ContractCertificateChain": {
                    "Certificate": b"",
                    "SubCertificates": {"Certificate": [b""]},
                },
                "ECDHCurve": "SECP521",
                "DHPublicKey": bytes(133),
                "SECP521_EncryptedPrivateKey": bytes(94),
            },
            "RemainingContractCertificateChains": 0,
        },
        "ServiceDiscovery": {
            "ServiceRenegotiationSupported": False,
            "EnergyTransferServiceList": {"Service": [{"ServiceID": 0, "FreeService": False}]},
        },
        "ServiceDetail": {
            "ServiceID": 0,
            "ServiceParameterList": {
                "ParameterSet": [
                    {"ParameterSetID": 0, "Parameter": [{"@Name": "", "boolValue": False}]}
                ]
            },
        },
        "ServiceSelection": {},
        "ScheduleExchange": {"EVSEProcessing": "Finished", "Dynamic_SEResControlMode": {}},
        "PowerDelivery": {},
        "MeteringConfirmation": {},
        "SessionStop": {},
        "VehicleCheckIn": {},
        "VehicleCheckOut": {"EVSECheckOutStatus": "Completed"},
        "AC_ChargeParameterDiscovery": {
            "AC_CPDResEnergyTransferMode": {
                **write(_NOTHING, "EVSE", AC),
                "EVSENominalFrequency": _ZERO,
            }
        },
        "AC_ChargeLoop": {"Scheduled_AC_CLResControlMode": {}},
        "DC_ChargeParameterDiscovery": {"DC_CPDResEnergyTransferMode": write(_NOTHING, "EVSE", DC)},
        "DC_CableCheck": {"EVSEProcessing": "Finished"},
        "DC_PreCharge": {"EVSEPresentVoltage": _ZERO},
        "DC_ChargeLoop": {
            "EVSEPresentCurrent": _ZERO,
            "EVSEPresentVoltage": _ZERO,
            "EVSEPowerLimitAchieved": False,
            "EVSECurrentLimitAchieved": False,
            "EVSEVoltageLimitAchieved": False,
            "Dynamic_DC_CLResControlMode": write(_NOTHING, "EVSE", EVSE_LOOP),
        },
        "DC_WeldingDetection": {"EVSEPresentVoltage": _ZERO},
    }
)
"""Message pair -> body of its response. All that a SECC may be asked in AC and DC sessions."""
