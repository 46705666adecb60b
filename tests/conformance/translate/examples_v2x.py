"""What OCPP 2.0.1 and 2.1 stations send alike, and the events that these mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from csms.domain.events import (
    AuthorizeAsked,
    Booted,
    ChargingNeedsTold,
    Event,
    EvScheduleTold,
    Heartbeat,
    MetersRead,
    Notified,
    ProfilesReported,
    ReportPart,
    SecurityEventTold,
    StatusChanged,
    TransactionPhase,
    TransactionTold,
    VariableReported,
    VendorData,
)
from csms.domain.profile import RateUnit
from csms.domain.values import ConnectorStatus, IdToken, MeterReading
from csms.ids import TransactionId

T0 = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
Example = tuple[str, dict[str, Any], Event]

_HASH = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa",
    "issuerKeyHash": "bb",
    "serialNumber": "01",
    "responderURL": "http://ocsp.example",
}
_PROFILE = {
    "id": 9,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": [
        {
            "id": 1,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}],
        }
    ],
}
_SCHEDULE = {
    "timeBase": "2026-03-01T12:00:00Z",
    "evseId": 1,
    "chargingSchedule": {
        "id": 1,
        "chargingRateUnit": "W",
        "duration": 3600,
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": 11_000.0},
            {"startPeriod": 900, "limit": 0.0},
        ],
    },
}
_NEEDS_DC = {
    "evseId": 1,
    "maxScheduleTuples": 12,
    "chargingNeeds": {
        "requestedEnergyTransfer": "DC",
        "departureTime": "2026-03-01T12:00:00Z",
        "dcChargingParameters": {
            "evMaxCurrent": 200,
            "evMaxVoltage": 400,
            "energyAmount": 30_000,
            "stateOfCharge": 35,
            "evEnergyCapacity": 60_000,
        },
    },
}
_NEEDS_AC = {
    "evseId": 2,
    "chargingNeeds": {
        "requestedEnergyTransfer": "AC_three_phase",
        "acChargingParameters": {
            "energyAmount": 11_000,
            "evMinCurrent": 6,
            "evMaxCurrent": 16,
            "evMaxVoltage": 230,
        },
    },
}
_SIGNED = {
    "signedMeterData": "T0NNRnx7fQ==",
    "signingMethod": "ECDSA-secp256r1-SHA256",
    "encodingMethod": "OCMF",
    "publicKey": "b2ViYQ==",
}

EXAMPLES: list[Example] = [
    (
        "BootNotification",
        {
            "reason": "PowerUp",
            "chargingStation": {
                "model": "M",
                "vendorName": "V",
                "serialNumber": "S",
                "firmwareVersion": "F",
                "modem": {"iccid": "1"},
            },
        },
        Booted(vendor="V", model="M", serial="S", firmware="F", reason="PowerUp"),
    ),
    ("Heartbeat", {}, Heartbeat()),
    (
        "StatusNotification",
        {
            "timestamp": "2026-03-01T12:00:00Z",
            "connectorStatus": "Occupied",
            "evseId": 1,
            "connectorId": 2,
        },
        StatusChanged(evse_id=1, connector_id=2, status=ConnectorStatus.OCCUPIED, at=T0),
    ),
    (
        "Authorize",
        {
            "idToken": {"idToken": "DE-ABC-C123", "type": "eMAID"},
            "certificate": "-----BEGIN",
            "iso15118CertificateHashData": [_HASH],
        },
        AuthorizeAsked(
            token=IdToken(value="DE-ABC-C123", kind="eMAID"),
            certificate_pem="-----BEGIN",
            hash_data=(_HASH,),
        ),
    ),
    (
        "TransactionEvent",
        {
            "eventType": "Started",
            "timestamp": "2026-03-01T12:00:00.000Z",
            "triggerReason": "Authorized",
            "seqNo": 0,
            "offline": True,
            "transactionInfo": {
                "transactionId": "tx-1",
                "chargingState": "Charging",
                "remoteStartId": -5,
            },
            "evse": {"id": 1, "connectorId": 1},
            "idToken": {"idToken": "04AA", "type": "ISO14443"},
            "meterValue": [
                {
                    "timestamp": "2026-03-01T12:00:00.000Z",
                    "sampledValue": [
                        {
                            "value": 2305,
                            "measurand": "Voltage",
                            "phase": "L1-N",
                            "unitOfMeasure": {"unit": "V", "multiplier": -1},
                        },
                        {
                            "value": 12.5,
                            "context": "Transaction.Begin",
                            "unitOfMeasure": {"unit": "kWh"},
                            "signedMeterValue": _SIGNED,
                        },
                    ],
                }
            ],
        },
        TransactionTold(
            phase=TransactionPhase.STARTED,
            transaction_id=TransactionId("tx-1"),
            at=T0,
            seq_no=0,
            trigger="Authorized",
            evse_id=1,
            connector_id=1,
            token=IdToken(value="04AA", kind="ISO14443"),
            charging_state="Charging",
            remote_start_id=-5,
            offline=True,
            readings=(
                MeterReading(
                    at=T0,
                    context="Transaction.Begin",
                    voltage_v=(230.5, None, None),
                    energy_import_wh=12_500.0,
                    signed=(
                        '{"signedMeterData":"T0NNRnx7fQ==",'
                        '"signingMethod":"ECDSA-secp256r1-SHA256",'
                        '"encodingMethod":"OCMF","publicKey":"b2ViYQ=="}',
                    ),
                ),
            ),
        ),
    ),
    (
        "TransactionEvent",
        {
            "eventType": "Ended",
            "timestamp": "2026-03-01T12:00:00Z",
            "triggerReason": "RemoteStop",
            "seqNo": 8,
            "transactionInfo": {"transactionId": "tx-1", "stoppedReason": "Remote"},
        },
        TransactionTold(
            phase=TransactionPhase.ENDED,
            transaction_id=TransactionId("tx-1"),
            at=T0,
            seq_no=8,
            trigger="RemoteStop",
            stopped_reason="Remote",
        ),
    ),
    (
        "MeterValues",
        {
            "evseId": 0,
            "meterValue": [
                {
                    "timestamp": "2026-03-01T12:00:00Z",
                    "sampledValue": [
                        {
                            "value": 5.5,
                            "measurand": "Power.Active.Export",
                            "location": "Inlet",
                            "unitOfMeasure": {"unit": "kW"},
                        },
                        {"value": 50.01, "measurand": "Frequency"},
                    ],
                }
            ],
        },
        MetersRead(
            evse_id=0,
            readings=(MeterReading(at=T0, power_w=-5_500.0, frequency_hz=50.01),),
        ),
    ),
    (
        "DataTransfer",
        {"vendorId": "V", "data": {"any": ["json", 1]}},
        VendorData(vendor="V", data={"any": ["json", 1]}),
    ),
    (
        "NotifyEVChargingSchedule",
        _SCHEDULE,
        EvScheduleTold(
            evse_id=1,
            start=T0,
            unit=RateUnit.W,
            periods=((0.0, 11_000.0), (900.0, 0.0)),
            duration_s=3600.0,
            raw=_SCHEDULE,
        ),
    ),
    (
        "NotifyEVChargingNeeds",
        _NEEDS_DC,
        ChargingNeedsTold(
            evse_id=1,
            requested_transfer="DC",
            departure=T0,
            energy_wh=30_000.0,
            max_charge_w=80_000.0,
            max_discharge_w=0.0,
            soc_frac=0.35,
            capacity_wh=60_000.0,
            max_periods=12,
            raw=_NEEDS_DC,
        ),
    ),
    (
        "NotifyEVChargingNeeds",
        _NEEDS_AC,
        ChargingNeedsTold(
            evse_id=2,
            requested_transfer="AC_three_phase",
            energy_wh=11_000.0,
            max_charge_w=11_040.0,
            max_discharge_w=0.0,
            raw=_NEEDS_AC,
        ),
    ),
    (
        "NotifyReport",
        {
            "requestId": 3,
            "generatedAt": "2026-03-01T12:00:00Z",
            "seqNo": 1,
            "tbc": True,
            "reportData": [
                {
                    "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 2}},
                    "variable": {"name": "Available"},
                    "variableAttribute": [{"value": "true", "mutability": "ReadOnly"}],
                },
                {
                    "component": {"name": "NetworkConfiguration", "instance": "1"},
                    "variable": {"name": "MessageTimeout", "instance": "Default"},
                    "variableAttribute": [
                        {"value": "30", "mutability": "ReadWrite"},
                        {"type": "MaxSet", "value": "60"},
                    ],
                    "variableCharacteristics": {
                        "unit": "s",
                        "dataType": "integer",
                        "supportsMonitoring": False,
                    },
                },
            ],
        },
        ReportPart(
            request_id=3,
            seq_no=1,
            more=True,
            variables=(
                VariableReported(
                    component="Connector/2",
                    variable="Available",
                    value="true",
                    evse_id=1,
                    mutability="ReadOnly",
                ),
                VariableReported(
                    component="NetworkConfiguration[1]",
                    variable="MessageTimeout",
                    instance="Default",
                    value="30",
                    mutability="ReadWrite",
                    unit="s",
                ),
                VariableReported(
                    component="NetworkConfiguration[1]",
                    variable="MessageTimeout",
                    instance="Default",
                    value="60",
                    attribute="MaxSet",
                    unit="s",
                ),
            ),
        ),
    ),
    (
        "ReportChargingProfiles",
        {
            "requestId": 3,
            "chargingLimitSource": "CSO",
            "evseId": 1,
            "chargingProfile": [_PROFILE],
        },
        ProfilesReported(request_id=3, evse_id=1, profiles=(_PROFILE,)),
    ),
    (
        "SecurityEventNotification",
        {"type": "SettingSystemTime", "timestamp": "2026-03-01T12:00:00Z"},
        SecurityEventTold(kind="SettingSystemTime", at=T0),
    ),
]

_NOTIFIED: list[tuple[str, dict[str, Any]]] = [
    ("ClearedChargingLimit", {"chargingLimitSource": "EMS", "evseId": 1}),
    ("FirmwareStatusNotification", {"status": "Installed", "requestId": 1}),
    ("LogStatusNotification", {"status": "Uploaded", "requestId": 1}),
    ("NotifyChargingLimit", {"chargingLimit": {"chargingLimitSource": "EMS"}, "evseId": 1}),
    (
        "NotifyCustomerInformation",
        {"data": "-", "seqNo": 0, "generatedAt": "2026-03-01T12:00:00Z", "requestId": 1},
    ),
    ("NotifyDisplayMessages", {"requestId": 1}),
    (
        "NotifyEvent",
        {
            "generatedAt": "2026-03-01T12:00:00Z",
            "seqNo": 0,
            "eventData": [
                {
                    "eventId": 1,
                    "timestamp": "2026-03-01T12:00:00Z",
                    "trigger": "Alerting",
                    "actualValue": "x",
                    "eventNotificationType": "HardWiredNotification",
                    "component": {"name": "C"},
                    "variable": {"name": "V"},
                }
            ],
        },
    ),
    (
        "NotifyMonitoringReport",
        {"requestId": 1, "seqNo": 0, "generatedAt": "2026-03-01T12:00:00Z"},
    ),
    ("PublishFirmwareStatusNotification", {"status": "Idle"}),
    ("ReservationStatusUpdate", {"reservationId": 1, "reservationUpdateStatus": "Expired"}),
]
EXAMPLES += [
    (action, payload, Notified(action=action, payload=payload)) for action, payload in _NOTIFIED
]
