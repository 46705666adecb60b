"""Many feeders out of one configuration: each with its own parts, taking turns, none mistaken for another."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from csms.bootstrap import CentralSystem
from csms.cli.demo.virtual_time import run_virtual
from csms.clock import LoopClock
from csms.dispatch.loop import next_due_s
from csms.dispatch.site_assembly import one_at_a_time
from csms.domain.commands import SetChargingProfile
from csms.domain.errors import InvalidInput
from csms.domain.feeder_view import FeederCycle
from csms.domain.profile import ChargingProfile, Kind, Period, Purpose, RateUnit
from csms.domain.transaction import Transaction
from csms.grid.network import FeederError
from csms.ids import EvseKey, StationId, TransactionId
from csms.settings import Settings
from csms.store import InlineStore
from tests.unit.services.fakes import T0


def site(name: str, bus: str = "17", **more: object) -> dict[str, object]:
    evse = {"station": f"{name}-1", "bus": bus, "max_power_w": 150e3, "min_current_a": 0.0}
    return {"name": name, "evses": [evse], **more}


def system_of(*sites: dict[str, object], **sections: object) -> CentralSystem:
    settings = Settings(sites=sites, **sections)  # type: ignore[arg-type]
    clock = LoopClock(asyncio.get_running_loop(), T0)
    return CentralSystem(settings, InlineStore(), clock, Random(1), Random(1).randbytes)


def test_each_feeder_has_its_own_limits_and_safe_powers() -> None:
    async def run() -> None:
        system = system_of(site("strict", v_min_pu=0.912), site("lax", v_min_pu=0.85))
        strict, lax = system.sites.values()
        assert strict.desk is not None
        assert lax.desk is not None
        key = EvseKey(StationId("strict-1"), 1)
        assert set(strict.desk.safe_power_w) == {key}
        assert strict.desk.safe_power_w[key] < 30e3
        assert lax.desk.safe_power_w[EvseKey(StationId("lax-1"), 1)] == pytest.approx(37.5e3)
        assert strict.signals is not lax.signals
        assert system.site_of(StationId("lax-1")) is lax
        assert system.site_of(StationId("elsewhere")) is strict

    asyncio.run(run())


def test_the_power_guard_asks_the_feeder_that_the_station_stands_on() -> None:
    async def run() -> None:
        system = system_of(site("strict", v_min_pu=0.912), site("lax", v_min_pu=0.85))
        for name in system.sites:
            station = system.fleet.station(StationId(f"{name}-1"))
            system.onboarding.place(station)
        profile = ChargingProfile(
            profile_id=7, stack_level=1, purpose=Purpose.TX_DEFAULT, kind=Kind.ABSOLUTE, unit=RateUnit.W,
            periods=(Period(limit=30e3),),
        )  # fmt: skip
        ask = SetChargingProfile(evse_id=1, profile=profile)
        system.guard.check(StationId("lax-1"), ask)
        with pytest.raises(InvalidInput, match="strict-1: EVSE 1 stands on the feeder"):
            system.guard.check(StationId("strict-1"), ask)

    asyncio.run(run())


def test_loops_take_turns_within_the_period() -> None:
    async def run() -> list[tuple[float, str]]:
        system = system_of(site("a"), site("b"), site("c"), site("d"))
        watch = system.live.watch("feeder")
        await system.start_without_sockets()
        loop, turns = asyncio.get_running_loop(), []
        begun_s = loop.time()
        for _ in range(12):
            note = await anext(watch)
            cycle: FeederCycle = note.data
            turns.append((round(loop.time() - begun_s, 6), cycle.summary.site))
        await system.stop()
        return turns

    turns = run_virtual(run())
    assert turns[:8] == [
        (1.0, "a"), (1.25, "b"), (1.5, "c"), (1.75, "d"),
        (2.0, "a"), (2.25, "b"), (2.5, "c"), (2.75, "d"),
    ]  # fmt: skip


def test_a_late_loop_keeps_its_turn() -> None:
    assert next_due_s(0.25, 1.0, 0.3) == 1.25
    assert next_due_s(0.25, 1.0, 7.9) == 7.25  # due at once, not six times in a row
    assert next_due_s(7.25, 1.0, 7.95) == 8.25


def test_an_alarm_says_which_feeder_and_is_told_once() -> None:
    async def run() -> list[str]:
        system = system_of(site("good"), site("bad"))
        watch = system.live.watch("alarm")
        bad = system.sites["bad"]

        def break_down(*_arguments: object) -> None:
            raise RuntimeError("no solution")

        bad.desk.decide = break_down  # type: ignore[union-attr, method-assign, assignment]
        await system.start_without_sockets()
        await asyncio.sleep(5.5)
        assert bad.failure is not None
        assert bad.view is None
        good = system.sites["good"]
        assert good.failure is None
        assert good.view is not None
        assert good.view.cycle == 5
        await system.stop()
        return [note.data for note in watch._queue]

    assert run_virtual(run()) == ["bad: dispatch cycle failed: RuntimeError: no solution"]


def test_a_feeder_that_cannot_be_built_is_named() -> None:
    async def run(broken: dict[str, object]) -> None:
        system_of(site("good"), broken)

    with pytest.raises(FeederError, match=r"feeder south: .*none-such"):
        asyncio.run(run(site("south", bus="none-such")))
    with pytest.raises(FeederError, match=r"feeder south: .*nowhere"):
        asyncio.run(run(site("south", feeder="nowhere")))


def test_each_planner_sees_the_cars_of_its_own_feeder() -> None:
    async def run() -> dict[str, list[EvseKey]]:
        system = system_of(site("a"), site("b"), planner={"enabled": True})
        for name in system.sites:
            station = system.fleet.station(StationId(f"{name}-1"))
            station.connected = True
            system.onboarding.place(station)
            station.evse(1).transaction = Transaction(
                station_id=station.station_id, transaction_id=TransactionId("1"), evse_id=1
            )
        assert system.sites["a"].planner_view.state == "fallback"
        return {
            name: [car.key for car in one.planner._sight.look(T0)]  # type: ignore[union-attr]
            for name, one in system.sites.items()
        }

    seen = asyncio.run(run())
    assert seen == {name: [EvseKey(StationId(f"{name}-1"), 1)] for name in ("a", "b")}


def test_planners_plan_one_after_another() -> None:
    running, most = 0, 0

    async def slowly(work: object) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.0)
        running -= 1

    async def run() -> None:
        off_loop = one_at_a_time(slowly)
        await asyncio.gather(*(off_loop(lambda: None) for _ in range(5)))

    asyncio.run(run())
    assert most == 1
