"""2.1 stations: setpoints as leases, discharge, droop against a frequency that the fleet moves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from charger_sim.scenario import Event, FrequencySpec
from charger_sim.swarm import Swarm

from .conftest import one_station, play
from .fake_csms import FakeCsms, Session
from .test_lifecycle import tx_id

DROOP = {
    "isDefault": True,
    "controlId": "droop",
    "controlType": "FreqDroop",
    "freqDroop": {
        "priority": 0, "overFreq": 50.02, "underFreq": 49.98,
        "overDroop": 0.01, "underDroop": 0.01, "responseTime": 0.5,
    },
}  # fmt: skip


def dynamic(csms: FakeCsms, setpoint_w: float, duration: int) -> dict[str, Any]:
    period = {"startPeriod": 0, "operationMode": "CentralSetpoint", "setpoint": setpoint_w}
    return {
        "evseId": 1,
        "chargingProfile": {
            "id": 5,
            "stackLevel": 1,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Dynamic",
            "transactionId": tx_id(csms, "2.1"),
            "chargingSchedule": [
                {
                    "id": 1,
                    "duration": duration,
                    "chargingRateUnit": "W",
                    "chargingSchedulePeriod": [period],
                }
            ],
        },
    }


def safe_default(limit_w: float) -> dict[str, Any]:
    return {
        "evseId": 0,
        "chargingProfile": {
            "id": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": [
                {
                    "id": 1,
                    "chargingRateUnit": "W",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_w}],
                }
            ],
        },
    }


def test_setpoint_discharges_then_falls_back_when_the_lease_ends() -> None:
    power: list[float] = []

    async def script(csms: FakeCsms, swarm: Swarm) -> None:
        evse = swarm.stations["CS-1"].evses[1]
        await asyncio.sleep(1)
        await csms.call("CS-1", "SetChargingProfile", safe_default(6_000.0))
        await asyncio.sleep(9)
        reply = await csms.call("CS-1", "SetChargingProfile", dynamic(csms, -20e3, 5))
        assert reply[2]["status"] == "Accepted"
        for update in ({"setpoint": -30_000.0}, {"setpoint": 8_000.0}):
            await asyncio.sleep(3)
            power.append(evse.power_w)
            message = {"chargingProfileId": 5, "scheduleUpdate": update}
            assert (await csms.call("CS-1", "UpdateDynamicSchedule", message))[2] == {
                "status": "Accepted"
            }
        await asyncio.sleep(3)
        power.append(evse.power_w)
        await asyncio.sleep(5)
        power.append(evse.power_w)
        message = {"chargingProfileId": 1, "scheduleUpdate": {"setpoint": 1.0}}
        frame = await csms.call("CS-1", "UpdateDynamicSchedule", message)
        assert frame[2]["statusInfo"]["reasonCode"] == "InvalidProfile"

    csms, swarm, summary = play(one_station("2.1"), script)
    assert power == [-20e3, -30e3, 8e3, 6e3]
    assert summary.v2g_energy_wh == pytest.approx((20e3 + 30e3) * 3 / 3600, rel=0.1)
    (record,) = swarm.transactions()
    assert record.exported_wh == pytest.approx(summary.v2g_energy_wh)
    modes = {
        e["transactionInfo"]["operationMode"] for e in csms.sessions["CS-1"].of("TransactionEvent")
    }
    assert modes == {"ChargingOnly", "CentralSetpoint"}


def test_energy_transfer_without_bpt_forbids_discharge() -> None:
    power: list[float] = []

    async def script(csms: FakeCsms, swarm: Swarm) -> None:
        await asyncio.sleep(10)
        allowed = {"transactionId": tx_id(csms, "2.1"), "allowedEnergyTransfer": ["DC"]}
        await csms.call("CS-1", "NotifyAllowedEnergyTransfer", allowed)
        await csms.call("CS-1", "SetChargingProfile", dynamic(csms, -20e3, 60))
        await asyncio.sleep(3)
        power.append(swarm.stations["CS-1"].evses[1].power_w)

    play(one_station("2.1"), script)
    assert power == [0.0]


def test_pulls_updates_when_told_to() -> None:
    setpoints = iter(range(1_000, 100_000, 1_000))

    def pull(_session: Session, _payload: dict[str, Any]) -> dict[str, Any]:
        return {"status": "Accepted", "scheduleUpdate": {"setpoint": float(next(setpoints))}}

    async def script(csms: FakeCsms, swarm: Swarm) -> None:
        await asyncio.sleep(10)
        message = dynamic(csms, 0.0, 30)
        message["chargingProfile"]["dynUpdateInterval"] = 5
        await csms.call("CS-1", "SetChargingProfile", message)
        await asyncio.sleep(17)
        assert swarm.stations["CS-1"].evses[1].power_w == 3_000.0

    csms, _, _ = play(one_station("2.1"), script, PullDynamicScheduleUpdate=pull)
    assert len(csms.sessions["CS-1"].of("PullDynamicScheduleUpdate")) >= 3


def island(droop: bool) -> tuple[FakeCsms, Any]:
    scenario = one_station(
        "2.1",
        frequency=FrequencySpec(s_base_va=500e3),
        events=(Event(at_s=30.0, kind="generation_loss", power_w=50e3),),
    )

    async def script(csms: FakeCsms, swarm: Swarm) -> None:
        await asyncio.sleep(1)
        await csms.call("CS-1", "SetChargingProfile", safe_default(5_000.0))
        if droop:
            assert (await csms.call("CS-1", "SetDERControl", DROOP))[2]["status"] == "Accepted"
            request = {"requestId": 3, "controlId": "droop"}
            assert (await csms.call("CS-1", "GetDERControl", request))[2]["status"] == "Accepted"

    csms, _, summary = play(scenario, script)
    return csms, summary


def test_droop_of_the_station_raises_the_nadir_by_itself() -> None:
    csms, with_droop = island(droop=True)
    _, without = island(droop=False)
    assert with_droop.frequency_nadir_hz > without.frequency_nadir_hz + 0.1
    assert with_droop.v2g_energy_wh > 0.0
    assert without.v2g_energy_wh == 0.0
    assert with_droop.droop_peak_w > 20e3
    session = csms.sessions["CS-1"]
    (report,) = session.of("ReportDERControl")
    assert report["freqDroop"][0] == {
        "id": "droop",
        "isDefault": True,
        "isSuperseded": False,
        "freqDroop": DROOP["freqDroop"],
    }
    alarm = session.of("NotifyDERAlarm")[0]
    assert (alarm["gridEventFault"], alarm["alarmEnded"]) == ("UnderFrequency", False)


def test_nadir_without_ev_is_that_of_the_bare_system() -> None:
    _, summary = island(droop=False)
    assert summary.frequency_nadir_without_ev_hz == pytest.approx(50 - 0.64991 * 50 / 60, abs=1e-3)
