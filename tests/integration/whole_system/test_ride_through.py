"""Ride-through installed over OCPP and obeyed: trips, returns and their effect on the system they stand in."""

from __future__ import annotations

import asyncio
import secrets
from itertools import pairwise
from random import Random
from typing import Any

import httpx
import pytest

from charger_sim.swarm import Swarm
from charger_sim.transport import websocket_connector
from csms.bootstrap import CentralSystem
from csms.cli.demo.plant import plant_feeder
from csms.cli.demo.site import station_records
from csms.cli.surface import Surface
from csms.clock import SystemClock
from csms.grid.feeder_file import load_feeder
from csms.ids import StationId
from csms.services.api_keys import ApiKeys, Role
from csms.store import open_store
from tests.integration.whole_system.excursion import (
    Course,
    in_virtual_time,
    mismatches,
    scenario,
    settings_for,
    watch,
)

ALIKE: dict[str, Any] = {
    "policy": "staggered", "under_trip_hz": (49.2, 49.2), "trip_delay_s": (0.2, 0.2),
    "return_hz": (49.8, 51.4), "return_delay_s": 5.0, "return_spread_s": 0.0, "soft_ramp_s": 0.0,
}  # fmt: skip
STAGGERED: dict[str, Any] = {
    "policy": "staggered",
    "return_hz": (49.8, 51.4),
    "soft_ramp_s": 0.0,
}
DROOP = {
    "under_freq_hz": 49.985, "over_freq_hz": 50.015, "droop_pu": 0.02, "response_time_s": 0.46,
}  # fmt: skip
N = 16


def course_of(
    ride_through: dict[str, Any], droop: dict[str, Any] | None = None, seconds: float = 14.0
) -> Course:
    wanted = scenario(N, at_s=10.0, duration_s=10.0 + seconds)
    return in_virtual_time(wanted, settings_for(wanted, ride_through=ride_through, droop=droop))


@pytest.mark.golden
def test_the_cascade_study_repeats_itself_with_chargers_under_installed_controls() -> None:
    """The figures of the study (1,000 vehicles, own model) by 16 simulated chargers led over OCPP 2.1."""
    none, droop = course_of({}), course_of({}, DROOP)
    alike, staggered = course_of(ALIKE, seconds=26.0), course_of(STAGGERED)
    assert min(none.f_hz) == pytest.approx(49.042, abs=0.02)
    assert min(alike.f_hz) == pytest.approx(49.002, abs=0.03)
    assert max(alike.f_hz) == pytest.approx(50.648, abs=0.02)
    assert min(staggered.f_hz) == pytest.approx(49.203, abs=0.03)
    assert min(droop.f_hz) == pytest.approx(49.534, abs=0.02)
    assert max(none.trips) == max(droop.trips) == 0
    assert min(alike.trips) >= 3  # a limit cycle
    assert max(staggered.trips) == 1
    assert 0 < sum(staggered.trips) < N
    assert set(alike.charging) == {0, N}  # all or none
    assert len(set(staggered.charging)) > 4
    assert not any(mismatches(alike, f"CS-{n:02d}") for n in range(N))


def test_droop_as_a_curve_of_the_profile_where_a_station_has_no_der_controls() -> None:
    """LocalFrequency (Q08): setpoint as baseline, droop as v2xFreqWattCurve, in the lease and in the safe default."""
    wanted = scenario(8, at_s=12.0, duration_s=24.0, der_controls=False)
    bare = in_virtual_time(wanted, settings_for(wanted, ride_through={}))
    led = in_virtual_time(wanted, settings_for(wanted, ride_through={}, droop=DROOP, dispatch=True))
    assert min(bare.f_hz) == pytest.approx(49.042, abs=0.02)
    assert min(led.f_hz) == pytest.approx(49.59, abs=0.03)  # no lag of a FreqDroop's response time
    assert led.system is not None
    state = led.system.fleet.station(StationId("CS-00"))
    assert not state.capabilities.der_controls
    assert (state.der.expected, state.der.mismatches) == ({}, ())
    commands = [f for e in led.system.messages.recent("CS-00", limit=500) for f in [e.frame]]
    (period,) = next(
        frame[3]["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"]
        for frame in commands
        if isinstance(frame, list) and frame[2] == "SetChargingProfile"
    )
    assert period["operationMode"] == "LocalFrequency"
    assert period["v2xBaseline"] > 0.0
    curve = [(p["frequency"], p["power"]) for p in period["v2xFreqWattCurve"]]
    assert curve == [(48.985, -50e3), (49.985, 0.0), (50.015, 0.0), (51.015, 50e3)]


def test_stations_that_cannot_are_led_through_their_setpoints() -> None:
    """1.6 and 2.0.1 know no trip curves: dispatch sheds and restores them in the policy's order."""
    wanted = scenario(
        8,
        versions=("1.6", "2.0.1"),
        at_s=20.0,
        duration_s=52.0,
        ev_share=0.08,
        loss_share=0.1,
        agc_per_s=0.5,
    )
    policy = {
        "policy": "staggered", "under_trip_hz": (49.2, 49.79), "return_hz": (49.8, 50.8),
        "return_delay_s": 5.0, "return_spread_s": 20.0, "soft_ramp_s": 2.0,
    }  # fmt: skip
    course = in_virtual_time(wanted, settings_for(wanted, ride_through=policy, dispatch=True))
    assert course.charging[0] == 8
    assert min(course.charging) == 3
    back = course.charging[course.charging.index(3) :]
    assert back == sorted(back)
    assert back[-1] == 8
    assert max(b - a for a, b in pairwise(back)) <= 2
    assert max(course.trips) == 0  # no charger tripped by itself


async def test_over_real_sockets_the_fleet_trips_returns_spread_and_tells_of_it(
    tmp_path: Any,
) -> None:
    n, at_s = 8, 7.0
    wanted = scenario(  # too small a fleet to move the frequency: the same course on any machine
        n, at_s=at_s, duration_s=17.0, ev_share=0.005, loss_share=0.12, agc_per_s=2.0
    )
    policy = {
        "policy": "staggered", "under_trip_hz": (49.6, 49.75), "trip_delay_s": (0.05, 0.15),
        "return_hz": (49.8, 51.4), "return_delay_s": 1.0, "return_spread_s": 4.0, "soft_ramp_s": 0.5,
    }  # fmt: skip
    settings = settings_for(wanted, ride_through=policy, port=0)
    store = await open_store(f"sqlite:///{tmp_path / 'csms.db'}")
    system = CentralSystem(settings, store, SystemClock(), Random(1), secrets.token_bytes)
    await store.journal.commit(*station_records(wanted, lambda _id: "", hashed=False))
    await system.start()
    surface = Surface(system)
    await surface.start()
    key = await ApiKeys(store.history, store.journal, SystemClock(), secrets.token_bytes).create(
        Role.VIEWER
    )
    swarm = Swarm(
        wanted, websocket_connector(surface.station_url), epoch=SystemClock().now(),
        feeder=plant_feeder(load_feeder("ieee33"), 0.5),
    )  # fmt: skip
    course = Course(system=system)
    active: set[str] = set()

    def on_tick(shot: Any) -> None:
        watch(course, swarm, at_s)(shot)
        for station in system.fleet:
            active.update(station.der.alarms)

    try:
        await swarm.run(on_tick=on_tick)
        async with httpx.AsyncClient(
            base_url=surface.page_url, headers={"Authorization": f"Bearer {key.plaintext}"}
        ) as client:
            shown = (await client.get("/v1/stations/CS-03/der")).json()
            told = (
                await client.get("/v1/stations/CS-03/notifications?action=NotifyDERAlarm")
            ).json()
    finally:
        await surface.close()
        await system.stop()
    assert course.trips == [1] * n
    low = course.charging.index(0)
    returned_s = [
        next(t for t, up in zip(course.t_s[low:], course.charging[low:], strict=True) if up >= k)
        for k in range(1, n + 1)
    ]
    assert returned_s[0] > 3.5 + 1.0  # back inside the window after 3.5 s, and the delay
    assert returned_s[-1] - returned_s[0] > 1.0
    assert len(set(returned_s)) > n // 2
    assert active == {"LFMustTrip"}
    kinds = {control["control_type"] for control in shown["installed"]}
    assert kinds == {"LFMustTrip", "HFMustTrip", "EnterService", "Gradients"}
    assert {c["control_type"] for c in shown["reported"]} == kinds
    assert (shown["capable"], shown["mismatches"]) == (True, [])
    assert [one["payload"]["ended"] for one in told] == [True, False]
    assert {one["payload"]["fault"] for one in told} == {"UnderFrequency"}


async def test_controls_of_an_earlier_configuration_are_taken_away(tmp_path: Any) -> None:
    """Stations keep their DER controls over a reboot (R01.FR.03): what is no longer wanted must be cleared."""
    wanted = scenario(1, duration_s=3.0)

    async def visit(policy: dict[str, Any]) -> tuple[set[str], CentralSystem]:
        settings = settings_for(wanted, ride_through=policy, port=0)
        store = await open_store(f"sqlite:///{tmp_path / 'csms.db'}")
        system = CentralSystem(settings, store, SystemClock(), Random(1), secrets.token_bytes)
        await store.journal.commit(*station_records(wanted, lambda _id: "", hashed=False))
        await system.start()
        port = system.gateway.ports[0]
        swarm = Swarm(
            wanted, websocket_connector(f"ws://127.0.0.1:{port}/ocpp"), epoch=SystemClock().now(),
            feeder=plant_feeder(load_feeder("ieee33"), 0.5),
        )  # fmt: skip
        station = swarm.stations["CS-00"]
        station.der.controls.update(kept)
        try:
            await swarm.run()
        finally:
            await system.stop()
        kept.update(station.der.controls)
        return set(station.der.controls), system

    kept: dict[str, Any] = {}
    first, _ = await visit(STAGGERED)
    assert len(first) == 4
    kept["utility-curve"] = kept["csms-LFMustTrip"]  # somebody else's stays
    kept["utility-curve"].id = "utility-curve"
    kept.pop("csms-LFMustTrip")
    second, system = await visit({})
    assert second == {"utility-curve"}
    await asyncio.sleep(0)
    book = system.fleet.station(StationId("CS-00")).der
    assert set(book.reported) == {"utility-curve"}
