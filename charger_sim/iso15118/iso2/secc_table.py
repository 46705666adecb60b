"""The charger's states, as data: which request may come, and where it may lead.

ISO 15118-2 clause 8.8, tables 110 ff. (V2G2-538 to V2G2-578). SessionStop may come in every state
once the session stands. Everything else is answered FAILED_SequenceError. A renegotiation leads
through cable check and pre-charge again on DC.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import Final


class State(Enum):
    """What the charger waits for."""

    SETUP = auto()
    DISCOVERY = auto()
    SELECTION = auto()
    CONTRACT = auto()
    """A contract, or its installation."""
    DETAILS = auto()
    """The contract that has been installed."""
    AUTHORIZATION = auto()
    PARAMETERS = auto()
    AC_READY = auto()
    AC_CHARGING = auto()
    AC_RECEIPT = auto()
    DC_CABLE_CHECK = auto()
    DC_PRE_CHARGE = auto()
    DC_CHARGING = auto()
    DC_RECEIPT = auto()
    DC_STOPPED = auto()
    STOPPED = auto()
    ENDED = auto()


_S = State
_END: Final = {"SessionStop": (_S.ENDED,)}

TRANSITIONS: Final[Mapping[State, Mapping[str, tuple[State, ...]]]] = MappingProxyType(
    {
        _S.SETUP: {"SessionSetup": (_S.DISCOVERY,)},
        _S.DISCOVERY: {"ServiceDiscovery": (_S.SELECTION,), **_END},
        _S.SELECTION: {
            "ServiceDetail": (_S.SELECTION,),
            "PaymentServiceSelection": (_S.CONTRACT, _S.AUTHORIZATION),
            **_END,
        },
        _S.CONTRACT: {
            "CertificateInstallation": (_S.DETAILS,),
            "CertificateUpdate": (_S.DETAILS,),
            "PaymentDetails": (_S.AUTHORIZATION,),
            **_END,
        },
        _S.DETAILS: {"PaymentDetails": (_S.AUTHORIZATION,), **_END},
        _S.AUTHORIZATION: {"Authorization": (_S.AUTHORIZATION, _S.PARAMETERS), **_END},
        _S.PARAMETERS: {
            "ChargeParameterDiscovery": (_S.PARAMETERS, _S.AC_READY, _S.DC_CABLE_CHECK),
            **_END,
        },
        _S.AC_READY: {
            "PowerDelivery(Start)": (_S.AC_CHARGING,),
            "PowerDelivery(Renegotiate)": (_S.PARAMETERS,),
            "PowerDelivery(Stop)": (_S.STOPPED,),
            **_END,
        },
        _S.AC_CHARGING: {
            "ChargingStatus": (_S.AC_CHARGING, _S.AC_RECEIPT),
            "PowerDelivery(Renegotiate)": (_S.PARAMETERS,),
            "PowerDelivery(Stop)": (_S.STOPPED,),
            **_END,
        },
        _S.AC_RECEIPT: {"MeteringReceipt": (_S.AC_CHARGING,), **_END},
        _S.DC_CABLE_CHECK: {
            "CableCheck": (_S.DC_CABLE_CHECK, _S.DC_PRE_CHARGE),
            "PowerDelivery(Stop)": (_S.DC_STOPPED,),
            **_END,
        },
        _S.DC_PRE_CHARGE: {
            "PreCharge": (_S.DC_PRE_CHARGE,),
            "PowerDelivery(Start)": (_S.DC_CHARGING,),
            "PowerDelivery(Stop)": (_S.DC_STOPPED,),
            **_END,
        },
        _S.DC_CHARGING: {
            "CurrentDemand": (_S.DC_CHARGING, _S.DC_RECEIPT),
            "PowerDelivery(Renegotiate)": (_S.PARAMETERS,),
            "PowerDelivery(Stop)": (_S.DC_STOPPED,),
            **_END,
        },
        _S.DC_RECEIPT: {"MeteringReceipt": (_S.DC_CHARGING,), **_END},
        _S.DC_STOPPED: {"WeldingDetection": (_S.DC_STOPPED,), **_END},
        _S.STOPPED: _END,
        _S.ENDED: {},
    }
)
"""State -> event -> the states it may lead to."""


def event(name: str, body: Mapping[str, object]) -> str:
    """The event of a request: PowerDelivery is three, by its ChargeProgress."""
    return f"PowerDelivery({body['ChargeProgress']})" if name == "PowerDelivery" else name
