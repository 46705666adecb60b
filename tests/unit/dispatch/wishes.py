"""What one EVSE is taken to want, by the live picture as services would write it."""

from __future__ import annotations

from typing import Any

import numpy as np

from csms.dispatch.sight.places import Places
from csms.dispatch.sight.roster import Roster
from csms.dispatch.sight.snapshot import Instant, Snapshot, take
from csms.domain.events import ChargingNeedsTold
from csms.domain.fleet import EvsePlace, EvseState, Fleet
from csms.domain.transaction import Transaction
from csms.domain.values import MeterReading, Phases
from csms.grid import feeder_file
from csms.ids import EvseKey, StationId, TransactionId
from tests.unit.dispatch.seen import Room, Want
from tests.unit.services.fakes import T0

IEEE33 = feeder_file.builtin("ieee33")
KEY = EvseKey(StationId("CP1"), 1)
STALE_AFTER_S = 5.0
NOW_S = 100.0


class OnePlan:
    """The same for every car."""

    def __init__(self, planned_w: float | None) -> None:
        self._planned_w = planned_w

    def mark(self, now: Any) -> object:
        return self._planned_w

    def planned_w(self, evse: EvseState, now: Any) -> float | None:
        return self._planned_w


def taken(
    roster: Roster,
    place: EvsePlace,
    now_s: float,
    *,
    previous_want_w: float = np.nan,
    safe_w: float = 5e3,
    droop_w: float = 0.0,
    lease_s: float = np.inf,
    seen_s: float = np.nan,
) -> Snapshot:
    """A snapshot of a roster of one EVSE."""
    roster.refresh(T0)
    at = Instant(
        now=T0, now_s=now_s, stale_after_s=STALE_AFTER_S, lease_s=lease_s, nominal_phase_v=230.0
    )
    return take(
        Places.of(IEEE33, {roster.keys[0]: place}), roster.told, at,
        previous_want_w=np.array([previous_want_w]), safe_w=np.array([safe_w]),
        droop_w=np.array([droop_w]), seen_s=np.array([seen_s]),
    )  # fmt: skip


def _seen(
    place: EvsePlace,
    needs: ChargingNeedsTold | None,
    reading: MeterReading | None,
    commanded_w: float | None = None,
    previous_w: float | None = None,
    planned_w: float | None = None,
    droop_w: float = 0.0,
) -> Snapshot:
    fleet = Fleet()
    station = fleet.station(KEY.station_id)
    station.connected = True
    evse = station.evse(KEY.evse_id)
    evse.place, evse.needs, evse.reading = place, needs, reading
    evse.reading_received_s = evse.changed_s = NOW_S
    evse.commanded_w, evse.commanded_s = commanded_w, NOW_S
    evse.transaction = Transaction(
        station_id=KEY.station_id, transaction_id=TransactionId("t"), evse_id=1, started=T0
    )
    previous = np.nan if previous_w is None else previous_w
    roster = Roster(fleet, {KEY: place}, plans=OnePlan(planned_w))
    return taken(roster, place, NOW_S, previous_want_w=previous, droop_w=droop_w)


def wish(
    place: EvsePlace,
    *,
    needs: ChargingNeedsTold | None = None,
    reading: MeterReading | None = None,
    commanded_w: float | None = None,
    previous_w: float | None = None,
    planned_w: float | None = None,
    droop_w: float = 0.0,
) -> Want:
    """What is wanted of an EVSE with an open transaction."""
    found = _seen(place, needs, reading, commanded_w, previous_w, planned_w, droop_w).want
    return Want(
        float(found.power_w[0]), float(found.floor_w[0]), float(found.weight[0]),
        bool(found.scheduled[0]),
    )  # fmt: skip


def room(*, needs: ChargingNeedsTold | None = None, reading: MeterReading | None = None) -> Room:
    """How much energy the car can give and take."""
    place = EvsePlace(bus="1", phases=Phases.ABC, max_power_w=50e3)
    found = _seen(place, needs, reading).room
    return Room(
        float(found.give_wh[0]), float(found.take_wh[0]), float(found.due_wh[0]),
        float(found.left_h[0]),
    )  # fmt: skip
