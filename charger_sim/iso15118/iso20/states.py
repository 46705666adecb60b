"""What may follow what: the order of ISO 15118-20 messages as data, for either side.

ISO 15118-20:2022 clause 8.8 (figures and tables of the SECC's and EVCC's states). A session may
be stopped in any state once it is set up, so `SessionStop` is not repeated in each row. A row that
lacks a request makes it a sequence error.
"""

from __future__ import annotations

from enum import StrEnum, auto
from typing import Final


class State(StrEnum):
    """What the SECC has reached; `END` accepts nothing."""

    BEGIN = auto()
    SET_UP = auto()
    AUTHORIZING = auto()
    AUTHORIZED = auto()
    DISCOVERED = auto()
    SELECTED = auto()
    PARAMETERS = auto()
    SCHEDULED = auto()
    """AC: power may flow."""
    TO_CHECK = auto()
    """DC: scheduled, isolation and voltage are yet to be checked."""
    CABLE_CHECKED = auto()
    PRE_CHARGED = auto()
    CHARGING = auto()
    STANDBY = auto()
    STOPPED = auto()
    END = auto()


class Event(StrEnum):
    """How a request was answered, as far as the order of messages depends on it."""

    DONE = auto()
    DC = auto()
    """Done, and on DC other messages follow than on AC."""
    ONGOING = auto()
    """EVSEProcessing: ask again."""
    WARNED = auto()
    """A WARNING_ code: not granted, the EV may try otherwise."""
    START = auto()
    STOP = auto()
    STANDBY = auto()
    RENEGOTIATE = auto()


_S = State
_E = Event
_POWER: Final = {_E.START: _S.CHARGING, _E.STANDBY: _S.STANDBY, _E.STOP: _S.STOPPED}
SECC: Final[dict[State, dict[str, dict[Event, State]]]] = {
    _S.BEGIN: {"SessionSetupReq": {_E.DONE: _S.SET_UP}},
    _S.SET_UP: {"AuthorizationSetupReq": {_E.DONE: _S.AUTHORIZING}},
    _S.AUTHORIZING: {
        "CertificateInstallationReq": {
            _E.DONE: _S.AUTHORIZING,
            _E.ONGOING: _S.AUTHORIZING,
            _E.WARNED: _S.AUTHORIZING,
        },
        "AuthorizationReq": {
            _E.DONE: _S.AUTHORIZED,
            _E.ONGOING: _S.AUTHORIZING,
            _E.WARNED: _S.AUTHORIZING,
        },
    },
    _S.AUTHORIZED: {"ServiceDiscoveryReq": {_E.DONE: _S.DISCOVERED}},
    _S.DISCOVERED: {
        "ServiceDetailReq": {_E.DONE: _S.DISCOVERED},
        "ServiceSelectionReq": {_E.DONE: _S.SELECTED},
    },
    _S.SELECTED: {
        "AC_ChargeParameterDiscoveryReq": {_E.DONE: _S.PARAMETERS},
        "DC_ChargeParameterDiscoveryReq": {_E.DONE: _S.PARAMETERS},
    },
    _S.PARAMETERS: {
        "ScheduleExchangeReq": {
            _E.ONGOING: _S.PARAMETERS,
            _E.DONE: _S.SCHEDULED,
            _E.DC: _S.TO_CHECK,
        },
    },
    _S.SCHEDULED: {"PowerDeliveryReq": {_E.ONGOING: _S.SCHEDULED, **_POWER}},
    _S.TO_CHECK: {
        "DC_CableCheckReq": {_E.ONGOING: _S.TO_CHECK, _E.DONE: _S.CABLE_CHECKED},
    },
    _S.CABLE_CHECKED: {
        "DC_PreChargeReq": {_E.ONGOING: _S.CABLE_CHECKED, _E.DONE: _S.PRE_CHARGED},
    },
    _S.PRE_CHARGED: {
        "PowerDeliveryReq": {_E.ONGOING: _S.PRE_CHARGED, **_POWER},
    },
    _S.CHARGING: {
        "AC_ChargeLoopReq": {_E.DONE: _S.CHARGING},
        "DC_ChargeLoopReq": {_E.DONE: _S.CHARGING},
        "MeteringConfirmationReq": {_E.DONE: _S.CHARGING},
        "ScheduleExchangeReq": {
            _E.ONGOING: _S.CHARGING,
            _E.DONE: _S.CHARGING,
            _E.DC: _S.CHARGING,
        },
        "PowerDeliveryReq": {
            _E.ONGOING: _S.CHARGING,
            _E.STANDBY: _S.STANDBY,
            _E.STOP: _S.STOPPED,
            _E.RENEGOTIATE: _S.CHARGING,
        },
    },
    _S.STANDBY: {
        "AC_ChargeLoopReq": {_E.DONE: _S.STANDBY},
        "DC_ChargeLoopReq": {_E.DONE: _S.STANDBY},
        "PowerDeliveryReq": {_E.ONGOING: _S.STANDBY, **_POWER},
    },
    _S.STOPPED: {
        "DC_WeldingDetectionReq": {_E.ONGOING: _S.STOPPED, _E.DONE: _S.STOPPED},
        "SessionStopReq": {_E.RENEGOTIATE: _S.AUTHORIZED},
    },
    _S.END: {},
}
"""State -> request -> event -> next state."""

STOP: Final = {_E.DONE: _S.END}
"""SessionStopReq, from any state but BEGIN and END."""


def after(state: State, request: str) -> dict[Event, State] | None:
    """Where `request` may lead from `state`; None: a sequence error."""
    row = SECC[state].get(request)
    if request == "SessionStopReq" and state not in {_S.BEGIN, _S.END}:
        return {**STOP, **(row or {})}
    return row


class Move(StrEnum):
    """What the EV makes of a response."""

    NEXT = auto()
    AGAIN = auto()
    """Ongoing, or more of the same to come."""
    INSTALL = auto()
    """It needs a contract first."""
    DC = auto()
    METER = auto()
    """The charger asks for a signed receipt."""
    RENEGOTIATE = auto()
    STOP = auto()
    """Power off (or, before power flowed, leave)."""
    LEAVE = auto()
    """Go to SessionStop without more ado."""
    SERVICE = auto()
    """Choose another service in the same session."""
    END = auto()


_M = Move
EVCC: Final[dict[str, dict[Move, str]]] = {
    "SessionSetup": {_M.NEXT: "AuthorizationSetup"},
    "AuthorizationSetup": {_M.NEXT: "Authorization", _M.INSTALL: "CertificateInstallation"},
    "CertificateInstallation": {
        _M.AGAIN: "CertificateInstallation",
        _M.NEXT: "Authorization",
    },
    "Authorization": {_M.AGAIN: "Authorization", _M.NEXT: "ServiceDiscovery"},
    "ServiceDiscovery": {_M.NEXT: "ServiceDetail"},
    "ServiceDetail": {_M.NEXT: "ServiceSelection"},
    "ServiceSelection": {
        _M.NEXT: "AC_ChargeParameterDiscovery",
        _M.DC: "DC_ChargeParameterDiscovery",
    },
    "AC_ChargeParameterDiscovery": {_M.NEXT: "ScheduleExchange"},
    "DC_ChargeParameterDiscovery": {_M.NEXT: "ScheduleExchange"},
    "ScheduleExchange": {
        _M.AGAIN: "ScheduleExchange",
        _M.NEXT: "PowerDelivery",
        _M.DC: "DC_CableCheck",
    },
    "DC_CableCheck": {_M.AGAIN: "DC_CableCheck", _M.NEXT: "DC_PreCharge"},
    "DC_PreCharge": {_M.AGAIN: "DC_PreCharge", _M.NEXT: "PowerDelivery"},
    "PowerDelivery": {
        _M.NEXT: "AC_ChargeLoop",
        _M.DC: "DC_ChargeLoop",
        _M.STOP: "DC_WeldingDetection",
    },
    "AC_ChargeLoop": {
        _M.AGAIN: "AC_ChargeLoop",
        _M.METER: "MeteringConfirmation",
        _M.RENEGOTIATE: "ScheduleExchange",
        _M.STOP: "PowerDelivery",
    },
    "DC_ChargeLoop": {
        _M.AGAIN: "DC_ChargeLoop",
        _M.METER: "MeteringConfirmation",
        _M.RENEGOTIATE: "ScheduleExchange",
        _M.STOP: "PowerDelivery",
    },
    "MeteringConfirmation": {_M.NEXT: "AC_ChargeLoop", _M.DC: "DC_ChargeLoop"},
    "DC_WeldingDetection": {_M.AGAIN: "DC_WeldingDetection"},
    "SessionStop": {_M.SERVICE: "ServiceDiscovery"},
}
"""Message pair -> what the EV makes of the response -> next message pair.

`Move.LEAVE` leads to SessionStop from everywhere, `Move.END` is the end.
"""
