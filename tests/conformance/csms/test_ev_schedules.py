"""OCPP test cases TC_K_53 to TC_K_59: cars that negotiate their schedule over ISO 15118 (K15, K16, K17).

Each row: version, what the car tells it needs, and how many periods its schedule may have.
"""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.commands import SetChargingProfile
from csms.domain.profile import ChargingProfile, Kind, Period, Purpose, RateUnit
from csms.ids import StationId, TransactionId
from tests.integration.whole_system.conftest import site  # noqa: F401 a fixture
from tests.integration.whole_system.site import RawStation, Site

SID, TX = StationId("CS1"), TransactionId("T1")
AC = {
    "requestedEnergyTransfer": "AC_three_phase",
    "acChargingParameters": {
        "energyAmount": 20_000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 230,
    },
}  # fmt: skip
DC = {
    "requestedEnergyTransfer": "DC",
    "dcChargingParameters": {"evMaxCurrent": 125, "evMaxVoltage": 400, "evMaxPower": 50_000},
}
CARS = [
    pytest.param("2.0.1", AC, 16.0, id="2.0.1 AC"),
    pytest.param("2.0.1", DC, 72.4, id="2.0.1 DC"),
    pytest.param("2.1", AC, 16.0, id="2.1 AC"),
    pytest.param("2.1", DC, 72.4, id="2.1 DC"),
]
"""The station tells no RateUnit, so limits are amperes a phase: 11,040 W, and 50 kW rounded down."""


async def plug_in(station: RawStation) -> None:
    """States Authorized and EVConnectedPreSession."""
    await station.ask("TransactionEvent", {
        "eventType": "Started", "timestamp": "2026-01-01T00:00:00Z", "triggerReason": "CablePluggedIn", "seqNo": 0,
        "transactionInfo": {"transactionId": TX, "chargingState": "EVConnected"},
        "evse": {"id": 1, "connectorId": 1},
    })  # fmt: skip


async def charge(station: RawStation, seq_no: int) -> None:
    await station.ask("TransactionEvent", {
        "eventType": "Updated", "timestamp": f"2026-01-01T00:00:{seq_no:02}Z", "triggerReason": "ChargingStateChanged",
        "seqNo": seq_no, "transactionInfo": {"transactionId": TX, "chargingState": "Charging"},
    })  # fmt: skip


async def tell_needs(station: RawStation, needs: dict[str, Any]) -> None:
    told = {"evseId": 1, "maxScheduleTuples": 12, "chargingNeeds": needs}
    assert (await station.ask("NotifyEVChargingNeeds", told))["status"] == "Accepted"


async def offered(station: RawStation, n: int) -> dict[str, Any]:
    """The ``n``-th SetChargingProfile: a TxProfile for this transaction at this EVSE (K15.FR.07)."""
    request = await station.asked_for("SetChargingProfile", n)
    profile = request["chargingProfile"]
    assert request["evseId"] == 1
    assert profile["chargingProfilePurpose"] == "TxProfile"
    assert profile["transactionId"] == TX
    (schedule,) = profile["chargingSchedule"]  # K15.FR.18
    assert 1 <= len(schedule["chargingSchedulePeriod"]) <= 12
    return dict(schedule)


async def choose(station: RawStation, schedule: dict[str, Any], *, more: float = 0.0) -> str:
    """NotifyEVChargingSchedule of the schedule that was offered, or of so much more in each period."""
    periods = [{**p, "limit": p["limit"] + more} for p in schedule["chargingSchedulePeriod"]]
    told = {
        "timeBase": schedule["startSchedule"],
        "evseId": 1,
        "chargingSchedule": {**schedule, "chargingSchedulePeriod": periods},
    }
    return str((await station.ask("NotifyEVChargingSchedule", told))["status"])


@pytest.mark.parametrize(("version", "needs", "limit"), CARS)
async def test_tc_k_53_success(
    site: Site,  # noqa: F811
    version: str,
    needs: dict[str, Any],
    limit: float,
) -> None:
    """K15.FR.02, .03, .07, .11."""
    async with site.station("CS1", version) as station:
        await plug_in(station)
        await tell_needs(station, needs)
        schedule = await offered(station, 1)
        assert [p["limit"] for p in schedule["chargingSchedulePeriod"]] == [limit]
        assert await choose(station, schedule) == "Accepted"
        await charge(station, 1)


@pytest.mark.parametrize(("version", "needs", "limit"), CARS)
async def test_tc_k_55_schedule_exceeds_limits(
    site: Site,  # noqa: F811
    version: str,
    needs: dict[str, Any],
    limit: float,
) -> None:
    """K15.FR.12, .13, K16.FR.07, .08."""
    async with site.station("CS1", version) as station:
        await plug_in(station)
        await tell_needs(station, needs)
        assert await choose(station, await offered(station, 1), more=1.0) == "Rejected"
        await charge(station, 1)
        again = await offered(station, 2)
        assert [p["limit"] for p in again["chargingSchedulePeriod"]] == [limit]
        assert await choose(station, again) == "Accepted"
        await charge(station, 2)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_tc_k_57_renegotiation_by_the_car(site: Site, version: str) -> None:  # noqa: F811
    """K17.FR.02, .03, .07, .11: what a car tells later replaces what it told first."""
    slower = {**AC, "acChargingParameters": {**AC["acChargingParameters"], "evMaxCurrent": 10}}  # type: ignore[dict-item]
    async with site.station("CS1", version) as station:
        await plug_in(station)
        await tell_needs(station, AC)
        assert await choose(station, await offered(station, 1)) == "Accepted"
        await charge(station, 1)
        await tell_needs(station, slower)
        schedule = await offered(station, 2)
        assert [p["limit"] for p in schedule["chargingSchedulePeriod"]] == [10.0]
        assert await choose(station, schedule) == "Accepted"


async def lower(site: Site) -> None:  # noqa: F811
    """An operator's own profile, above the negotiated one."""
    profile = ChargingProfile(
        profile_id=7, stack_level=2, purpose=Purpose.TX, kind=Kind.ABSOLUTE, unit=RateUnit.A,
        start=site.system.clock.now(), transaction_id=TX,
        periods=(Period(limit=8.0), Period(start_s=600, limit=12.0)),
    )  # fmt: skip
    command = SetChargingProfile(evse_id=1, profile=profile)
    record = await site.system.desk.submit(SID, command, issued_by="operator:test")
    await site.system.desk.finished(record.command_id)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_tc_k_58_renegotiation_by_the_csms(site: Site, version: str) -> None:  # noqa: F811
    """K16.FR.06, .07: judged by the new profile, not by the first."""
    async with site.station("CS1", version) as station:
        await plug_in(station)
        await tell_needs(station, AC)
        first = await offered(station, 1)
        assert await choose(station, first) == "Accepted"
        await charge(station, 1)
        await lower(site)
        schedule = await offered(station, 2)
        assert await choose(station, schedule) == "Accepted"
        assert await choose(station, first) == "Rejected"


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_tc_k_59_renegotiation_by_the_csms_with_needs(site: Site, version: str) -> None:  # noqa: F811
    """K16.FR.12: a station that tells the needs again gets a profile again."""
    async with site.station("CS1", version) as station:
        await plug_in(station)
        await tell_needs(station, AC)
        assert await choose(station, await offered(station, 1)) == "Accepted"
        await charge(station, 1)
        await lower(site)
        schedule = await offered(station, 2)
        await tell_needs(station, AC)
        await offered(station, 3)
        assert await choose(station, schedule) == "Accepted"


async def test_without_a_transaction_there_is_nothing_to_offer(site: Site) -> None:  # noqa: F811
    """K15.FR.04."""
    async with site.station("CS1") as station:
        told = {"evseId": 1, "chargingNeeds": AC}
        assert (await station.ask("NotifyEVChargingNeeds", told))["status"] == "Rejected"
