"""The live picture as arrays: every change is seen, whoever makes it, and only what changed is read again."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.dispatch.sight.roster import Roster
from csms.domain.der import DerControl, FreqDroop, droop_control
from csms.domain.events import ChargingNeedsTold
from csms.domain.fleet import EvsePlace, EvseState, Fleet
from csms.domain.transaction import Transaction
from csms.domain.values import MeterReading, Phases
from csms.ids import EvseKey, StationId, TransactionId
from tests.unit.services.fakes import T0

PLACE = EvsePlace(bus="1", phases=Phases.ABC, max_power_w=50e3)
DROOP = FreqDroop(
    over_freq_hz=50.2, under_freq_hz=49.8, over_droop_pu=0.05, under_droop_pu=0.05,
    response_time_s=1.0,
)  # fmt: skip


def keys(*names: str) -> dict[EvseKey, EvsePlace]:
    """``"A2"`` is station A's second EVSE."""
    return {EvseKey(StationId(name[0]), int(name[1:])): PLACE for name in names}


def arrive(fleet: Fleet, name: str) -> EvseState:
    evse = fleet.station(StationId(name[0])).evse(int(name[1:]))
    evse.place = PLACE
    return evse


def opened(evse: EvseState) -> Transaction:
    return Transaction(
        station_id=evse.key.station_id, transaction_id=TransactionId("t"), evse_id=evse.key.evse_id,
        started=T0,
    )  # fmt: skip


def test_stations_come_when_they_come() -> None:
    fleet = Fleet()
    roster = Roster(fleet, keys("A1", "B1", "B2"))
    assert roster.refresh(T0) == []
    arrive(fleet, "B2")
    fleet.station(StationId("A"))  # no EVSE yet
    assert roster.refresh(T0) == [2]
    assert roster.told.here.tolist() == [False, False, True]
    arrive(fleet, "A1")
    arrive(fleet, "B1")
    assert roster.refresh(T0) == [0, 1]
    assert roster.refresh(T0) == []
    assert roster.told.here.all()


def test_a_station_counts_for_all_of_its_evses() -> None:
    fleet = Fleet()
    roster = Roster(fleet, keys("A1", "B1", "A2"))
    for name in ("A1", "A2", "B1"):
        arrive(fleet, name)
    roster.refresh(T0)
    fleet.station(StationId("A")).connected = True
    roster.refresh(T0)
    assert roster.told.leadable.tolist() == [True, False, True]
    fleet.station(StationId("A")).capabilities.controllable = False
    roster.refresh(T0)
    assert not roster.told.leadable.any()


def test_the_droop_that_a_station_runs_is_seen_when_it_is_read_back() -> None:
    fleet = Fleet()
    evse = arrive(fleet, "A1")
    station = fleet.station(StationId("A"))
    roster = Roster(
        fleet, keys("A1"),
        curve=lambda _key: DROOP if station.der.runs("FreqDroop") else None,
        trips_itself=lambda _key: station.der.runs("LFMustTrip"),
    )  # fmt: skip
    roster.refresh(T0)
    assert not roster.told.curves.on.any()
    control: DerControl = droop_control(DROOP)
    station.der.read_back({control.control_id: control})
    roster.refresh(T0)
    assert roster.told.curves.on.all()
    assert roster.told.curves.change_w(49.3, 50.0, np.array([1e4])) == pytest.approx([-2e3])
    station.der.superseded([control.control_id])
    roster.refresh(T0)
    assert not roster.told.curves.on.any()
    assert not roster.told.trips_itself.any()
    assert evse.key == roster.keys[0]


def test_what_a_car_needs_goes_with_its_transaction() -> None:
    fleet = Fleet()
    evse = arrive(fleet, "A1")
    roster = Roster(fleet, keys("A1"))
    evse.needs = ChargingNeedsTold(
        evse_id=1, requested_transfer="DC", max_charge_w=7e3, departure=T0 + timedelta(hours=1)
    )
    roster.refresh(T0)
    told = roster.told
    assert told.max_charge_w[0] == 7e3
    assert told.departure_s[0] == (T0 + timedelta(hours=1)).timestamp()
    assert np.isnan(told.capacity_wh[0])
    evse.needs = None
    roster.refresh(T0)
    assert np.isnan(told.max_charge_w[0])


class Plan:
    """Moves on every quarter hour, and forgets the car that has gone."""

    def mark(self, now: datetime) -> object:
        return now.minute // 15

    def planned_w(self, evse: EvseState, now: datetime) -> float | None:
        return 1e3 * (now.minute // 15) if evse.is_charging else None


def test_a_schedule_moves_on_though_nobody_says_anything() -> None:
    fleet = Fleet()
    evse = arrive(fleet, "A1")
    evse.transaction = opened(evse)
    roster = Roster(fleet, keys("A1"), plans=Plan())
    told = roster.told
    for minute in (0, 14, 15, 44):
        roster.refresh(T0.replace(minute=minute))
        assert told.planned_w[0] == 1e3 * (minute // 15)
    evse.transaction = None
    roster.refresh(T0.replace(minute=44))
    assert np.isnan(told.planned_w[0])


def test_two_who_watch_the_same_evse_is_a_mistake() -> None:
    fleet = Fleet()
    arrive(fleet, "A1")
    Roster(fleet, keys("A1")).refresh(T0)
    with pytest.raises(ValueError, match="watched by another"):
        Roster(fleet, keys("A1")).refresh(T0)


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(
            ["reading", "commanded_w", "changed_s", "transaction", "connected", "stop"]
        ),
        st.none() | st.floats(-1e5, 1e5) | st.sampled_from([nan, inf]),
    ),
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(CHANGES, st.sets(st.integers(0, 29)))
def test_a_roster_kept_up_to_date_is_one_read_anew(
    changes: list[tuple[int, str, float | None]], refreshed: set[int]
) -> None:
    """Whenever it is refreshed, or not."""
    names = ("A1", "A2", "B1", "C1")
    fleet = Fleet()
    evses = [arrive(fleet, name) for name in names]
    roster = Roster(fleet, keys(*names))
    for n, (which, what, value) in enumerate(changes):
        evse = evses[which]
        if what == "reading":
            volts = None if value is None else (value, None, 230.0)
            evse.reading = MeterReading(at=T0, power_w=value, voltage_v=volts)
        elif what == "transaction":
            evse.transaction = opened(evse)
        elif what == "stop":
            evse.transaction = None
        elif what == "connected":
            station = fleet.station(evse.key.station_id)
            station.connected = not station.connected
        else:
            setattr(evse, what, value)
        if n in refreshed:
            roster.refresh(T0)
    roster.refresh(T0)
    again = Fleet()
    for evse, name in zip(evses, names, strict=True):
        station, other = again.station(evse.key.station_id), arrive(again, name)
        station.connected = fleet.station(evse.key.station_id).connected
        other.reading, other.transaction = evse.reading, evse.transaction
        other.commanded_w, other.changed_s = evse.commanded_w, evse.changed_s
    fresh = Roster(again, keys(*names))
    fresh.refresh(T0)
    for name in (
        "here",
        "charging",
        "leadable",
        "power_w",
        "voltage_v",
        "commanded_w",
        "changed_s",
    ):
        np.testing.assert_array_equal(getattr(roster.told, name), getattr(fresh.told, name), name)
