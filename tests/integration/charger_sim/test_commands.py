"""The remaining commands, answered faithfully; the judge in the fake checks every answer."""

from __future__ import annotations

import asyncio
from typing import Any

from charger_sim.swarm import Swarm

from .conftest import one_station, play
from .fake_csms import FakeCsms


def ask_all(version: str, calls: list[tuple[str, dict[str, Any]]], at_s: float = 10.0) -> Any:
    """Plays the calls one after another; returns the answers and what the station sent."""
    answers: list[dict[str, Any]] = []

    async def script(csms: FakeCsms, _swarm: Swarm) -> None:
        await asyncio.sleep(at_s)
        for action, payload in calls:
            frame = await csms.call("CS-1", action, payload)
            assert frame[0] == 3, frame
            answers.append(frame[2])
            await asyncio.sleep(0.5)

    csms, swarm, _ = play(one_station(version), script)
    return answers, csms.sessions["CS-1"], swarm.stations["CS-1"]


def test_configuration_of_16() -> None:
    (read, unknown, changed, fixed, odd), session, _ = ask_all(
        "1.6",
        [
            ("GetConfiguration", {}),
            ("GetConfiguration", {"key": ["NumberOfConnectors", "Nonsense"]}),
            ("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "5"}),
            ("ChangeConfiguration", {"key": "NumberOfConnectors", "value": "5"}),
            ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "soon"}),
        ],
    )
    keys = {k["key"]: k for k in read["configurationKey"]}
    assert keys["ChargingScheduleAllowedChargingRateUnit"]["value"] == "Current,Power"
    assert unknown["unknownKey"] == ["Nonsense"]
    assert [changed["status"], fixed["status"], odd["status"]] == [
        "Accepted", "Rejected", "Rejected",
    ]  # fmt: skip
    assert 14 <= len(session.of("MeterValues")) <= 20  # 1 s until changed, then 5 s


def test_device_model_of_2x() -> None:
    interval = {
        "component": {"name": "SampledDataCtrlr"},
        "variable": {"name": "TxUpdatedInterval"},
    }
    rows = [
        interval,
        {"component": {"name": "Nonsense"}, "variable": {"name": "X"}},
        {"component": {"name": "SampledDataCtrlr"}, "variable": {"name": "X"}},
        {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}},
    ]
    for version in ("2.0.1", "2.1"):
        (read, written, report), session, _ = ask_all(
            version,
            [
                ("GetVariables", {"getVariableData": rows}),
                ("SetVariables", {"setVariableData": [{**r, "attributeValue": "5"} for r in rows]}),
                ("GetBaseReport", {"requestId": 9, "reportBase": "FullInventory"}),
            ],
        )
        found = [r["attributeStatus"] for r in read["getVariableResult"]]
        assert found == ["Accepted", "UnknownComponent", "UnknownVariable", "Accepted"]
        set_ = [r["attributeStatus"] for r in written["setVariableResult"]]
        assert set_ == ["Accepted", "UnknownComponent", "UnknownVariable", "Rejected"]
        assert report == {"status": "Accepted"}
        reports = session.of("NotifyReport")
        assert [r["tbc"] for r in reports] == [True] * (len(reports) - 1) + [False]
        names = {
            (d["component"]["name"], d["variable"]["name"])
            for r in reports
            for d in r["reportData"]
        }
        v2x = ("V2XChargingCtrlr", "SupportedOperationModes")
        assert (v2x in names) == (version == "2.1")


def test_availability_during_a_transaction_waits_for_its_end(version: str) -> None:
    if version == "1.6":
        change: dict[str, Any] = {"connectorId": 1, "type": "Inoperative"}
        stop = ("RemoteStopTransaction", {"transactionId": 1})
        (first, _), session, _ = ask_all(version, [("ChangeAvailability", change), stop])
        assert session.of("StatusNotification")[-1]["status"] == "Unavailable"
    else:
        change = {"operationalStatus": "Inoperative", "evse": {"id": 1}}
        (first,), session, station = ask_all(version, [("ChangeAvailability", change)])
        assert station.evses[1].operative
        assert session.of("StatusNotification")[-1]["connectorStatus"] == "Occupied"
    assert first["status"] == "Scheduled"


def test_trigger_message_sends_what_was_asked(version: str) -> None:
    asked = ["BootNotification", "Heartbeat", "StatusNotification", "MeterValues"]
    calls = [("TriggerMessage", {"requestedMessage": name}) for name in asked]
    other = "DiagnosticsStatusNotification" if version == "1.6" else "LogStatusNotification"
    answers, session, _ = ask_all(
        version, [*calls, ("TriggerMessage", {"requestedMessage": other})]
    )
    assert [a["status"] for a in answers] == ["Accepted"] * 4 + ["NotImplemented"]
    assert len(session.of("BootNotification")) == 2
    assert len(session.of("Heartbeat")) == 1
    contexts = {
        s["context"] for m in session.of("MeterValues") for v in m["meterValue"]
        for s in v["sampledValue"]
    }  # fmt: skip
    assert "Trigger" in contexts


def test_profiles_can_be_read_back_and_cleared() -> None:
    profile = {
        "id": 3,
        "stackLevel": 2,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [
            {
                "id": 1,
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0, "numberPhases": 3}],
            }
        ],
    }
    query = {"requestId": 4, "chargingProfile": {"chargingProfilePurpose": "TxDefaultProfile"}}
    clear = {"chargingProfileCriteria": {"chargingProfilePurpose": "TxDefaultProfile"}}
    answers, session, _ = ask_all(
        "2.0.1",
        [
            ("SetChargingProfile", {"evseId": 0, "chargingProfile": profile}),
            ("GetChargingProfiles", query),
            ("ClearChargingProfile", clear),
            ("ClearChargingProfile", clear),
            ("GetChargingProfiles", query),
        ],
    )
    assert [a["status"] for a in answers] == [
        "Accepted", "Accepted", "Accepted", "Unknown", "NoProfiles",
    ]  # fmt: skip
    (report,) = session.of("ReportChargingProfiles")
    assert report["chargingProfile"] == [profile]


def test_data_transfer_and_unlock(version: str) -> None:
    where = {"connectorId": 1} if version == "1.6" else {"evseId": 1, "connectorId": 1}
    (transfer, unlock), _, _ = ask_all(
        version, [("DataTransfer", {"vendorId": "x"}), ("UnlockConnector", where)]
    )
    assert transfer["status"] == "UnknownVendorId"
    expected = "Unlocked" if version == "1.6" else "OngoingAuthorizedTransaction"
    assert unlock["status"] == expected
