"""Reserve held and calls followed on IEEE 33: asked, ordered, and the feeder's limit by AC."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.dispatch.decide import Decision, FeederDesk
from csms.dispatch.frequency.regulation import in_steps
from csms.dispatch.frequency.response import ResponseMeter, response
from csms.dispatch.sight.roster import Roster
from csms.dispatch.sight.snapshot import Footing, RegulationCall
from csms.dispatch.signals import GridSignals
from csms.domain.events import ChargingNeedsTold
from csms.domain.feeder_view import RegulationView
from csms.domain.fleet import EvsePlace, Fleet
from csms.domain.transaction import Transaction
from csms.domain.values import MeterReading, Phases
from csms.ids import EvseKey, StationId, TransactionId
from tests.unit.dispatch.seen import Room, Seen, Want, snapshot
from tests.unit.dispatch.test_feeder_desk import PLACES, V_MIN, lowest_v_pu, make_desk
from tests.unit.dispatch.wishes import room, taken
from tests.unit.services.fakes import T0, FakeClock

FULL = Room(give_wh=40e3, take_wh=40e3)
DISCHARGE_W = 100e3


def cycle(
    desk: FeederDesk, measured_w: dict[EvseKey, float], call: RegulationCall | None
) -> Decision:
    wish = Want(150_000.0, -DISCHARGE_W)
    seen = [
        Seen(key, Footing.LED, measured_w[key], measured_w[key], wish, room=FULL) for key in PLACES
    ]
    return desk.decide(snapshot(desk, seen, 50.0, call), T0, FakeClock())


def settled(desk: FeederDesk, call: RegulationCall | None) -> tuple[dict[EvseKey, float], Decision]:
    power_w = dict.fromkeys(PLACES, 0.0)
    for _ in range(6):
        decision = cycle(desk, power_w, call)
        power_w = {order.key: order.power_w for order in decision.orders}
    return power_w, decision


def view_of(decision: Decision) -> RegulationView:
    assert decision.view.regulation is not None
    return decision.view.regulation


def test_downward_reserve_is_held_below_what_the_feeder_bears() -> None:
    free, _ = settled(make_desk(), None)
    held, decision = settled(make_desk(), RegulationCall(0.0, 50e3, 60e3))
    # the optimum that the reserve is held below is itself a few kW better where the feeder is less loaded
    assert sum(free.values()) - sum(held.values()) == pytest.approx(60e3, abs=4e3)
    shown = view_of(decision)
    assert (shown.held_up_w, shown.held_down_w) == (50e3, 60e3)
    assert shown.ordered_w == pytest.approx(0.0, abs=1e-6)
    assert shown.can_up_w > 50e3
    assert shown.can_down_w == pytest.approx(60e3)
    assert decision.view.alarms == ()
    _, short = settled(make_desk(), RegulationCall(0.0, 5e6, 5e6))
    assert short.view.alarms == tuple(
        f"reserve: the fleet cannot sustain what is held {way}" for way in ("upward", "downward")
    )
    assert settled(make_desk(), None)[1].view.regulation is None


@pytest.mark.parametrize("change_w", [-30e3, -250e3, -600e3, 25e3, 59e3])
def test_a_call_is_ordered_to_the_watt_and_every_bus_stays_inside(change_w: float) -> None:
    desk = make_desk()
    power_w, _ = settled(desk, RegulationCall(0.0, 50e3, 60e3))
    for _ in range(5):
        decision = cycle(desk, power_w, RegulationCall(change_w, 50e3, 60e3))
        power_w = {order.key: order.power_w for order in decision.orders}
        assert lowest_v_pu(power_w) >= V_MIN
    shown = view_of(decision)
    assert shown.ordered_w == pytest.approx(change_w, abs=len(PLACES))
    assert abs(shown.shortfall_w) <= len(PLACES)
    if change_w < -500e3:
        assert min(power_w.values()) < 0.0  # charging alone is not enough
    elif change_w > -250e3:
        assert min(power_w.values()) >= 0.0  # nobody's battery while others charge
    sources = {order.binding.source for order in decision.orders if order.binding}
    assert ("regulation" in sources) or change_w > 0.0


def test_what_the_feeder_does_not_bear_is_told_as_shortfall() -> None:
    desk = make_desk()
    power_w, _ = settled(desk, None)
    for _ in range(4):
        decision = cycle(desk, power_w, RegulationCall(change_w=400e3))
        power_w = {order.key: order.power_w for order in decision.orders}
    assert lowest_v_pu(power_w) >= V_MIN
    shown = view_of(decision)
    assert shown.shortfall_w > 300e3
    assert shown.asked_w - shown.ordered_w == pytest.approx(shown.shortfall_w)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.floats(-20e3, 20e3), st.sampled_from([0.0, 1.0, 230.0, 690.0])),
        min_size=1, max_size=30,
    )
)  # fmt: skip
def test_whole_steps_keep_the_sum(evses: list[tuple[float, float]]) -> None:
    target, step = (np.array(column) for column in zip(*evses, strict=True))
    whole = in_steps(target, step, np.full_like(target, -1e6), np.full_like(target, 1e6))
    assert abs(float((whole - target).sum())) <= 0.5 * step.max() + 1e-6
    assert (np.abs(whole - target) <= np.maximum(step, 1e-6)).all()
    stepped = step > 0
    ratio = whole[stepped] / step[stepped]
    assert ratio == pytest.approx(np.round(ratio), abs=1e-6)


def test_the_response_meter_finds_delay_and_precision() -> None:
    asked = 50e3 * np.sin(np.arange(60) / 5.0)
    late = np.roll(asked, 3)
    late[:3] = 0.0
    exact = response(asked, late)
    assert exact is not None
    assert (exact.delay_cycles, exact.precision_frac) == (3, pytest.approx(1.0))
    half = response(asked, 0.5 * late)
    assert half is not None
    assert half.precision_frac == pytest.approx(0.5)
    assert response(np.zeros(60), late) is None
    meter = ResponseMeter()
    scores = [meter.add(a, b) for a, b in zip(asked, late, strict=True)]
    assert scores[10] is None
    assert scores[-1] is not None


def test_energy_room_comes_from_what_the_car_told() -> None:
    needs = ChargingNeedsTold(
        evse_id=1, requested_transfer="DC_BPT", soc_frac=0.5, target_soc_frac=0.8, capacity_wh=60e3
    )
    told = room(needs=needs)
    assert told.give_wh == pytest.approx(0.2 * 60e3 * 0.94)
    assert told.take_wh == pytest.approx(0.5 * 60e3 / 0.94)
    assert told.due_wh == pytest.approx(0.3 * 60e3 / 0.94)
    assert told.left_h == np.inf
    low = MeterReading(at=T0, soc_frac=0.25)
    assert room(needs=needs, reading=low).give_wh == 0.0
    high = MeterReading(at=T0, soc_frac=0.9)
    assert room(reading=high) == Room()  # who tells nothing gives nothing back


def test_a_call_is_forgotten_when_the_grid_operator_falls_silent() -> None:
    clock = FakeClock()
    signals = GridSignals(clock)
    assert signals.current_regulation() is None
    signals.reserve_w(10e3, 5e3, T0, None)
    signals.regulation_w(-8e3, T0)
    assert signals.current_regulation() == RegulationCall(-8e3, 10e3, 5e3)
    clock.t_s = 11.0
    assert signals.current_regulation() == RegulationCall(0.0, 10e3, 5e3)
    signals.reserve_w(0.0, 0.0, clock.now(), None)
    assert signals.current_regulation() is None


def test_a_meter_that_is_a_cycle_behind_a_rising_setpoint_is_no_full_battery() -> None:
    """Regression: with a setpoint that moves every second the wish fell by a fifth at each rise."""
    fleet = Fleet()
    station = fleet.station(StationId("CP1"))
    station.connected = True
    evse = station.evse(1)
    evse.place = EvsePlace(bus="1", phases=Phases.ABC, max_power_w=50e3, min_current_a=0.0)
    evse.transaction = Transaction(
        station_id=station.station_id, transaction_id=TransactionId("t"), evse_id=1, started=T0
    )
    evse.reading = MeterReading(at=T0, power_w=10e3)
    evse.reading_received_s = evse.changed_s = 0.0
    evse.commanded_before_w, evse.commanded_w, evse.commanded_s = 10e3, 40e3, 0.0

    roster = Roster(fleet, {evse.key: evse.place})

    def wish_w() -> float:
        return float(taken(roster, evse.place, 0.5, previous_want_w=50e3).want.power_w[0])

    assert wish_w() == 50e3
    evse.commanded_before_w = 40e3  # still at 10 kW two setpoints later: it takes no more
    assert wish_w() == 40e3
