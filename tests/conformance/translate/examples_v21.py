"""What only OCPP 2.1 stations send: bidirectional power, dynamic profiles, DER controls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from csms.domain.der import DerControl
from csms.domain.events import (
    ChargingNeedsTold,
    DerAlarm,
    DerReported,
    DerStartStop,
    DynamicUpdatePulled,
    Event,
    Notified,
    TransactionPhase,
    TransactionTold,
)
from csms.domain.values import MeterReading
from csms.ids import TransactionId

T0 = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
Example = tuple[str, dict[str, Any], Event]

_NEEDS = {
    "evseId": 1,
    "timestamp": "2026-03-01T12:00:00Z",
    "chargingNeeds": {
        "requestedEnergyTransfer": "DC_BPT",
        "availableEnergyTransfer": ["DC", "DC_BPT"],
        "controlMode": "DynamicControl",
        "mobilityNeedsMode": "EVCC",
        "departureTime": "2026-03-01T12:00:00Z",
        "dcChargingParameters": {"evMaxCurrent": 25, "evMaxVoltage": 400, "stateOfCharge": 40},
        "v2xChargingParameters": {
            "maxChargePower": 4_000.0,
            "maxChargePower_L2": 3_500.0,
            "maxChargePower_L3": 3_000.0,
            "maxDischargePower": 10_000.0,
            "evTargetEnergyRequest": 20_000.0,
            "evMinEnergyRequest": -1_000.0,
            "targetSoC": 80,
        },
        "derChargingParameters": {"evSupportedDERControl": ["FreqDroop", "VoltVar"]},
    },
}
_DROOP = {
    "priority": 0,
    "overFreq": 50.2,
    "underFreq": 49.8,
    "overDroop": 0.05,
    "underDroop": 0.05,
    "responseTime": 1.0,
}
_ENTER = {"priority": 1, "highVoltage": 1.05, "lowVoltage": 0.9, "highFreq": 50.1, "lowFreq": 49.5}
_PF = {"priority": 2, "displacement": 0.95, "excitation": True}
_CURVE = {"priority": 3, "yUnit": "PctMaxVar", "curveData": [{"x": 92.0, "y": 44.0}]}
_GRADIENT = {"priority": 4, "gradient": 10.0, "softGradient": 5.0}
_FIXED_VAR = {"priority": 5, "setpoint": 10.0, "unit": "PctMaxVar"}
_MAX_DISCHARGE = {"priority": 6, "pctMaxDischargePower": 50.0}

EXAMPLES: list[Example] = [
    (
        "NotifyEVChargingNeeds",
        _NEEDS,
        ChargingNeedsTold(
            evse_id=1,
            requested_transfer="DC_BPT",
            departure=T0,
            energy_wh=20_000.0,
            min_energy_wh=-1_000.0,
            max_charge_w=10_500.0,
            max_discharge_w=10_000.0,
            soc_frac=0.4,
            target_soc_frac=0.8,
            control_mode="DynamicControl",
            raw=_NEEDS,
        ),
    ),
    (
        "TransactionEvent",
        {
            "eventType": "Updated",
            "timestamp": "2026-03-01T12:00:00Z",
            "triggerReason": "OperationModeChanged",
            "seqNo": 4,
            "transactionInfo": {"transactionId": "t", "operationMode": "CentralSetpoint"},
            "meterValue": [
                {
                    "timestamp": "2026-03-01T12:00:00Z",
                    "sampledValue": [
                        {
                            "value": 50_010,
                            "measurand": "Frequency",
                            "location": "Upstream",
                            "unitOfMeasure": {"unit": "mHz"},
                        },
                        {"value": 11_000, "measurand": "Power.Import.Offered"},
                        {"value": -3.0, "measurand": "Power.Active.Setpoint"},
                    ],
                }
            ],
        },
        TransactionTold(
            phase=TransactionPhase.UPDATED,
            transaction_id=TransactionId("t"),
            at=T0,
            seq_no=4,
            trigger="OperationModeChanged",
            operation_mode="CentralSetpoint",
            readings=(MeterReading(at=T0, frequency_hz=50.01, power_offered_w=11_000.0),),
        ),
    ),
    ("PullDynamicScheduleUpdate", {"chargingProfileId": 7}, DynamicUpdatePulled(profile_id=7)),
    (
        "NotifyDERAlarm",
        {
            "controlType": "LFMustTrip",
            "gridEventFault": "UnderFrequency",
            "alarmEnded": True,
            "timestamp": "2026-03-01T12:00:00Z",
            "extraInfo": "i",
        },
        DerAlarm(control_type="LFMustTrip", at=T0, fault="UnderFrequency", ended=True, info="i"),
    ),
    (
        "NotifyDERStartStop",
        {
            "controlId": "c1",
            "started": True,
            "timestamp": "2026-03-01T12:00:00Z",
            "supersededIds": ["c0"],
        },
        DerStartStop(control_id="c1", started=True, at=T0, superseded_ids=("c0",)),
    ),
    (
        "ReportDERControl",
        {
            "requestId": 12,
            "tbc": True,
            "freqDroop": [
                {"id": "d", "isDefault": True, "isSuperseded": False, "freqDroop": _DROOP}
            ],
            "enterService": [{"id": "e", "enterService": _ENTER}],
            "fixedPFInject": [
                {"id": "i", "isDefault": False, "isSuperseded": True, "fixedPF": _PF}
            ],
            "fixedPFAbsorb": [
                {"id": "a", "isDefault": True, "isSuperseded": False, "fixedPF": _PF}
            ],
            "fixedVar": [
                {"id": "v", "isDefault": True, "isSuperseded": False, "fixedVar": _FIXED_VAR}
            ],
            "gradient": [{"id": "g", "gradient": _GRADIENT}],
            "limitMaxDischarge": [
                {
                    "id": "m",
                    "isDefault": True,
                    "isSuperseded": False,
                    "limitMaxDischarge": _MAX_DISCHARGE,
                }
            ],
            "curve": [
                {
                    "id": "c",
                    "curveType": "VoltVar",
                    "isDefault": True,
                    "isSuperseded": False,
                    "curve": _CURVE,
                }
            ],
        },
        DerReported(
            request_id=12,
            more=True,
            controls=tuple(
                DerControl(
                    control_id=control_id,
                    control_type=kind,
                    is_default=default,
                    body=body,
                    is_superseded=superseded,
                )
                for control_id, kind, default, body, superseded in (
                    ("e", "EnterService", True, _ENTER, False),
                    ("a", "FixedPFAbsorb", True, _PF, False),
                    ("i", "FixedPFInject", False, _PF, True),
                    ("v", "FixedVar", True, _FIXED_VAR, False),
                    ("d", "FreqDroop", True, _DROOP, False),
                    ("g", "Gradients", True, _GRADIENT, False),
                    ("m", "LimitMaxDischarge", True, _MAX_DISCHARGE, False),
                    ("c", "VoltVar", True, _CURVE, False),
                )
            ),
        ),
    ),
    *(
        (action, payload, Notified(action=action, payload=payload))
        for action, payload in (
            (
                "BatterySwap",
                {
                    "eventType": "BatteryIn",
                    "requestId": 1,
                    "idToken": {"idToken": "1", "type": "Central"},
                    "batteryData": [{"evseId": 1, "serialNumber": "B1", "soC": 50.0, "soH": 90.0}],
                },
            ),
            ("NotifyPriorityCharging", {"transactionId": "t", "activated": True}),
            (
                "NotifySettlement",
                {
                    "pspRef": "p",
                    "status": "Settled",
                    "settlementAmount": 1.0,
                    "settlementTime": "2026-03-01T12:00:00Z",
                    "receiptUrl": "https://receipt.example/1",
                },
            ),
        )
    ),
]
