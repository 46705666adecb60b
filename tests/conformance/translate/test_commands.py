"""Every command in every version: the payload expected and valid by the official schema, or a refusal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from csms.domain import commands as c
from csms.domain.der import DerControl
from csms.domain.errors import InvalidInput, NotExpressible
from csms.domain.profile import (
    ChargingProfile,
    DynamicUpdate,
    Kind,
    OperationMode,
    Period,
    Purpose,
    RateUnit,
)
from csms.domain.values import IdToken
from csms.ids import TransactionId
from csms.translate import command_to_wire
from tests.conformance.translate.official import VERSIONS, check_request

T0 = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
WIRE_T0 = "2026-03-01T12:00:00.000Z"
V16, V201, V21 = VERSIONS
V2X = (V201, V21)
TX = TransactionId("42")


def profile(**changes: Any) -> ChargingProfile:
    base: dict[str, Any] = {
        "profile_id": 11,
        "stack_level": 1,
        "purpose": Purpose.TX,
        "kind": Kind.ABSOLUTE,
        "unit": RateUnit.A,
        "periods": (Period(limit=16.04), Period(start_s=60, limit=6.0, number_phases=3)),
        "start": T0,
        "duration_s": 300,
        "transaction_id": TX,
    }
    return ChargingProfile(**(base | changes))


STATION_MAX = profile(
    purpose=Purpose.STATION_MAX,
    kind=Kind.RECURRING,
    recurrency="Daily",
    unit=RateUnit.W,
    transaction_id=None,
    valid_from=T0,
    valid_to=T0,
    periods=(Period(limit=43_000.0),),
)
DYNAMIC = profile(
    kind=Kind.DYNAMIC,
    unit=RateUnit.W,
    start=None,
    periods=(Period(setpoint=-5_000.5, mode=OperationMode.CENTRAL_SETPOINT),),
    max_offline_s=60,
    invalid_after_offline=True,
    dyn_update_interval_s=10,
)
LOCAL_FREQUENCY = profile(
    purpose=Purpose.TX_DEFAULT,
    unit=RateUnit.W,
    transaction_id=None,
    periods=(
        Period(
            mode=OperationMode.LOCAL_FREQUENCY,
            v2x_baseline_w=0.0,
            freq_watt=((49.8, -10_000.0), (50.2, 10_000.0)),
        ),
    ),
)
TOKEN = IdToken(value="04AABBCC", kind="ISO14443")
START_PROFILE = profile(kind=Kind.RELATIVE, start=None, transaction_id=None)
REF = c.VariableRef(component="EVSE", variable="Power", evse_id=1, attribute="MaxSet")
KEY = c.VariableRef(component="", variable="HeartbeatInterval")
DROOP = {
    "priority": 0,
    "overFreq": 50.2,
    "underFreq": 49.8,
    "overDroop": 0.05,
    "underDroop": 0.05,
    "responseTime": 1.0,
}
PF = {"priority": 1, "displacement": 0.95, "excitation": False, "startTime": WIRE_T0}


def der(kind: str, body: dict[str, Any], *, default: bool) -> c.SetDerControl:
    return c.SetDerControl(
        control=DerControl(control_id="c1", control_type=kind, is_default=default, body=body)
    )


def schedule_v16(**changes: Any) -> dict[str, Any]:
    return {
        "chargingRateUnit": "A",
        "duration": 300,
        "startSchedule": WIRE_T0,
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": 16.0},
            {"startPeriod": 60, "limit": 6.0, "numberPhases": 3},
        ],
    } | changes


def profile_v16(schedule: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "chargingProfileId": 11,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
    } | changes


def profile_v2x(schedule: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": 11,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "transactionId": "42",
        "chargingSchedule": [{"id": 11} | schedule],
    } | changes


EXACT = [
    {"startPeriod": 0, "limit": 16.04},
    {"startPeriod": 60, "limit": 6.0, "numberPhases": 3},
]
RELATIVE_V16 = schedule_v16()
del RELATIVE_V16["startSchedule"]
START_V2X = profile_v2x(RELATIVE_V16, chargingProfileKind="Relative")
del START_V2X["transactionId"]

EXPECTED: list[tuple[tuple[str, ...], c.Command, str, dict[str, Any]]] = [
    (
        (V16,),
        c.RemoteStart(token=TOKEN, evse_id=1, remote_start_id=5, profile=START_PROFILE),
        "RemoteStartTransaction",
        {
            "idTag": "04AABBCC",
            "connectorId": 1,
            "chargingProfile": profile_v16(RELATIVE_V16, chargingProfileKind="Relative"),
        },
    ),
    (
        (V201,),
        c.RemoteStart(token=TOKEN, evse_id=1, remote_start_id=5, profile=START_PROFILE),
        "RequestStartTransaction",
        {
            "idToken": {"idToken": "04AABBCC", "type": "ISO14443"},
            "remoteStartId": 5,
            "evseId": 1,
            "chargingProfile": START_V2X,
        },
    ),
    (
        V2X,
        c.RemoteStart(token=IdToken(value="app"), remote_start_id=6),
        "RequestStartTransaction",
        {"idToken": {"idToken": "app", "type": "Central"}, "remoteStartId": 6},
    ),
    ((V16,), c.RemoteStop(transaction_id=TX), "RemoteStopTransaction", {"transactionId": 42}),
    (V2X, c.RemoteStop(transaction_id=TX), "RequestStopTransaction", {"transactionId": "42"}),
    (
        (V16,),
        c.SetChargingProfile(evse_id=1, profile=profile()),
        "SetChargingProfile",
        {"connectorId": 1, "csChargingProfiles": profile_v16(schedule_v16(), transactionId=42)},
    ),
    (
        (V201,),
        c.SetChargingProfile(evse_id=1, profile=profile()),
        "SetChargingProfile",
        {"evseId": 1, "chargingProfile": profile_v2x(schedule_v16())},
    ),
    (
        (V21,),
        c.SetChargingProfile(evse_id=1, profile=profile()),
        "SetChargingProfile",
        {
            "evseId": 1,
            "chargingProfile": profile_v2x(schedule_v16(chargingSchedulePeriod=EXACT)),
        },
    ),
    (
        (V16,),
        c.SetChargingProfile(evse_id=0, profile=STATION_MAX),
        "SetChargingProfile",
        {
            "connectorId": 0,
            "csChargingProfiles": profile_v16(
                schedule_v16(
                    chargingRateUnit="W",
                    chargingSchedulePeriod=[{"startPeriod": 0, "limit": 43_000.0}],
                ),
                chargingProfilePurpose="ChargePointMaxProfile",
                chargingProfileKind="Recurring",
                recurrencyKind="Daily",
                validFrom=WIRE_T0,
                validTo=WIRE_T0,
            ),
        },
    ),
    (
        (V21,),
        c.SetChargingProfile(evse_id=1, profile=DYNAMIC),
        "SetChargingProfile",
        {
            "evseId": 1,
            "chargingProfile": profile_v2x(
                {
                    "chargingRateUnit": "W",
                    "duration": 300,
                    "chargingSchedulePeriod": [
                        {
                            "startPeriod": 0,
                            "setpoint": -5_000.5,
                            "operationMode": "CentralSetpoint",
                        }
                    ],
                },
                chargingProfileKind="Dynamic",
                maxOfflineDuration=60,
                invalidAfterOfflineDuration=True,
                dynUpdateInterval=10,
            ),
        },
    ),
    (
        (V16,),
        c.ClearChargingProfile(purpose=Purpose.STATION_MAX, evse_id=0, stack_level=2),
        "ClearChargingProfile",
        {"chargingProfilePurpose": "ChargePointMaxProfile", "connectorId": 0, "stackLevel": 2},
    ),
    ((V16,), c.ClearChargingProfile(profile_id=3), "ClearChargingProfile", {"id": 3}),
    ((V16,), c.ClearChargingProfile(), "ClearChargingProfile", {}),
    (
        V2X,
        c.ClearChargingProfile(profile_id=3),
        "ClearChargingProfile",
        {"chargingProfileId": 3},
    ),
    (
        V2X,
        c.ClearChargingProfile(purpose=Purpose.STATION_MAX, evse_id=0, stack_level=2),
        "ClearChargingProfile",
        {
            "chargingProfileCriteria": {
                "chargingProfilePurpose": "ChargingStationMaxProfile",
                "evseId": 0,
                "stackLevel": 2,
            }
        },
    ),
    (
        (V16,),
        c.GetCompositeSchedule(evse_id=1, duration_s=600, unit=RateUnit.W),
        "GetCompositeSchedule",
        {"connectorId": 1, "duration": 600, "chargingRateUnit": "W"},
    ),
    (
        V2X,
        c.GetCompositeSchedule(evse_id=1, duration_s=600),
        "GetCompositeSchedule",
        {"evseId": 1, "duration": 600},
    ),
    (
        (V21,),
        c.UpdateDynamicSchedule(profile_id=11, update=DynamicUpdate(setpoint=7_000.0)),
        "UpdateDynamicSchedule",
        {"chargingProfileId": 11, "scheduleUpdate": {"setpoint": 7_000.0}},
    ),
    (
        (V21,),
        c.UpdateDynamicSchedule(
            profile_id=11, update=DynamicUpdate(limit=7_000.0, discharge_limit=-1_000.0)
        ),
        "UpdateDynamicSchedule",
        {"chargingProfileId": 11, "scheduleUpdate": {"limit": 7_000.0, "dischargeLimit": -1_000.0}},
    ),
    (
        (V16,),
        c.GetVariables(variables=(KEY,)),
        "GetConfiguration",
        {"key": ["HeartbeatInterval"]},
    ),
    ((V16,), c.GetVariables(variables=()), "GetConfiguration", {}),
    (
        V2X,
        c.GetVariables(
            variables=(
                REF,
                c.VariableRef(
                    component="Connector/2", variable="MessageTimeout", evse_id=1, instance="X"
                ),
                c.VariableRef(component="NetworkConfiguration[1]", variable="OcppCsmsUrl"),
            )
        ),
        "GetVariables",
        {
            "getVariableData": [
                {
                    "component": {"name": "EVSE", "evse": {"id": 1}},
                    "variable": {"name": "Power"},
                    "attributeType": "MaxSet",
                },
                {
                    "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 2}},
                    "variable": {"name": "MessageTimeout", "instance": "X"},
                },
                {
                    "component": {"name": "NetworkConfiguration", "instance": "1"},
                    "variable": {"name": "OcppCsmsUrl"},
                },
            ]
        },
    ),
    (
        (V16,),
        c.SetVariables(values=(c.SetVariable(ref=KEY, value="60"),)),
        "ChangeConfiguration",
        {"key": "HeartbeatInterval", "value": "60"},
    ),
    (
        V2X,
        c.SetVariables(values=(c.SetVariable(ref=REF, value="7000"),)),
        "SetVariables",
        {
            "setVariableData": [
                {
                    "component": {"name": "EVSE", "evse": {"id": 1}},
                    "variable": {"name": "Power"},
                    "attributeType": "MaxSet",
                    "attributeValue": "7000",
                }
            ]
        },
    ),
    ((V16,), c.GetReport(request_id=1), "GetConfiguration", {}),
    (
        V2X,
        c.GetReport(request_id=1),
        "GetBaseReport",
        {"requestId": 1, "reportBase": "FullInventory"},
    ),
    ((V16,), c.Reset(immediate=True), "Reset", {"type": "Hard"}),
    ((V16,), c.Reset(), "Reset", {"type": "Soft"}),
    (V2X, c.Reset(immediate=True, evse_id=1), "Reset", {"type": "Immediate", "evseId": 1}),
    (V2X, c.Reset(), "Reset", {"type": "OnIdle"}),
    (
        (V16,),
        c.ChangeAvailability(operative=False),
        "ChangeAvailability",
        {"connectorId": 0, "type": "Inoperative"},
    ),
    (
        V2X,
        c.ChangeAvailability(operative=True, evse_id=2),
        "ChangeAvailability",
        {"operationalStatus": "Operative", "evse": {"id": 2}},
    ),
    (
        V2X,
        c.ChangeAvailability(operative=True, evse_id=0),
        "ChangeAvailability",
        {"operationalStatus": "Operative"},
    ),
    ((V16,), c.UnlockConnector(evse_id=2), "UnlockConnector", {"connectorId": 2}),
    (
        V2X,
        c.UnlockConnector(evse_id=2, connector_id=3),
        "UnlockConnector",
        {"evseId": 2, "connectorId": 3},
    ),
    (
        (V16,),
        c.Trigger(message="MeterValues", evse_id=1),
        "TriggerMessage",
        {"requestedMessage": "MeterValues", "connectorId": 1},
    ),
    (
        (V16,),
        c.Trigger(message="SignChargePointCertificate"),
        "ExtendedTriggerMessage",
        {"requestedMessage": "SignChargePointCertificate"},
    ),
    (
        V2X,
        c.Trigger(message="TransactionEvent", evse_id=1),
        "TriggerMessage",
        {"requestedMessage": "TransactionEvent", "evse": {"id": 1}},
    ),
    (
        V2X,
        c.Trigger(message="StatusNotification", evse_id=1),
        "TriggerMessage",
        {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}},
    ),
    (
        (V16,),
        c.SendVendorData(vendor="V", message="m", data={"a": 1}),
        "DataTransfer",
        {"vendorId": "V", "messageId": "m", "data": '{"a":1}'},
    ),
    (
        V2X,
        c.SendVendorData(vendor="V", message="m", data={"a": 1}),
        "DataTransfer",
        {"vendorId": "V", "messageId": "m", "data": {"a": 1}},
    ),
    (
        (V21,),
        der("FreqDroop", DROOP, default=True),
        "SetDERControl",
        {"isDefault": True, "controlId": "c1", "controlType": "FreqDroop", "freqDroop": DROOP},
    ),
    (
        (V21,),
        der("FixedPFInject", PF, default=False),
        "SetDERControl",
        {
            "isDefault": False,
            "controlId": "c1",
            "controlType": "FixedPFInject",
            "fixedPFInject": PF,
        },
    ),
    (
        (V21,),
        c.GetDerControls(request_id=1, is_default=True, control_type="FreqDroop", control_id="c1"),
        "GetDERControl",
        {"requestId": 1, "isDefault": True, "controlType": "FreqDroop", "controlId": "c1"},
    ),
    ((V21,), c.GetDerControls(request_id=1), "GetDERControl", {"requestId": 1}),
    (
        (V21,),
        c.ClearDerControl(is_default=False, control_id="c1"),
        "ClearDERControl",
        {"isDefault": False, "controlId": "c1"},
    ),
    (
        (V21,),
        c.NotifyAllowedEnergyTransfer(transaction_id=TX, modes=("DC", "DC_BPT")),
        "NotifyAllowedEnergyTransfer",
        {"transactionId": "42", "allowedEnergyTransfer": ["DC", "DC_BPT"]},
    ),
    (
        VERSIONS,
        c.RawCall(action="ClearCache", payload={}),
        "ClearCache",
        {},
    ),
]


@pytest.mark.parametrize(
    ("version", "command", "action", "payload"),
    [(version, *rest) for versions, *rest in EXPECTED for version in versions],
)
def test_command(version: str, command: c.Command, action: str, payload: dict[str, Any]) -> None:
    call = command_to_wire(version, command)
    assert call == (action, payload)
    check_request(version, action, call.payload)


def test_every_command_was_shown() -> None:
    kinds = {
        kind
        for kind in vars(c).values()
        if isinstance(kind, type) and issubclass(kind, c.Command) and kind is not c.Command
    }
    elsewhere = {
        c.SetTariff,  # test_tariffs
        c.ChangeTransactionTariff,
        c.ShowCost,
        c.InstallCertificate,  # tests.conformance.pnc.test_wire
        c.DeleteCertificate,
        c.GetInstalledCertificates,
        c.CertificateSigned,
    }
    assert {type(command) for _, command, *_ in EXPECTED} | elsewhere == kinds


ONLY_21 = (
    c.UpdateDynamicSchedule(profile_id=1, update=DynamicUpdate(setpoint=1.0)),
    der("FreqDroop", DROOP, default=True),
    c.GetDerControls(request_id=1),
    c.ClearDerControl(is_default=True),
    c.NotifyAllowedEnergyTransfer(transaction_id=TX, modes=("DC",)),
    c.SetChargingProfile(evse_id=1, profile=DYNAMIC),
    c.SetChargingProfile(evse_id=1, profile=LOCAL_FREQUENCY),
    c.SetChargingProfile(evse_id=1, profile=profile(max_offline_s=60)),
    c.SetChargingProfile(
        evse_id=1, profile=profile(periods=(Period(limit=1.0, discharge_limit=-1.0),))
    ),
    c.SetChargingProfile(evse_id=1, profile=profile(purpose=Purpose.PRIORITY, transaction_id=None)),
)


@pytest.mark.parametrize("version", [V16, V201])
@pytest.mark.parametrize("command", ONLY_21)
def test_what_only_21_can_say_is_not_said_otherwise(version: str, command: c.Command) -> None:
    with pytest.raises(NotExpressible, match=version.replace(".", r"\.")):
        command_to_wire(version, command)


NOT_IN_16 = (
    c.Reset(evse_id=1),
    c.SetChargingProfile(
        evse_id=1, profile=profile(periods=(Period(limit=6.0, number_phases=1, phase_to_use=2),))
    ),
)


@pytest.mark.parametrize("command", NOT_IN_16)
def test_what_16_cannot_say(command: c.Command) -> None:
    with pytest.raises(NotExpressible, match=r"1\.6"):
        command_to_wire(V16, command)


INVALID: list[tuple[tuple[str, ...], c.Command, str]] = [
    ((V16,), c.RemoteStop(transaction_id=TransactionId("abc")), "numbers its transactions"),
    ((V16,), c.SetVariables(values=()), "one key"),
    (V2X, c.GetVariables(variables=()), "at least one"),
    (V2X, c.SetVariables(values=()), "at least one"),
    (V2X, c.ClearChargingProfile(), "K10"),
    (V2X, c.Trigger(message="StatusNotification"), "F06"),
    (VERSIONS, c.RemoteStart(token=TOKEN, evse_id=0), "expected one EVSE"),
    (VERSIONS, c.RemoteStart(token=TOKEN, profile=profile()), "without a transaction_id"),
    ((V21,), c.NotifyAllowedEnergyTransfer(transaction_id=TX, modes=()), "at least one"),
    (
        (V21,),
        c.UpdateDynamicSchedule(profile_id=1, update=DynamicUpdate()),
        "either a setpoint or limits",
    ),
    (
        (V21,),
        c.UpdateDynamicSchedule(profile_id=1, update=DynamicUpdate(setpoint=1.0, limit=2.0)),
        "Q03",
    ),
    ((V21,), der("FreqDroop", DROOP | {"duration": 60.0}, default=True), "R04.FR.12"),
    ((V21,), der("FreqDroop", DROOP | {"startTime": WIRE_T0}, default=True), "R04.FR.12"),
    ((V21,), der("EnterService", {}, default=False), "R04.FR.14"),
    ((V21,), der("Gradients", {}, default=False), "R04.FR.14"),
    ((V21,), der("freqDroop", DROOP, default=True), "no DER control type"),
    (
        V2X,
        c.GetVariables(variables=(c.VariableRef(component="Connector/2", variable="X"),)),
        "evse_id",
    ),
]


@pytest.mark.parametrize(
    ("version", "command", "reason"),
    [(version, *rest) for versions, *rest in INVALID for version in versions],
)
def test_what_no_station_may_accept_is_not_sent(
    version: str, command: c.Command, reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        command_to_wire(version, command)


def test_token_types_of_21_are_not_expressible_in_201() -> None:
    command = c.RemoteStart(token=IdToken(value="WVW", kind="VIN"))
    with pytest.raises(NotExpressible, match="VIN"):
        command_to_wire(V201, command)
    check_request(V21, *command_to_wire(V21, command))


def test_names_that_case_conversion_loses_are_byte_exact() -> None:
    """PyPI ocpp's conversion mangles these (its defect; the official schema has them so)."""
    body = {"priority": 0, "displacement": 0.9, "excitation": True}
    for kind, field in (("FixedPFInject", "fixedPFInject"), ("FixedPFAbsorb", "fixedPFAbsorb")):
        assert field in command_to_wire(V21, der(kind, body, default=True)).payload
    raw = {"chargingProfileId": 1, "scheduleUpdate": {"setpoint": -1.0, "setpoint_L2": -2.0}}
    call = command_to_wire(V21, c.RawCall(action="UpdateDynamicSchedule", payload=raw))
    assert call.payload is raw
    check_request(V21, *call)
