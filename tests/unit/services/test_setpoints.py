"""How a setpoint is said to stations of each kind, and what is learnt from their refusals."""

from __future__ import annotations

from itertools import count

import pytest

from csms.domain.commands import CommandState, Outcome, SetChargingProfile, UpdateDynamicSchedule
from csms.domain.fleet import Capabilities, EvsePlace, EvseState, StationState
from csms.domain.profile import Kind, Purpose, RateUnit
from csms.domain.transaction import Transaction
from csms.domain.values import MeterReading, Phases
from csms.ids import StationId, TransactionId
from csms.services.command_desk import CommandDesk, Delivery
from csms.services.live import LiveBus
from csms.services.setpoints import REFUSALS_BELIEVED, Setpoints, in_unit, safe_default
from tests.unit.services.fakes import T0, FakeClock, FakeCourier, FakeStore

REFUSED = Delivery(
    CommandState.REJECTED, Outcome(accepted=False, status="Rejected"), None, 0.0, 0.0
)


class Bench:
    def __init__(self, **caps: object) -> None:
        self.courier, store, clock, live = FakeCourier(), FakeStore(), FakeClock(), LiveBus()
        ids = count()
        desk = CommandDesk(self.courier, store, store, live, clock, lambda: str(next(ids)))  # type: ignore[arg-type]
        self.setpoints = Setpoints(desk, live, clock, lease_s=15)
        self.station = StationState(
            station_id=StationId("CP1"),
            capabilities=Capabilities(**caps),  # type: ignore[arg-type]
        )
        self.evse = self.station.evse(1)
        self.evse.place = EvsePlace(bus="1", phases=Phases.ABC, max_power_w=22_000.0)
        self.plug_in("tx1")

    def plug_in(self, transaction_id: str) -> None:
        self.evse.transaction = Transaction(
            station_id=self.station.station_id,
            transaction_id=TransactionId(transaction_id),
            evse_id=1,
            started=T0,
        )

    async def apply(self, power_w: float) -> None:
        await self.setpoints.apply(self.station, self.evse, power_w)


async def test_a_dynamic_station_gets_one_profile_and_then_updates_of_it() -> None:
    bench = Bench(dynamic_profiles=True, discharge=True)
    await bench.apply(7_000.0)
    await bench.apply(-3_000.0)
    first, second = bench.courier.delivered
    assert isinstance(first, SetChargingProfile)
    assert (first.profile.kind, first.profile.duration_s) == (Kind.DYNAMIC, 15)
    assert first.profile.periods[0].limit is None
    assert isinstance(second, UpdateDynamicSchedule)
    assert second.update.setpoint == -3_000.0
    assert bench.evse.commanded_w == -3_000.0


async def test_a_new_transaction_or_a_reboot_installs_the_profile_anew() -> None:
    bench = Bench(dynamic_profiles=True)
    await bench.apply(7_000.0)
    bench.plug_in("tx2")
    await bench.apply(7_000.0)
    bench.setpoints.forget(bench.station)
    await bench.apply(7_000.0)
    assert all(isinstance(command, SetChargingProfile) for command in bench.courier.delivered)


async def test_other_stations_get_a_lease_replaced_in_place() -> None:
    bench = Bench()
    await bench.apply(6_900.0)
    await bench.apply(13_800.0)
    profiles = [c.profile for c in bench.courier.delivered if isinstance(c, SetChargingProfile)]
    assert [p.periods[0].limit for p in profiles] == [10.0, 20.0]
    assert {(p.profile_id, p.stack_level, p.duration_s, p.purpose) for p in profiles} == {
        (1001, 1, 15, Purpose.TX)
    }


async def test_no_discharge_where_the_station_is_not_flagged_capable() -> None:
    bench = Bench(rate_unit=RateUnit.W)
    await bench.apply(-5_000.0)
    (command,) = bench.courier.delivered
    assert isinstance(command, SetChargingProfile)
    assert command.profile.periods[0].limit == 0.0


async def test_one_refusal_is_not_believed_but_three_change_the_purpose() -> None:
    bench = Bench()
    bench.courier.result = REFUSED
    for _ in range(REFUSALS_BELIEVED - 1):
        await bench.apply(6_900.0)
    assert bench.station.capabilities.setpoint_purpose is Purpose.TX
    await bench.apply(6_900.0)
    assert bench.station.capabilities.setpoint_purpose is Purpose.TX_DEFAULT
    assert bench.evse.commanded_w is None


async def test_a_station_that_refuses_everything_is_left_alone() -> None:
    bench = Bench()
    bench.courier.result = REFUSED
    for _ in range(3 * REFUSALS_BELIEVED):
        await bench.apply(6_900.0)
    assert not bench.station.capabilities.controllable
    sent = len(bench.courier.delivered)
    await bench.apply(6_900.0)
    assert len(bench.courier.delivered) == sent


async def test_nothing_is_sent_without_a_transaction() -> None:
    bench = Bench()
    bench.evse.transaction = None
    await bench.apply(6_900.0)
    assert bench.courier.delivered == []


def test_amperes_never_ask_for_more_than_the_power() -> None:
    evse: EvseState = Bench().evse
    evse.reading = MeterReading(at=T0, voltage_v=(253.0, 250.0, 248.0))
    assert in_unit(evse, RateUnit.A, 11_000.0) == 14.4
    assert in_unit(evse, RateUnit.A, 11_000.0) * 3 * 253.0 <= 11_000.0
    evse.reading = MeterReading(at=T0, voltage_v=(200.0, 200.0, 200.0))
    assert in_unit(evse, RateUnit.A, 11_000.0) == pytest.approx(15.9)


def test_the_safe_default_has_no_end_and_the_lowest_stack_level() -> None:
    bench = Bench(rate_unit=RateUnit.W)
    profile = safe_default(bench.station, bench.evse, 4_200.0).profile
    assert (profile.purpose, profile.stack_level) == (Purpose.TX_DEFAULT, 0)
    assert (profile.duration_s, profile.valid_to) == (None, None)
    assert profile.periods[0].limit == 4_200.0
