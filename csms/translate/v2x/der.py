"""DER controls of OCPP 2.1 (block R). Each control type has its own field; all curve types share one."""

from __future__ import annotations

from csms.domain.commands import ClearDerControl, GetDerControls, SetDerControl
from csms.domain.der import DerControl
from csms.domain.errors import InvalidInput
from csms.domain.events import DerAlarm, DerReported, DerStartStop
from csms.translate.family import WireCall
from csms.translate.fields import Payload, identifier, timestamp
from csms.translate.v2x.edition import Edition

_CURVES = (
    "FreqWatt",
    "HFMustTrip",
    "HFMayTrip",
    "HVMustTrip",
    "HVMomCess",
    "HVMayTrip",
    "LFMustTrip",
    "LVMustTrip",
    "LVMomCess",
    "LVMayTrip",
    "PowerMonitoringMustTrip",
    "VoltVar",
    "VoltWatt",
    "WattPF",
    "WattVar",
)
_FIELD = {
    "EnterService": "enterService",
    "FixedPFAbsorb": "fixedPFAbsorb",
    "FixedPFInject": "fixedPFInject",
    "FixedVar": "fixedVar",
    "FreqDroop": "freqDroop",
    "Gradients": "gradient",
    "LimitMaxDischarge": "limitMaxDischarge",
    **dict.fromkeys(_CURVES, "curve"),
}
"""R04.FR.16."""

_DEFAULT_ONLY = frozenset({"EnterService", "Gradients"})
"""R04.FR.14; their reports do not say so."""

_TYPE_OF_FIELD = {field: kind for kind, field in _FIELD.items() if field != "curve"}
_BODY = {"fixedPFAbsorb": "fixedPF", "fixedPFInject": "fixedPF"}
"""Where a report names the control's object otherwise than the field."""


def set_der_control(_edition: Edition, command: SetDerControl) -> WireCall:
    """Raises ``InvalidInput`` for what a station must reject (R04.FR.12-17)."""
    control = command.control
    field = _FIELD.get(control.control_type)
    if field is None:
        raise InvalidInput(f"no DER control type {control.control_type!r}")
    if control.is_default and ("startTime" in control.body or "duration" in control.body):
        raise InvalidInput("a default control has no startTime or duration (R04.FR.12)")
    if not control.is_default and control.control_type in _DEFAULT_ONLY:
        raise InvalidInput(f"{control.control_type} exists only as a default (R04.FR.14)")
    return WireCall(
        "SetDERControl",
        {
            "isDefault": control.is_default,
            "controlId": control.control_id,
            "controlType": control.control_type,
            field: control.body,
        },
    )


def get_der_controls(_edition: Edition, command: GetDerControls) -> WireCall:
    payload: Payload = {"requestId": command.request_id}
    if command.is_default is not None:
        payload["isDefault"] = command.is_default
    return WireCall("GetDERControl", payload | _selection(command))


def clear_der_control(_edition: Edition, command: ClearDerControl) -> WireCall:
    return WireCall("ClearDERControl", {"isDefault": command.is_default, **_selection(command)})


def _selection(command: GetDerControls | ClearDerControl) -> Payload:
    payload: Payload = {}
    if command.control_type is not None:
        payload["controlType"] = command.control_type
    if command.control_id is not None:
        payload["controlId"] = command.control_id
    return payload


def der_reported(payload: Payload) -> DerReported:
    controls = [
        _reported(item, kind, _BODY.get(field, field))
        for field, kind in _TYPE_OF_FIELD.items()
        for item in payload.get(field, ())
    ]
    controls += [_reported(item, item["curveType"], "curve") for item in payload.get("curve", ())]
    return DerReported(
        request_id=identifier(payload["requestId"], "/requestId"),
        controls=tuple(controls),
        more=payload.get("tbc", False),
    )


def _reported(item: Payload, kind: str, body: str) -> DerControl:
    return DerControl(
        control_id=item["id"],
        control_type=kind,
        is_default=item.get("isDefault", True),
        body=item[body],
        is_superseded=item.get("isSuperseded", False),
    )


def der_alarm(payload: Payload) -> DerAlarm:
    return DerAlarm(
        control_type=payload["controlType"],
        at=timestamp(payload["timestamp"], "/timestamp"),
        fault=payload.get("gridEventFault"),
        ended=payload.get("alarmEnded", False),
        info=payload.get("extraInfo"),
    )


def der_start_stop(payload: Payload) -> DerStartStop:
    return DerStartStop(
        control_id=payload["controlId"],
        started=payload["started"],
        at=timestamp(payload["timestamp"], "/timestamp"),
        superseded_ids=tuple(payload.get("supersededIds", ())),
    )
