"""OCPP 2.0.1 test cases for a CSMS, by their ids, over the real gateway, services and store.

Each row: test case, requirement ids, what we tell the station, and what must come out.
"""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.commands import (
    ChangeAvailability,
    Command,
    GetCompositeSchedule,
    GetVariables,
    RemoteStart,
    RemoteStop,
    Reset,
    SetVariable,
    SetVariables,
    Trigger,
    UnlockConnector,
    VariableRef,
)
from csms.domain.values import IdToken
from csms.ids import StationId, TransactionId
from tests.integration.whole_system.conftest import site  # noqa: F401 a fixture
from tests.integration.whole_system.site import NOW, Refused, Site

SID = StationId("CS1")
REF = VariableRef(component="OCPPCommCtrlr", variable="HeartbeatInterval")
TOKEN = IdToken(value="TAG", kind="Central")

COMMANDS: list[tuple[str, str, Command, str, dict[str, Any]]] = [
    (
        "TC_B_06", "B06.FR.01", GetVariables(variables=(REF,)), "GetVariables",
        {"getVariableData": [{"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}]},
    ),
    (
        "TC_B_09", "B05.FR.01", SetVariables(values=(SetVariable(ref=REF, value="60"),)), "SetVariables",
        {"setVariableData": [{"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"},
                              "attributeValue": "60"}]},
    ),
    ("TC_B_20", "B11.FR.04", Reset(), "Reset", {"type": "OnIdle"}),
    ("TC_B_22", "B12", Reset(immediate=True), "Reset", {"type": "Immediate"}),
    ("TC_B_25", "B11.FR.04", Reset(evse_id=1), "Reset", {"type": "OnIdle", "evseId": 1}),
    ("TC_F_01", "F01", RemoteStart(token=TOKEN, evse_id=1, remote_start_id=7), "RequestStartTransaction",
     {"evseId": 1, "remoteStartId": 7, "idToken": {"idToken": "TAG", "type": "Central"}}),
    ("TC_E_21", "F03.FR.01", RemoteStop(transaction_id=TransactionId("T1")), "RequestStopTransaction",
     {"transactionId": "T1"}),
    ("TC_F_06", "F05", UnlockConnector(evse_id=1), "UnlockConnector", {"evseId": 1, "connectorId": 1}),
    ("TC_F_20", "F06.FR.01", Trigger(message="Heartbeat"), "TriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("TC_F_11", "F06.FR.02", Trigger(message="MeterValues", evse_id=1), "TriggerMessage",
     {"requestedMessage": "MeterValues", "evse": {"id": 1}}),
    ("TC_G_03", "G03", ChangeAvailability(operative=False, evse_id=1), "ChangeAvailability",
     {"operationalStatus": "Inoperative", "evse": {"id": 1}}),
    ("TC_G_04", "G03", ChangeAvailability(operative=True, evse_id=1), "ChangeAvailability",
     {"operationalStatus": "Operative", "evse": {"id": 1}}),
    ("TC_G_05", "G04", ChangeAvailability(operative=False), "ChangeAvailability",
     {"operationalStatus": "Inoperative"}),
    ("TC_K_43", "K08.FR.01", GetCompositeSchedule(evse_id=1, duration_s=300), "GetCompositeSchedule",
     {"evseId": 1, "duration": 300}),
    ("TC_K_44", "K08.FR.01", GetCompositeSchedule(evse_id=0, duration_s=300), "GetCompositeSchedule",
     {"evseId": 0, "duration": 300}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "action", "payload"),
    [pytest.param(*row[2:], id=f"{row[0]} {row[1]}") for row in COMMANDS],
)
async def test_command(
    site: Site,  # noqa: F811
    command: Command,
    action: str,
    payload: dict[str, Any],
) -> None:
    """The request on the wire is the one that the case expects, and its acceptance is recorded."""
    async with site.station("CS1") as station:
        # onboarding asks on its own as well: only what follows counts
        n_before = len(station.asked)
        record = await site.system.desk.submit(SID, command, issued_by="test")
        final = await site.system.desk.finished(record.command_id, within_s=60)
        assert (action, payload) in station.asked[n_before:]
        if action not in ("GetVariables", "GetCompositeSchedule"):
            assert final.state == "accepted"


@pytest.mark.parametrize(
    ("case", "status"),
    [
        ("TC_C_02 C01.FR.07", "Unknown"),
        ("TC_C_06 C01.FR.07", "Blocked"),
        ("TC_C_07 C01.FR.07", "Expired"),
        ("TC_C_08 C12.FR.03", "Accepted"),
    ],
)
async def test_authorize(site: Site, case: str, status: str) -> None:  # noqa: F811
    """A token is answered with its own standing; one that is in no list is Unknown."""
    if status != "Unknown":
        await site.know_token("TAG", status)
    async with site.station("CS1") as station:
        answer = await station.ask("Authorize", {"idToken": {"idToken": "TAG", "type": "ISO14443"}})
    assert answer["idTokenInfo"]["status"] == status, case


async def test_tc_b_01_cold_boot(site: Site) -> None:  # noqa: F811
    """B01.FR.02: accepted with the time and an interval; then the station may speak."""
    async with site.station("CS1", boot=False) as station:
        with pytest.raises(Refused, match="SecurityError"):  # TC_B_30: B02.FR.09, B03.FR.07
            await station.ask("Heartbeat", {})
        answer = await station.ask(
            "BootNotification",
            {"reason": "PowerUp", "chargingStation": {"vendorName": "M", "model": "O"}},
        )
        assert answer["status"] == "Accepted"
        assert answer["interval"] > 0
        assert answer["currentTime"].endswith("Z")
        assert "currentTime" in await station.ask("Heartbeat", {})


async def test_tc_e_03_and_j_07_to_10_a_transaction(site: Site) -> None:  # noqa: F811
    """E01-E06, J02.FR.19: told by events, kept with its energy, whatever starts and stops it."""
    await site.know_token("TAG")

    def event(phase: str, seq_no: int, wh: float, **info: Any) -> dict[str, Any]:
        return {
            "eventType": phase,
            "timestamp": f"2026-01-01T00:0{seq_no}:00Z",
            "triggerReason": "Authorized",
            "seqNo": seq_no,
            "transactionInfo": {"transactionId": "T1", **info},
            "evse": {"id": 1, "connectorId": 1},
            "meterValue": [
                {
                    "timestamp": f"2026-01-01T00:0{seq_no}:00Z",
                    "sampledValue": [{"value": wh, "measurand": "Energy.Active.Import.Register"}],
                }
            ],
        }

    async with site.station("CS1") as station:
        started = event("Started", 0, 100.0) | {"idToken": {"idToken": "TAG", "type": "ISO14443"}}
        answer = await station.ask("TransactionEvent", started)
        assert answer["idTokenInfo"]["status"] == "Accepted"
        await station.ask("TransactionEvent", event("Updated", 1, 150.0, chargingState="Charging"))
        await station.ask(
            "TransactionEvent", event("Ended", 2, 200.0, stoppedReason="EVDisconnected")
        )
        # TC_E_16, E06.FR.04: an invalid token is answered as such, and what it charged is recorded
        stranger = event("Started", 3, 200.0) | {
            "idToken": {"idToken": "STRANGER", "type": "ISO14443"}
        }
        stranger["transactionInfo"] = {"transactionId": "T2"}
        answer = await station.ask("TransactionEvent", stranger)
        assert answer["idTokenInfo"]["status"] == "Unknown"
    known = await site.system.store.history.transaction(SID, TransactionId("T1"))
    assert known is not None
    assert (known.energy_wh, known.stopped_reason) == (100.0, "EVDisconnected")
    assert known.missing_seq_nos == ()
    assert await site.system.store.history.transaction(SID, TransactionId("T2")) is not None


async def test_tc_g_20_a_lock_failure_is_kept(site: Site) -> None:  # noqa: F811
    """G05.FR.03: acknowledged without conditions."""
    async with site.station("CS1") as station:
        answer = await station.ask(
            "NotifyEvent",
            {
                "generatedAt": NOW,
                "seqNo": 0,
                "eventData": [
                    {
                        "eventId": 1,
                        "timestamp": NOW,
                        "trigger": "Alerting",
                        "actualValue": "true",
                        "eventNotificationType": "HardWiredNotification",
                        "component": {"name": "ConnectorPlugRetentionLock"},
                        "variable": {"name": "Problem"},
                    }
                ],
            },
        )
    assert answer == {}


async def test_tc_p_02_unknown_vendor(site: Site) -> None:  # noqa: F811
    """P02.FR.06: data of a vendor that nobody here knows is declined by that word."""
    async with site.station("CS1") as station:
        answer = await station.ask("DataTransfer", {"vendorId": "tld.nobody"})
    assert answer["status"] in ("UnknownVendorId", "Rejected")
