"""A station of each version from boot to the end of a transaction; every frame is schema-valid."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from charger_sim.clock import iso
from charger_sim.swarm import Swarm

from .conftest import one_station, play
from .fake_csms import FakeCsms, Session


def tx_id(csms: FakeCsms, version: str) -> Any:
    if version == "1.6":
        return 1
    return csms.sessions["CS-1"].of("TransactionEvent")[0]["transactionInfo"]["transactionId"]


def set_profile(
    csms: FakeCsms, version: str, limit_w: float, *, duration: int, stack: int = 0, id_: int = 1
) -> tuple[str, dict[str, Any]]:
    schedule = {
        "startSchedule": iso(csms.clock.now()),
        "duration": duration,
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_w}],
    }
    profile: dict[str, Any] = {
        "stackLevel": stack,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "transactionId": tx_id(csms, version),
    }
    if version == "1.6":
        profile |= {"chargingProfileId": id_, "chargingSchedule": schedule}
        return "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile}
    profile |= {"id": id_, "chargingSchedule": [{"id": 1, **schedule}]}
    return "SetChargingProfile", {"evseId": 1, "chargingProfile": profile}


def test_boots_charges_meters_each_second_and_stops(version: str) -> None:
    csms, swarm, summary = play(one_station(version, visit={"leave_s": 40.0}))
    session = csms.sessions["CS-1"]
    assert [a for a, _ in session.received[:2]] == ["BootNotification", "StatusNotification"]
    (record,) = swarm.transactions()
    assert record.ended is not None
    assert record.energy_wh == pytest.approx(summary.energy_delivered_wh)
    # 50 kW from the end of the handshake (2 s after plugging at 3 s) to 40 s
    assert record.energy_wh == pytest.approx(50e3 * 35 / 3600, rel=0.03)
    if version == "1.6":
        (start,), (stop,) = session.of("StartTransaction"), session.of("StopTransaction")
        assert stop["meterStop"] - start["meterStart"] == round(record.energy_wh)
        assert (stop["transactionId"], stop["reason"]) == (1, "EVDisconnected")
        assert 35 <= len(session.of("MeterValues")) <= 38
        statuses = [s["status"] for s in session.of("StatusNotification")]
        assert statuses == ["Available", "Preparing", "Charging", "Finishing", "Available"]
    else:
        events = session.of("TransactionEvent")
        assert [e["seqNo"] for e in events] == list(range(len(events)))
        assert (events[0]["eventType"], events[-1]["eventType"]) == ("Started", "Ended")
        assert {e["transactionInfo"]["transactionId"] for e in events} == {record.transaction_id}
        periodic = [e for e in events if e["triggerReason"] == "MeterValuePeriodic"]
        assert 35 <= len(periodic) <= 38
        assert not any(e["offline"] for e in events)
        last = {s["measurand"]: s["value"] for s in events[-1]["meterValue"][0]["sampledValue"]}
        assert last["Energy.Active.Import.Register"] == pytest.approx(record.energy_wh, abs=0.01)


def test_follows_a_profile_until_its_duration_ends(version: str) -> None:
    seen: dict[str, float] = {}

    async def script(csms: FakeCsms, swarm: Swarm) -> None:
        await asyncio.sleep(10)
        evse = swarm.stations["CS-1"].evses[1]
        seen["free"] = evse.power_w
        reply = await csms.call("CS-1", *set_profile(csms, version, 20_000.0, duration=10))
        assert reply[2]["status"] == "Accepted"
        await asyncio.sleep(5)
        seen["limited"] = evse.power_w
        where = {"connectorId": 1} if version == "1.6" else {"evseId": 1}
        schedule = await csms.call("CS-1", "GetCompositeSchedule", {"duration": 60, **where})
        answer = schedule[2]["chargingSchedule" if version == "1.6" else "schedule"]
        seen["reported"] = answer["chargingSchedulePeriod"][0]["limit"]
        await asyncio.sleep(7)
        seen["after"] = evse.power_w

    play(one_station(version), script)
    assert seen == {"free": 50e3, "limited": 20e3, "reported": 20e3, "after": 50e3}


def test_ac_car_pauses_below_six_amperes(version: str) -> None:
    power: list[float] = []

    async def script(csms: FakeCsms, swarm: Swarm) -> None:
        await asyncio.sleep(10)
        for limit_w in (5_000.0, 3_600.0):  # 6 A on three phases are 3.78 kW at 0.913 pu
            await csms.call("CS-1", *set_profile(csms, version, limit_w, duration=100))
            await asyncio.sleep(3)
            power.append(swarm.stations["CS-1"].evses[1].power_w)

    csms, _, _ = play(one_station(version, kind="AC"), script)
    assert power == [5_000.0, 0.0]
    session = csms.sessions["CS-1"]
    if version == "1.6":
        assert session.of("StatusNotification")[-1]["status"] == "SuspendedEVSE"
    else:
        assert session.of("TransactionEvent")[-1]["transactionInfo"]["chargingState"] == (
            "SuspendedEVSE"
        )


def test_remote_stop_and_start(version: str) -> None:
    async def script(csms: FakeCsms, _swarm: Swarm) -> None:
        await asyncio.sleep(10)
        if version == "1.6":
            stop, start = "RemoteStopTransaction", "RemoteStartTransaction"
            start_payload: dict[str, Any] = {"idTag": "DRIVER", "connectorId": 1}
        else:
            stop, start = "RequestStopTransaction", "RequestStartTransaction"
            token = {"idToken": "DRIVER", "type": "Central"}
            start_payload = {"idToken": token, "remoteStartId": 77, "evseId": 1}
        current = {"transactionId": tx_id(csms, version)}
        assert (await csms.call("CS-1", stop, current))[2]["status"] == "Accepted"
        await asyncio.sleep(3)
        assert (await csms.call("CS-1", stop, current))[2]["status"] == "Rejected"
        assert (await csms.call("CS-1", start, start_payload))[2]["status"] == "Accepted"

    csms, swarm, _ = play(one_station(version), script)
    first, second = swarm.transactions()
    assert first.ended is not None
    assert second.id_token == "DRIVER"
    session = csms.sessions["CS-1"]
    if version == "1.6":
        assert session.of("StopTransaction")[0]["reason"] == "Remote"
    else:
        started = [e for e in session.of("TransactionEvent") if e["eventType"] == "Started"]
        assert started[1]["transactionInfo"]["remoteStartId"] == 77


def test_pending_station_boots_again_and_keeps_silent(version: str) -> None:
    booted: list[float] = []

    def boot(session: Session, _payload: dict[str, Any]) -> dict[str, Any]:
        booted.append(asyncio.get_running_loop().time())
        status = "Pending" if len(booted) < 3 else "Accepted"
        return {"status": status, "currentTime": "2026-03-01T12:00:00Z", "interval": 7}

    csms, _, _ = play(one_station(version, visit={"arrival_s": 20.0}), BootNotification=boot)
    assert booted == pytest.approx([0.0, 7.0, 14.0], abs=0.1)
    assert [a for a, _ in csms.sessions["CS-1"].received[:3]] == ["BootNotification"] * 3


def test_reset_ends_the_transaction_and_boots_again(version: str) -> None:
    async def script(csms: FakeCsms, _swarm: Swarm) -> None:
        await asyncio.sleep(10)
        kind = "Hard" if version == "1.6" else "Immediate"
        assert (await csms.call("CS-1", "Reset", {"type": kind}))[2]["status"] == "Accepted"

    csms, _, _ = play(one_station(version), script)
    session = csms.sessions["CS-1"]
    assert csms.connects["CS-1"] == 2
    assert len(session.of("BootNotification")) == 2
    if version == "1.6":
        assert session.of("StopTransaction")[0]["reason"] == "HardReset"
    else:
        ended = session.of("TransactionEvent")[-1]
        assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"
        assert session.of("BootNotification")[1]["reason"] == "RemoteReset"


def test_unknown_and_unsupported_actions_are_told_apart(version: str) -> None:
    codes: list[str] = []

    async def script(csms: FakeCsms, _swarm: Swarm) -> None:
        await asyncio.sleep(1)
        frame = await csms.call("CS-1", "GetLocalListVersion", {})
        codes.append(frame[2])

    play(one_station(version), script)
    assert codes == ["NotSupported"]


def test_refused_token_starts_nothing(version: str) -> None:
    info = {"idTagInfo": {"status": "Invalid"}, "idTokenInfo": {"status": "Invalid"}}
    key = "idTagInfo" if version == "1.6" else "idTokenInfo"
    _, swarm, summary = play(one_station(version), Authorize=lambda *_: {key: info[key]})
    assert swarm.transactions() == []
    assert summary.energy_delivered_wh == 0.0
