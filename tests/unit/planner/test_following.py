"""How the 1-s loop follows a schedule: as each car's want, never beyond the feeder, nobody else's battery drained."""

from __future__ import annotations

from datetime import timedelta

import pytest

from csms.dispatch.decide import Decision, FeederDesk
from csms.dispatch.optimum.ac_check import Limits
from csms.dispatch.planner.schedule import Schedule
from csms.dispatch.sight.snapshot import Footing
from csms.domain.der import FreqDroop
from csms.domain.plan import EvPlan, FleetPlan, PlanSummary
from csms.domain.values import MeterReading
from csms.ids import StationId, TransactionId
from tests.unit.dispatch.seen import Seen, Want, snapshot
from tests.unit.dispatch.wishes import wish
from tests.unit.planner.cars import IEEE33, T0, key, place, told
from tests.unit.services.fakes import FakeClock

PLACE = place("17", 150.0, 100.0)
PLACES = {key(name): PLACE for name in "AB"}


def desk(droop: FreqDroop | None = None) -> FeederDesk:
    return FeederDesk(
        IEEE33, PLACES, Limits(0.90, 1.10, margin_pu=0.001), safe_frac=0.25, ramp_w_per_min=1e9,
        period_s=1.0, droop=droop,
    )  # fmt: skip


DESK = desk()


def cycle(wants: dict[str, Want], desk: FeederDesk = DESK, hz: float = 50.0) -> Decision:
    seen = [Seen(key(name), Footing.LED, 0.0, 0.0, wish) for name, wish in wants.items()]
    return desk.decide(snapshot(desk, seen, hz), T0, FakeClock())


def setpoints(decision: Decision) -> dict[str, float]:
    return {order.key.station_id: order.power_w for order in decision.orders}


def test_each_car_gets_what_its_schedule_has() -> None:
    told_w = setpoints(
        cycle({"A": Want(30_000.0, 0.0, 1.0, True), "B": Want(-20_000.0, -1e5, 1.0, True)})
    )
    assert told_w == pytest.approx({"A": 30_000.0, "B": -20_000.0})


def test_held_by_its_schedule_a_car_says_so_and_is_not_counted_as_curtailed() -> None:
    decision = cycle({"A": Want(0.0, 0.0, 1.0, True)})
    (order,) = decision.orders
    assert order.binding is not None
    assert (order.binding.kind, order.binding.source) == ("schedule", "planner")
    assert decision.view.curtailed_w == 0.0


def test_the_feeder_bounds_the_schedule() -> None:
    decision = cycle({"A": Want(150_000.0, 0.0, 1.0, True), "B": Want(150_000.0, 0.0, 1.0, True)})
    assert sum(setpoints(decision).values()) < 290_000.0
    assert {o.binding.kind for o in decision.orders if o.binding} == {"voltage_low"}


def test_the_battery_of_one_whose_schedule_charges_is_not_drained_for_the_other() -> None:
    decision = cycle({"A": Want(150_000.0, 0.0, 1.0, True), "B": Want(10_000.0, -1e5, 1.0, True)})
    assert setpoints(decision)["B"] >= 0.0


def test_low_frequency_takes_from_the_schedule() -> None:
    droop = FreqDroop(
        over_freq_hz=50.2,
        under_freq_hz=49.8,
        over_droop_pu=0.04,
        under_droop_pu=0.04,
        response_time_s=0.5,
    )
    led = desk(droop)
    assert setpoints(cycle({"A": Want(100_000.0, 0.0, 1.0, True)}, led, 49.7))["A"] < 95_000.0


NEEDS = told(3.0, 10.0, max_charge_w=11_000.0, max_discharge_w=9_000.0)


@pytest.mark.parametrize(
    ("planned_w", "wanted_w"),
    [(None, 11_000.0), (7_000.0, 7_000.0), (20_000.0, 11_000.0), (0.0, 0.0), (-7_000.0, -7_000.0),
     (-20_000.0, -9_000.0)],
)  # fmt: skip
def test_the_want_is_the_schedules_power_within_what_the_car_can(
    planned_w: float | None, wanted_w: float
) -> None:
    found = wish(place("2", 50.0, 50.0), needs=NEEDS, planned_w=planned_w)
    assert found.power_w == wanted_w
    assert found.scheduled is (planned_w is not None)


def test_a_full_car_wants_nothing_whatever_its_schedule_has() -> None:
    full = MeterReading(at=T0, power_w=0.0, soc_frac=1.0)
    found = wish(place(), reading=full, commanded_w=11_000.0, previous_w=0.0, planned_w=7_000.0)
    assert found.power_w == 0.0


def schedule(stale_after_s: float = 1_800.0) -> Schedule:
    summary = PlanSummary(
        made=T0, cars=1, energy_wh=0.0, discharged_wh=0.0, cost_eur=0.0, wear_eur=0.0,
        uncontrolled_cost_eur=0.0, shortfalls=0, price_source="test",
    )  # fmt: skip
    ev = EvPlan(
        station_id=StationId("A"), evse_id=1, transaction_id=TransactionId("1"), departure=T0,
        departure_source="car", need_wh=0.0, need_source="car", max_charge_w=11_000.0,
        power_w=(1_000, 2_000, 3_000),
    )  # fmt: skip
    return Schedule(
        FleetPlan(
            summary=summary, start=T0, import_eur_per_kwh=(), export_eur_per_kwh=(), base_w=(),
            base_rmse_w=None, wear_low_eur_per_kwh=0.0, wear_high_eur_per_kwh=0.0, evs=(ev,),
        ),
        stale_after_s=stale_after_s,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("minutes", "tx", "power_w"),
    [(0, "1", 1_000.0), (14.9, "1", 1_000.0), (15, "1", 2_000.0), (29, "1", 2_000.0), (30, "1", None), (5, "2", None)],
)  # fmt: skip
def test_a_schedule_is_for_one_transaction_until_it_is_stale(
    minutes: float, tx: str, power_w: float | None
) -> None:
    found = schedule().power_w(key("A"), TransactionId(tx), T0 + timedelta(minutes=minutes))
    assert found == power_w


def test_after_its_last_quarter_hour_a_car_charges_as_if_alone() -> None:
    lasting = schedule(1e6)
    assert lasting.power_w(key("A"), TransactionId("1"), T0 + timedelta(minutes=44)) == 3_000.0
    assert lasting.power_w(key("A"), TransactionId("1"), T0 + timedelta(minutes=45)) is None
    assert lasting.power_w(key("B"), TransactionId("1"), T0) is None
