"""OCPP 1.6 test cases for a central system, by their ids, over the real gateway, services and store."""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.commands import (
    ChangeAvailability,
    ClearChargingProfile,
    Command,
    GetCompositeSchedule,
    GetVariables,
    RawCall,
    RemoteStart,
    RemoteStop,
    Reset,
    SetChargingProfile,
    SetVariable,
    SetVariables,
    Trigger,
    UnlockConnector,
    VariableRef,
)
from csms.domain.profile import ChargingProfile, Kind, Period, Purpose, RateUnit
from csms.domain.values import IdToken
from csms.ids import StationId, TransactionId
from tests.integration.whole_system.conftest import site  # noqa: F401 a fixture
from tests.integration.whole_system.site import NOW, RawStation, Site

SID = StationId("CP1")
TOKEN = IdToken(value="TAG")
KEY = VariableRef(component="", variable="MeterValueSampleInterval")


def profile(purpose: Purpose, transaction_id: str | None = None) -> ChargingProfile:
    return ChargingProfile(
        profile_id=3,
        stack_level=0,
        purpose=purpose,
        kind=Kind.RELATIVE,
        unit=RateUnit.A,
        periods=(Period(limit=10.0),),
        transaction_id=None if transaction_id is None else TransactionId(transaction_id),
    )


def on_wire(purpose: str, **more: Any) -> dict[str, Any]:
    return {
        "chargingProfileId": 3,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
        },
        **more,
    }


COMMANDS: list[tuple[str, Command, str, dict[str, Any], dict[str, Any], str]] = [
    ("TC_010", RemoteStart(token=TOKEN, evse_id=1), "RemoteStartTransaction",
     {"idTag": "TAG", "connectorId": 1}, {"status": "Accepted"}, "accepted"),
    ("TC_026", RemoteStart(token=TOKEN, evse_id=1), "RemoteStartTransaction",
     {"idTag": "TAG", "connectorId": 1}, {"status": "Rejected"}, "rejected"),
    ("TC_012", RemoteStop(transaction_id=TransactionId("7")), "RemoteStopTransaction",
     {"transactionId": 7}, {"status": "Accepted"}, "accepted"),
    ("TC_028", RemoteStop(transaction_id=TransactionId("7")), "RemoteStopTransaction",
     {"transactionId": 7}, {"status": "Rejected"}, "rejected"),
    ("TC_013", Reset(immediate=True), "Reset", {"type": "Hard"}, {"status": "Accepted"}, "accepted"),
    ("TC_014", Reset(), "Reset", {"type": "Soft"}, {"status": "Accepted"}, "accepted"),
    ("TC_017_1", UnlockConnector(evse_id=1), "UnlockConnector", {"connectorId": 1},
     {"status": "Unlocked"}, "accepted"),
    ("TC_030", UnlockConnector(evse_id=1), "UnlockConnector", {"connectorId": 1},
     {"status": "UnlockFailed"}, "rejected"),
    ("TC_031", UnlockConnector(evse_id=9), "UnlockConnector", {"connectorId": 9},
     {"status": "NotSupported"}, "rejected"),
    ("TC_019_1", GetVariables(variables=()), "GetConfiguration", {},
     {"configurationKey": [{"key": "NumberOfConnectors", "readonly": True, "value": "1"}]}, "accepted"),
    ("TC_019_2", GetVariables(variables=(KEY,)), "GetConfiguration", {"key": [KEY.variable]},
     {"configurationKey": [{"key": KEY.variable, "readonly": False, "value": "60"}]}, "accepted"),
    ("TC_040_1", SetVariables(values=(SetVariable(ref=KEY, value="60"),)), "ChangeConfiguration",
     {"key": KEY.variable, "value": "60"}, {"status": "NotSupported"}, "rejected"),
    ("TC_040_2", SetVariables(values=(SetVariable(ref=KEY, value="-1"),)), "ChangeConfiguration",
     {"key": KEY.variable, "value": "-1"}, {"status": "Rejected"}, "rejected"),
    ("TC_021", SetVariables(values=(SetVariable(ref=KEY, value="60"),)), "ChangeConfiguration",
     {"key": KEY.variable, "value": "60"}, {"status": "RebootRequired"}, "accepted"),
    ("TC_042_2", RawCall(action="GetLocalListVersion", payload={}), "GetLocalListVersion", {},
     {"listVersion": 0}, "accepted"),
    ("TC_043_1", RawCall(action="SendLocalList", payload={"listVersion": 1, "updateType": "Full"}),
     "SendLocalList", {"listVersion": 1, "updateType": "Full"}, {"status": "NotSupported"}, "rejected"),
    ("TC_043_4", RawCall(action="SendLocalList", payload={"listVersion": 1, "updateType": "Full"}),
     "SendLocalList", {"listVersion": 1, "updateType": "Full"}, {"status": "Accepted"}, "accepted"),
    ("TC_048_2", RawCall(action="ReserveNow", payload={
        "connectorId": 1, "expiryDate": NOW, "idTag": "TAG", "reservationId": 4}), "ReserveNow",
     {"connectorId": 1, "expiryDate": NOW, "idTag": "TAG", "reservationId": 4},
     {"status": "Occupied"}, "rejected"),
    ("TC_051", RawCall(action="CancelReservation", payload={"reservationId": 4}), "CancelReservation",
     {"reservationId": 4}, {"status": "Accepted"}, "accepted"),
    ("TC_054", Trigger(message="MeterValues", evse_id=1), "TriggerMessage",
     {"requestedMessage": "MeterValues", "connectorId": 1}, {"status": "Accepted"}, "accepted"),
    ("TC_055", Trigger(message="Heartbeat"), "TriggerMessage", {"requestedMessage": "Heartbeat"},
     {"status": "Rejected"}, "rejected"),
    ("TC_056", SetChargingProfile(evse_id=0, profile=profile(Purpose.TX_DEFAULT)), "SetChargingProfile",
     {"connectorId": 0, "csChargingProfiles": on_wire("TxDefaultProfile")}, {"status": "Accepted"}, "accepted"),
    ("TC_057", SetChargingProfile(evse_id=1, profile=profile(Purpose.TX, "7")), "SetChargingProfile",
     {"connectorId": 1, "csChargingProfiles": on_wire("TxProfile", transactionId=7)},
     {"status": "Accepted"}, "accepted"),
    ("TC_059", RemoteStart(token=TOKEN, evse_id=1, profile=profile(Purpose.TX)), "RemoteStartTransaction",
     {"idTag": "TAG", "connectorId": 1, "chargingProfile": on_wire("TxProfile")},
     {"status": "Accepted"}, "accepted"),
    ("TC_061", RawCall(action="ClearCache", payload={}), "ClearCache", {}, {"status": "Accepted"}, "accepted"),
    ("TC_066", GetCompositeSchedule(evse_id=1, duration_s=300), "GetCompositeSchedule",
     {"connectorId": 1, "duration": 300}, {"status": "Rejected"}, "rejected"),
    ("TC_067", ClearChargingProfile(profile_id=3), "ClearChargingProfile", {"id": 3},
     {"status": "Unknown"}, "rejected"),
    ("TC_003 ChangeAvailability", ChangeAvailability(operative=False, evse_id=1), "ChangeAvailability",
     {"connectorId": 1, "type": "Inoperative"}, {"status": "Scheduled"}, "accepted"),
    ("TC_079", RawCall(action="GetLog", payload={
        "logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "https://example.org/log"}}), "GetLog",
     {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "https://example.org/log"}},
     {"status": "Accepted", "filename": "security.log"}, "accepted"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "action", "payload", "answer", "state"),
    [pytest.param(*row[1:], id=row[0]) for row in COMMANDS],
)
async def test_command(
    site: Site,  # noqa: F811
    command: Command,
    action: str,
    payload: dict[str, Any],
    answer: dict[str, Any],
    state: str,
) -> None:
    """The request on the wire is the one the case expects, and the record says what the station said."""
    async with site.station("CP1", "1.6") as station:
        station.answers[action] = answer
        record = await site.system.desk.submit(SID, command, issued_by="test")
        final = await site.system.desk.finished(record.command_id, within_s=60)
        assert (action, payload) in station.asked
        assert final.state == state
        assert final.status == answer.get("status", "Accepted")


async def session(station: RawStation, tag: str = "TAG", **stop: Any) -> tuple[int, dict[str, Any]]:
    start = {"connectorId": 1, "idTag": tag, "meterStart": 100, "timestamp": NOW}
    started = await station.ask("StartTransaction", start)
    number = started["transactionId"]
    await station.ask(
        "StopTransaction",
        {
            "transactionId": number,
            "meterStop": 600,
            "timestamp": "2026-01-01T00:10:00Z",
            **stop,
        },
    )
    return number, started["idTagInfo"]


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        pytest.param({"idTag": "TAG", "reason": "Local"}, "Local", id="TC_003 TC_004_1 TC_007"),
        pytest.param({"reason": "EVDisconnected"}, "EVDisconnected", id="TC_005_1"),
        pytest.param({"reason": "Remote"}, "Remote", id="TC_012 TC_011_1"),
        pytest.param({"reason": "HardReset"}, "HardReset", id="TC_013"),
        pytest.param({"reason": "SoftReset"}, "SoftReset", id="TC_014"),
        pytest.param({"reason": "UnlockCommand"}, "UnlockCommand", id="TC_018_1"),
        pytest.param({"reason": "PowerLoss"}, "PowerLoss", id="TC_032_1"),
        pytest.param({}, "Local", id="TC_039 offline, no reason is Local"),
    ],
)
async def test_a_session(site: Site, stop: dict[str, Any], reason: str) -> None:  # noqa: F811
    await site.know_token("TAG")
    async with site.station("CP1", "1.6") as station:
        number, info = await session(station, **stop)
    assert info["status"] == "Accepted"
    kept = await site.system.store.history.transaction(SID, TransactionId(str(number)))
    assert kept is not None
    assert (kept.energy_wh, kept.stopped_reason) == (500.0, reason)


@pytest.mark.parametrize(
    ("case", "status"),
    [("TC_023_1", "Invalid"), ("TC_023_2", "Expired"), ("TC_023_3", "Blocked")],
)
async def test_authorize(site: Site, case: str, status: str) -> None:  # noqa: F811
    if status != "Invalid":
        await site.know_token("TAG", status)
    async with site.station("CP1", "1.6") as station:
        answer = await station.ask("Authorize", {"idTag": "TAG"})
        # TC_037_3: what an invalid tag charged while the station was offline is answered as such, and kept
        number, info = await session(station)
    assert answer["idTagInfo"]["status"] == status, case
    assert info["status"] == status
    assert await site.system.store.history.transaction(SID, TransactionId(str(number))) is not None


async def test_tc_001_cold_boot(site: Site) -> None:  # noqa: F811
    async with site.station("CP1", "1.6", boot=False) as station:
        answer = await station.ask(
            "BootNotification", {"chargePointVendor": "M", "chargePointModel": "O"}
        )
        assert answer["status"] == "Accepted"
        assert answer["interval"] > 0
        for connector_id in (0, 1):
            status = {"connectorId": connector_id, "errorCode": "NoError", "status": "Available"}
            assert await station.ask("StatusNotification", status) == {}
        await station.ask("Heartbeat", {})


async def test_tc_024_a_lock_failure_is_kept(site: Site) -> None:  # noqa: F811
    async with site.station("CP1", "1.6") as station:
        await station.ask(
            "StatusNotification",
            {"connectorId": 1, "errorCode": "ConnectorLockFailure", "status": "Faulted"},
        )
    (connector,) = await site.system.store.history.connectors(SID)
    assert (connector.status, connector.error_code) == ("Faulted", "ConnectorLockFailure")


@pytest.mark.parametrize(
    ("case", "action", "payload"),
    [
        ("TC_044_1 TC_044_2", "FirmwareStatusNotification", {"status": "DownloadFailed"}),
        ("TC_045_2", "DiagnosticsStatusNotification", {"status": "UploadFailed"}),
        ("TC_079", "LogStatusNotification", {"status": "Uploaded", "requestId": 1}),
        (
            "TC_081",
            "SignedFirmwareStatusNotification",
            {"status": "InvalidSignature", "requestId": 1},
        ),
    ],
)
async def test_what_a_station_reports_is_kept(
    site: Site,  # noqa: F811
    case: str,
    action: str,
    payload: dict[str, Any],
) -> None:
    async with site.station("CP1", "1.6") as station:
        assert await station.ask(action, payload) == {}
    kept = await site.system.store.history.notifications(SID, limit=100)
    assert payload in [note.payload for note in kept if note.action == action], case
