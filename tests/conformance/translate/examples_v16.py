"""What OCPP 1.6 stations send, and the events that these mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from csms.domain.events import (
    AuthorizeAsked,
    Booted,
    Event,
    Heartbeat,
    MetersRead,
    Notified,
    SecurityEventTold,
    StatusChanged,
    TransactionPhase,
    TransactionTold,
    VendorData,
)
from csms.domain.values import ConnectorStatus, IdToken, MeterReading
from csms.ids import TransactionId

T0 = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
T1 = datetime(2026, 3, 1, 13, 30, 15, 250_000, tzinfo=UTC)
Example = tuple[str, dict[str, Any], Event]

_SIGNED = {
    "value": "OCMF|{}|{}",
    "context": "Transaction.End",
    "format": "SignedData",
    "measurand": "Energy.Active.Import.Register",
}

EXAMPLES: list[Example] = [
    (
        "BootNotification",
        {
            "chargePointVendor": "Vendor",
            "chargePointModel": "Wall 22",
            "chargePointSerialNumber": "SN-1",
            "chargeBoxSerialNumber": "CB-1",
            "firmwareVersion": "1.2.3",
            "iccid": "8931",
        },
        Booted(vendor="Vendor", model="Wall 22", serial="SN-1", firmware="1.2.3"),
    ),
    (
        "BootNotification",
        {
            "chargePointVendor": "V",
            "chargePointModel": "M",
            "chargeBoxSerialNumber": "CB-1",
        },
        Booted(vendor="V", model="M", serial="CB-1"),
    ),
    ("Heartbeat", {}, Heartbeat()),
    (
        "StatusNotification",
        {
            "connectorId": 2,
            "errorCode": "NoError",
            "status": "SuspendedEVSE",
            "timestamp": "2026-03-01T12:00:00Z",
        },
        StatusChanged(evse_id=2, connector_id=1, status=ConnectorStatus.SUSPENDED_EVSE, at=T0),
    ),
    (
        "StatusNotification",
        {
            "connectorId": 0,
            "errorCode": "OtherError",
            "status": "Faulted",
            "info": "door open",
            "vendorId": "V",
            "vendorErrorCode": "E42",
        },
        StatusChanged(
            evse_id=0,
            connector_id=0,
            status=ConnectorStatus.FAULTED,
            error_code="OtherError",
            info="E42; door open",
        ),
    ),
    ("Authorize", {"idTag": "04AABBCC"}, AuthorizeAsked(token=IdToken(value="04AABBCC"))),
    (
        "StartTransaction",
        {
            "connectorId": 1,
            "idTag": "04AABBCC",
            "meterStart": 12_345,
            "timestamp": "2026-03-01T13:00:00+01:00",
            "reservationId": 3,
        },
        TransactionTold(
            phase=TransactionPhase.STARTED,
            transaction_id=None,
            at=T0,
            evse_id=1,
            connector_id=1,
            token=IdToken(value="04AABBCC"),
            readings=(MeterReading(at=T0, context="Transaction.Begin", energy_import_wh=12_345.0),),
        ),
    ),
    (
        "StopTransaction",
        {
            "transactionId": 77,
            "meterStop": 20_000,
            "timestamp": "2026-03-01T13:30:15.250Z",
            "idTag": "04AABBCC",
            "reason": "EVDisconnected",
            "transactionData": [
                {
                    "timestamp": "2026-03-01T12:00:00Z",
                    "sampledValue": [
                        {"value": "12.345", "unit": "kWh", "context": "Transaction.Begin"}
                    ],
                },
                {"timestamp": "2026-03-01T13:30:15.250Z", "sampledValue": [_SIGNED]},
            ],
        },
        TransactionTold(
            phase=TransactionPhase.ENDED,
            transaction_id=TransactionId("77"),
            at=T1,
            token=IdToken(value="04AABBCC"),
            stopped_reason="EVDisconnected",
            readings=(
                MeterReading(at=T0, context="Transaction.Begin", energy_import_wh=12_345.0),
                MeterReading(
                    at=T1,
                    context="Transaction.End",
                    signed=(
                        '{"value":"OCMF|{}|{}","context":"Transaction.End","format":"SignedData",'
                        '"measurand":"Energy.Active.Import.Register"}',
                    ),
                ),
                MeterReading(at=T1, context="Transaction.End", energy_import_wh=20_000.0),
            ),
        ),
    ),
    (
        "StopTransaction",
        {"transactionId": -1, "meterStop": 5, "timestamp": "2026-03-01T12:00:00Z"},
        TransactionTold(
            phase=TransactionPhase.ENDED,
            transaction_id=TransactionId("-1"),
            at=T0,
            readings=(MeterReading(at=T0, context="Transaction.End", energy_import_wh=5.0),),
        ),
    ),
    (
        "MeterValues",
        {
            "connectorId": 1,
            "transactionId": -1,
            "meterValue": [
                {
                    "timestamp": "2026-03-01T12:00:00Z",
                    "sampledValue": [
                        {"value": "12345.6"},
                        {"value": "7.2", "measurand": "Power.Active.Import", "unit": "kW"},
                        {"value": "230.5", "measurand": "Voltage", "phase": "L1-N", "unit": "V"},
                        {"value": "31.3", "measurand": "Current.Import", "phase": "L1"},
                        {"value": "57", "measurand": "SoC", "unit": "Percent", "location": "EV"},
                        {"value": "49.98", "measurand": "Frequency", "unit": "Hertz"},
                        {"value": "32.0", "measurand": "Current.Offered", "unit": "A"},
                        {"value": "NaN", "measurand": "Power.Factor"},
                    ],
                },
                {
                    "timestamp": "2026-03-01T13:30:15.250Z",
                    "sampledValue": [{"value": "12400", "context": "Sample.Clock"}],
                },
                {
                    "timestamp": "2026-03-01T13:30:15.250Z",
                    "sampledValue": [
                        {"value": "21", "measurand": "Temperature", "unit": "Celsius"}
                    ],
                },
            ],
        },
        MetersRead(
            evse_id=1,
            transaction_id=TransactionId("-1"),
            readings=(
                MeterReading(
                    at=T0,
                    energy_import_wh=12_345.6,
                    power_w=7_200.0,
                    voltage_v=(230.5, None, None),
                    current_a=(31.3, None, None),
                    soc_frac=0.57,
                    frequency_hz=49.98,
                    current_offered_a=32.0,
                ),
                MeterReading(at=T1, context="Sample.Clock", energy_import_wh=12_400.0),
            ),
        ),
    ),
    (
        "DataTransfer",
        {"vendorId": "com.vendor", "messageId": "m", "data": '{"a":1}'},
        VendorData(vendor="com.vendor", message="m", data='{"a":1}'),
    ),
    (
        "SecurityEventNotification",
        {"type": "InvalidFirmwareSignature", "timestamp": "2026-03-01T12:00:00Z", "techInfo": "x"},
        SecurityEventTold(kind="InvalidFirmwareSignature", at=T0, info="x"),
    ),
    *(
        (action, payload, Notified(action=action, payload=payload))
        for action, payload in (
            ("DiagnosticsStatusNotification", {"status": "Uploading"}),
            ("FirmwareStatusNotification", {"status": "Installed"}),
            ("LogStatusNotification", {"status": "Uploaded", "requestId": 4}),
            ("SignedFirmwareStatusNotification", {"status": "InvalidSignature"}),
        )
    ),
]
