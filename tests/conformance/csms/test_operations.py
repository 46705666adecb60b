"""OCPP 2.0.1 test cases of blocks B, D, F, G, H, K, L, N and O that an operator starts, by raw request.

The request is checked against the official schema, sent as it is, and the record tells what the station answered.
"""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.commands import RawCall
from csms.ids import StationId
from tests.integration.whole_system.conftest import site  # noqa: F401 a fixture
from tests.integration.whole_system.site import NOW, Site

SID = StationId("CS1")
FIRMWARE = {
    "requestId": 1,
    "firmware": {
        "location": "https://example.org/fw",
        "retrieveDateTime": NOW,
        "signingCertificate": "-----BEGIN CERTIFICATE-----",
        "signature": "c2lnbmF0dXJl",
    },
}
MESSAGE = {
    "message": {
        "id": 1,
        "priority": "AlwaysFront",
        "message": {"format": "UTF8", "content": "Hello"},
    }
}
RESERVATION = {
    "id": 4,
    "expiryDateTime": "2027-01-01T00:00:00Z",
    "idToken": {"idToken": "TAG", "type": "ISO14443"},
}
LIST_ENTRY = {
    "idToken": {"idToken": "TAG", "type": "ISO14443"},
    "idTokenInfo": {"status": "Accepted"},
}
GET_PROFILES = {"requestId": 2, "chargingProfile": {}}
LOG = {"remoteLocation": "https://example.org/log"}
MONITOR = {
    "value": 5.0,
    "type": "UpperThreshold",
    "severity": 4,
    "component": {"name": "EVSE"},
    "variable": {"name": "Power"},
}

CASES: list[tuple[str, str, dict[str, Any], dict[str, Any], str]] = [
    ("TC_B_12 B07.FR.07", "GetBaseReport", {"requestId": 1, "reportBase": "ConfigurationInventory"},
     {"status": "Accepted"}, "accepted"),
    ("TC_B_14 B07.FR.09", "GetBaseReport", {"requestId": 1, "reportBase": "SummaryInventory"},
     {"status": "NotSupported"}, "rejected"),
    ("TC_B_18 B08.FR.01", "GetReport", {"requestId": 1, "componentCriteria": ["Active"]},
     {"status": "EmptyResultSet"}, "rejected"),
    ("TC_B_21 B12.FR.01", "Reset", {"type": "OnIdle"}, {"status": "Scheduled"}, "accepted"),
    ("TC_B_42 B09.FR.01", "SetNetworkProfile", {"configurationSlot": 1, "connectionData": {
        "ocppVersion": "OCPP20", "ocppTransport": "JSON", "ocppCsmsUrl": "wss://example.org", "messageTimeout": 30,
        "securityProfile": 2, "ocppInterface": "Wired0"}}, {"status": "Accepted"}, "accepted"),
    ("TC_B_44 B09.FR.03", "SetNetworkProfile", {"configurationSlot": 9, "connectionData": {
        "ocppVersion": "OCPP20", "ocppTransport": "JSON", "ocppCsmsUrl": "wss://example.org", "messageTimeout": 30,
        "securityProfile": 2, "ocppInterface": "Wired0"}}, {"status": "Failed"}, "rejected"),
    ("TC_C_37", "ClearCache", {}, {"status": "Accepted"}, "accepted"),
    ("TC_C_38", "ClearCache", {}, {"status": "Rejected"}, "rejected"),
    ("TC_D_01 D01.FR.01", "SendLocalList", {"versionNumber": 1, "updateType": "Full",
     "localAuthorizationList": [LIST_ENTRY]}, {"status": "Accepted"}, "accepted"),
    ("TC_D_02 D01.FR.06", "SendLocalList", {"versionNumber": 2, "updateType": "Differential",
     "localAuthorizationList": [LIST_ENTRY]}, {"status": "VersionMismatch"}, "rejected"),
    ("TC_D_04 D01.FR.18", "SendLocalList", {"versionNumber": 1, "updateType": "Full"},
     {"status": "Accepted"}, "accepted"),
    ("TC_D_08 TC_D_09", "GetLocalListVersion", {}, {"versionNumber": 0}, "accepted"),
    ("TC_E_29 E14.FR.02", "GetTransactionStatus", {"transactionId": "T1"},
     {"ongoingIndicator": True, "messagesInQueue": True}, "accepted"),
    ("TC_E_34 E14.FR.06", "GetTransactionStatus", {}, {"messagesInQueue": False}, "accepted"),
    ("TC_F_13 F06.FR.01", "TriggerMessage", {"requestedMessage": "TransactionEvent", "evse": {"id": 1}},
     {"status": "Accepted"}, "accepted"),
    ("TC_F_27 F06.FR.08", "TriggerMessage", {"requestedMessage": "LogStatusNotification"},
     {"status": "NotImplemented"}, "rejected"),
    ("TC_G_07", "ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1, "connectorId": 1}},
     {"status": "Accepted"}, "accepted"),
    ("TC_G_11", "ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1}},
     {"status": "Scheduled"}, "accepted"),
    ("TC_H_01", "ReserveNow", {**RESERVATION, "evseId": 1}, {"status": "Accepted"}, "accepted"),
    ("TC_H_08", "ReserveNow", RESERVATION, {"status": "Accepted"}, "accepted"),
    ("TC_H_20", "ReserveNow", {**RESERVATION, "evseId": 1}, {"status": "Faulted"}, "rejected"),
    ("TC_H_17", "CancelReservation", {"reservationId": 4}, {"status": "Accepted"}, "accepted"),
    ("TC_K_29 K09.FR.03", "GetChargingProfiles", {**GET_PROFILES, "evseId": 0}, {"status": "Accepted"}, "accepted"),
    ("TC_K_36 K09.FR.03", "GetChargingProfiles", {
        "requestId": 2, "evseId": 1,
        "chargingProfile": {"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 0}},
     {"status": "NoProfiles"}, "rejected"),
    ("TC_L_01 L01.FR.01", "UpdateFirmware", FIRMWARE, {"status": "Accepted"}, "accepted"),
    ("TC_L_05 L01.FR.01", "UpdateFirmware", FIRMWARE, {"status": "InvalidCertificate"}, "rejected"),
    ("TC_L_10 L01.FR.24", "UpdateFirmware", FIRMWARE, {"status": "AcceptedCanceled"}, "accepted"),
    ("TC_L_17", "PublishFirmware", {"location": "https://example.org/fw", "checksum": "0" * 32, "requestId": 1},
     {"status": "Accepted"}, "accepted"),
    ("TC_L_22", "UnpublishFirmware", {"checksum": "0" * 32}, {"status": "NoFirmware"}, "rejected"),
    ("TC_N_25", "GetLog", {"logType": "DiagnosticsLog", "requestId": 1, "log": LOG},
     {"status": "Accepted", "filename": "diagnostics.tgz"}, "accepted"),
    ("TC_N_34", "GetLog", {"logType": "DiagnosticsLog", "requestId": 1, "log": LOG},
     {"status": "Rejected"}, "rejected"),
    ("TC_N_36", "GetLog", {"logType": "SecurityLog", "requestId": 2, "log": LOG},
     {"status": "AcceptedCanceled"}, "accepted"),
    ("TC_N_01 N02.FR.05", "GetMonitoringReport", {"requestId": 1, "monitoringCriteria": ["ThresholdMonitoring"]},
     {"status": "Accepted"}, "accepted"),
    ("TC_N_05 N03.FR.03", "SetMonitoringBase", {"monitoringBase": "All"}, {"status": "Accepted"}, "accepted"),
    ("TC_N_08 N04.FR.01", "SetVariableMonitoring", {"setMonitoringData": [MONITOR]},
     {"setMonitoringResult": [{"status": "Accepted", "type": "UpperThreshold", "severity": 4, "id": 9,
                               "component": {"name": "EVSE"}, "variable": {"name": "Power"}}]}, "accepted"),
    ("TC_N_17 N05.FR.02", "SetMonitoringLevel", {"severity": 9}, {"status": "Rejected"}, "rejected"),
    ("TC_N_44", "ClearVariableMonitoring", {"id": [9]}, {"clearMonitoringResult": [
        {"status": "NotFound", "id": 9}]}, "rejected"),
    ("TC_N_27 N09.FR.01", "CustomerInformation", {"requestId": 1, "report": True, "clear": False,
     "customerIdentifier": "C1"}, {"status": "Accepted"}, "accepted"),
    ("TC_O_01", "SetDisplayMessage", MESSAGE, {"status": "Accepted"}, "accepted"),
    ("TC_O_17", "SetDisplayMessage", MESSAGE, {"status": "NotSupportedPriority"}, "rejected"),
    ("TC_O_03", "GetDisplayMessages", {"requestId": 1}, {"status": "Unknown"}, "rejected"),
    ("TC_O_05", "ClearDisplayMessage", {"id": 9}, {"status": "Unknown"}, "rejected"),
]  # fmt: skip


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.parametrize(
    ("action", "payload", "answer", "state"), [pytest.param(*row[1:], id=row[0]) for row in CASES]
)
async def test_operation(
    site: Site,  # noqa: F811
    version: str,
    action: str,
    payload: dict[str, Any],
    answer: dict[str, Any],
    state: str,
) -> None:
    async with site.station("CS1", version, answers={action: answer}) as station:
        command = RawCall(action=action, payload=payload)
        record = await site.system.desk.submit(SID, command, issued_by="test")
        final = await site.system.desk.finished(record.command_id, within_s=60)
        assert (action, payload) in station.asked
        assert (final.state, final.answer) == (state, answer)


REPORTS: list[tuple[str, str, dict[str, Any]]] = [
    ("TC_L_01 L01.FR.01", "FirmwareStatusNotification", {"status": "Installed", "requestId": 1}),
    ("TC_L_06 L01.FR.11", "FirmwareStatusNotification", {"status": "InvalidSignature", "requestId": 1}),
    ("TC_N_25", "LogStatusNotification", {"status": "Uploaded", "requestId": 1}),
    ("TC_H_20", "ReservationStatusUpdate", {"reservationId": 4, "reservationUpdateStatus": "Removed"}),
    ("TC_N_27 N09.FR.04", "NotifyCustomerInformation",
     {"data": "x", "seqNo": 0, "generatedAt": NOW, "requestId": 1}),
    ("TC_O_02", "NotifyDisplayMessages", {"requestId": 1}),
    ("TC_K_48", "NotifyChargingLimit", {"chargingLimit": {"chargingLimitSource": "SO"}}),
    ("TC_K_50", "ClearedChargingLimit", {"chargingLimitSource": "SO"}),
    ("TC_L_19", "PublishFirmwareStatusNotification", {"status": "InvalidChecksum", "requestId": 1}),
    ("TC_N_47", "NotifyMonitoringReport", {"requestId": 1, "seqNo": 0, "generatedAt": NOW}),
]  # fmt: skip


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.parametrize(
    ("action", "payload"), [pytest.param(*row[1:], id=row[0]) for row in REPORTS]
)
async def test_report(site: Site, version: str, action: str, payload: dict[str, Any]) -> None:  # noqa: F811
    """Acknowledged without conditions, and kept for whoever asked."""
    async with site.station("CS1", version) as station:
        assert await station.ask(action, payload) == {}
    (kept,) = await site.system.store.history.notifications(SID, action=action)
    assert kept.payload == payload


async def test_a_request_that_the_schema_refuses_never_leaves(site: Site) -> None:  # noqa: F811
    async with site.station("CS1") as station:
        record = await site.system.desk.submit(
            SID,
            RawCall(action="GetLog", payload={"logType": "Everything", "requestId": 1, "log": LOG}),
            issued_by="test",
        )
        final = await site.system.desk.finished(record.command_id, within_s=60)
        assert final.state == "rejected"
        assert "logType" in (final.reason or "")
        assert "GetLog" not in [action for action, _ in station.asked]
