"""The once-a-second decision on IEEE 33: what it promises, judged by the AC power flow."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.dispatch.decide import Decision, FeederDesk
from csms.dispatch.frequency.frequency_support import droop_power_w
from csms.dispatch.optimum.ac_check import Limits
from csms.dispatch.sequence import sequenced
from csms.dispatch.sight.snapshot import Footing
from csms.dispatch.signals import GridSignals
from csms.domain.der import FreqDroop
from csms.domain.fleet import EvsePlace
from csms.domain.values import MeterReading, Phases
from csms.grid import feeder_file, power_flow
from csms.ids import EvseKey, StationId
from tests.unit.dispatch.seen import Seen, Want, snapshot
from tests.unit.dispatch.wishes import wish
from tests.unit.services.fakes import T0, FakeClock

IEEE33 = feeder_file.builtin("ieee33")
V_MIN = 0.90
PLACES = {
    EvseKey(StationId(f"CP{i}"), 1): EvsePlace(
        bus=str(bus), phases=Phases.ABC, max_power_w=150_000.0, min_current_a=0.0
    )
    for i, bus in enumerate((8, 12, 15, 17, 28, 32))
}


def make_desk(**options: object) -> FeederDesk:
    arguments: dict[str, object] = {
        "safe_frac": 0.25,
        "ramp_w_per_min": 1e9,
        "period_s": 1.0,
        "droop": None,
    }
    return FeederDesk(
        IEEE33,
        PLACES,
        Limits(V_MIN, 1.10, margin_pu=0.001),
        **(arguments | options),  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def desk() -> FeederDesk:
    return make_desk()


def cycle(
    desk: FeederDesk, measured_w: dict[EvseKey, float], footing: Footing = Footing.LED
) -> Decision:
    seen = [Seen(key, footing, measured_w[key], measured_w[key], Want(150_000.0)) for key in PLACES]
    return desk.decide(snapshot(desk, seen, 50.0), T0, FakeClock())


def lowest_v_pu(power_w: dict[EvseKey, float]) -> float:
    p_w = IEEE33.p_w.sum(axis=1)
    for key, watts in power_w.items():
        p_w[IEEE33.bus(PLACES[key].bus)] += watts
    return power_flow.solve(IEEE33, p_w, IEEE33.q_var.sum(axis=1)).min_v_pu


def test_all_charging_at_their_safe_power_is_safe(desk: FeederDesk) -> None:
    assert all(watts > 0.0 for watts in desk.safe_power_w.values())
    assert lowest_v_pu(desk.safe_power_w) >= V_MIN


def test_the_loop_converges_to_the_limit_and_says_which_bus_binds() -> None:
    desk = make_desk()
    power_w = dict.fromkeys(PLACES, 0.0)
    for _ in range(6):
        decision = cycle(desk, power_w)
        power_w = {order.key: order.power_w for order in decision.orders}
    assert V_MIN <= lowest_v_pu(power_w) <= V_MIN + 0.002
    bindings = {order.binding.where for order in decision.orders if order.binding}
    assert bindings <= {"17", "32"}
    assert decision.view.curtailed_w == pytest.approx(900_000.0 - sum(power_w.values()))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.0, 60_000.0), min_size=6, max_size=6), st.integers(0, 63))
def test_any_part_of_the_orders_may_arrive_first(start_w: list[float], arrived: int) -> None:
    """G1: from every state that the limits allow, each subset of the new orders keeps them too."""
    now_w = dict(zip(PLACES, start_w, strict=True))
    if lowest_v_pu(now_w) < V_MIN + 0.001:
        return
    decision = cycle(DESK_FOR_PARTS, now_w)
    DESK_FOR_PARTS.forget_orders()
    mixed = {
        order.key: order.power_w if arrived >> i & 1 else now_w[order.key]
        for i, order in enumerate(decision.orders)
    }
    assert lowest_v_pu(mixed) >= V_MIN


DESK_FOR_PARTS = make_desk()


def test_nobodys_battery_is_drained_so_that_others_charge() -> None:
    """Discharge only where pausing every car does not lift the voltage enough."""

    def with_v2g(desk: FeederDesk, limit_v_pu: float) -> Decision:
        seen = [Seen(key, Footing.LED, 0.0, 0.0, Want(150_000.0, -100_000.0)) for key in PLACES]
        assert desk.limits.v_min_pu == limit_v_pu
        return desk.decide(snapshot(desk, seen, 50.0), T0, FakeClock())

    enough = with_v2g(make_desk(), V_MIN)
    assert min(order.power_w for order in enough.orders) >= 0.0
    strict = FeederDesk(
        IEEE33, PLACES, Limits(0.93, 1.10, margin_pu=0.001), safe_frac=0.25, ramp_w_per_min=1e9,
        period_s=1.0, droop=None,
    )  # fmt: skip
    needed = with_v2g(strict, 0.93)
    power_w = {order.key: order.power_w for order in needed.orders}
    assert min(power_w.values()) < 0.0
    assert lowest_v_pu(power_w) >= 0.93


def test_stale_evses_are_sent_to_their_safe_power_and_counted_at_their_worst(
    desk: FeederDesk,
) -> None:
    decision = cycle(desk, dict.fromkeys(PLACES, 20_000.0), Footing.STALE)
    assert {o.key: o.power_w for o in decision.orders} == desk.safe_power_w
    assert all(o.binding is not None and o.binding.kind == "telemetry" for o in decision.orders)
    assert len(decision.view.alarms) >= len(PLACES)


def test_the_feeders_ramp_cap_holds_for_the_sum_of_all_rises() -> None:
    desk = make_desk(ramp_w_per_min=600_000.0)
    decision = cycle(desk, dict.fromkeys(PLACES, 0.0))
    assert sum(order.power_w for order in decision.orders) <= 10_000.0


def test_an_import_limit_from_outside_is_kept() -> None:
    desk = make_desk()
    limit_va = 4_700_000.0
    desk.limit_import(limit_va)
    power_w = dict.fromkeys(PLACES, 0.0)
    for _ in range(4):
        decision = cycle(desk, power_w)
        power_w = {order.key: order.power_w for order in decision.orders}
    assert decision.view.import_w < limit_va
    assert {o.binding.kind for o in decision.orders if o.binding} >= {"line"}
    desk.limit_import(None)
    freed = cycle(desk, power_w)
    assert sum(o.power_w for o in freed.orders) > sum(power_w.values())


def test_rises_wait_while_a_fall_has_not_arrived() -> None:
    still, new = np.array([50.0, 0.0]), np.array([0.0, 80.0])
    cut = sequenced(new, still, still, lambda x: float(x.sum()) - 100.0, np.floor)
    assert cut[0] == 0.0
    assert 45.0 <= cut[1] <= 50.0


def test_feeding_back_waits_while_a_rise_has_not_arrived() -> None:
    """The rise was cut, the feeding back that it was to make up for was not: the whole vector broke the upper limit."""
    still, new = np.array([50.0, 0.0]), np.array([90.0, -80.0])
    cut = sequenced(new, still, still, lambda x: -float(x.sum()), np.floor)
    assert cut[0] == 90.0
    assert -50.0 <= cut[1] <= -45.0


def test_droop_follows_ieee_1547() -> None:
    droop = FreqDroop(
        over_freq_hz=60.036, under_freq_hz=59.964, over_droop_pu=0.05, under_droop_pu=0.05,
        response_time_s=5.0,
    )  # fmt: skip
    assert droop_power_w(droop, 59.9, 60.0, 100_000.0) == pytest.approx(-2_133.3, abs=0.1)
    assert droop_power_w(droop, 60.5, 60.0, 100_000.0) == pytest.approx(15_466.7, abs=0.1)
    assert droop_power_w(droop, 60.0, 60.0, 100_000.0) == 0.0
    assert droop_power_w(droop, 40.0, 60.0, 100_000.0) == -100_000.0


def test_a_car_that_takes_less_than_allowed_frees_the_rest() -> None:
    place = PLACES[next(iter(PLACES))]
    reading = MeterReading(at=T0, power_w=20_000.0)
    satisfied = wish(place, reading=reading, commanded_w=100_000.0)
    almost = MeterReading(at=T0, power_w=99_000.0)
    held_back = wish(place, reading=almost, commanded_w=100_000.0)
    full = wish(
        place, reading=MeterReading(at=T0, power_w=0.0, soc_frac=1.0), commanded_w=100_000.0
    )
    assert satisfied.power_w == 35_000.0
    assert held_back.power_w == place.max_power_w
    assert full.power_w == 0.0


def test_signals_are_forgotten_when_they_are_old() -> None:
    clock = FakeClock()
    signals = GridSignals(clock)
    signals.frequency_hz(49.8, T0)
    signals.frequency_hz(50.1, T0 - timedelta(seconds=1))
    signals.feeder_limit_w(1e6, T0, T0 + timedelta(seconds=60))
    assert (signals.current_frequency_hz(), signals.current_import_limit_w()) == (49.8, 1e6)
    clock.t_s = 61.0
    assert (signals.current_frequency_hz(), signals.current_import_limit_w()) == (None, None)
