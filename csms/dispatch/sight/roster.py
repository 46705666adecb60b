"""The live picture of one feeder's EVSEs as arrays, kept up to date row by row.

Most EVSEs say nothing new between two cycles of the loop; only the rows of those whose state, station, capabilities or
DER controls have changed since are read again, and those whose schedule moves on at a quarter hour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import inf, nan
from typing import Any, Protocol

import numpy as np

from csms.dispatch.sight.told import Told
from csms.domain.der import FreqDroop
from csms.domain.events import ChargingNeedsTold
from csms.domain.fleet import EvsePlace, EvseState, Fleet, StationState
from csms.domain.values import MeterReading
from csms.grid.network import FloatArray
from csms.ids import EvseKey, StationId

_UNKNOWN = (None, None, None)
_NO_READING = MeterReading(at=datetime.min.replace(tzinfo=UTC))
_NO_NEEDS = ChargingNeedsTold(evse_id=0, requested_transfer="")


class Plans(Protocol):
    """The schedules of cars."""

    def mark(self, now: datetime) -> object:
        """Another one whenever what some EVSE has planned may have changed."""
        ...

    def planned_w(self, evse: EvseState, now: datetime) -> float | None:
        """What the schedule has for an EVSE now; ``None`` when it is not planned."""
        ...


class NoPlans:
    """Nobody has a schedule."""

    def mark(self, now: datetime) -> object:  # noqa: ARG002
        return None

    def planned_w(self, evse: EvseState, now: datetime) -> float | None:  # noqa: ARG002
        return None


class Roster:
    """Rows in the order of ``places``. Stations come when they come; those that never did have empty rows."""

    def __init__(
        self,
        fleet: Fleet,
        places: Mapping[EvseKey, EvsePlace],
        *,
        curve: Callable[[EvseKey], FreqDroop | None] = lambda _key: None,
        trips_itself: Callable[[EvseKey], bool] = lambda _key: False,
        plans: Plans | None = None,
    ) -> None:
        """``curve``: the droop that the EVSE's station runs by itself, ``None`` without; ``trips_itself``: whether it
        runs trip curves. Both may depend on the station's state only."""
        self.keys = tuple(places)
        self.told = Told.nothing(len(places))
        self._fleet = fleet
        self._curve, self._trips_itself = curve, trips_itself
        self._plans: Plans = plans or NoPlans()
        self._mark: object = None
        self._absent = list(range(len(places)))
        self._here: dict[int, tuple[StationState, EvseState]] = {}
        self._needs: list[ChargingNeedsTold | None] = [None] * len(places)
        self._first_row: dict[StationId, int] = {}
        self._rows_of: dict[int, list[int]] = {}
        self._evse_changes: set[int] = set()
        """Rows to be read again; of the other set, because of the station."""
        self._station_changes: set[int] = set()

    def refresh(self, now: datetime) -> list[int]:
        """Read what has changed. Rows of those that have come since the last time."""
        arrived = self._welcome()
        mark = self._plans.mark(now)
        if mark != self._mark:
            self._mark = mark
            self._read_plans(list(self._here), now)
        if self._evse_changes:
            self._read_evses(sorted(self._evse_changes), now)
            self._evse_changes.clear()
        for i in self._station_changes:
            self._read_station(i)
        self._station_changes.clear()
        return arrived

    def states(self, i: int) -> tuple[StationState, EvseState]:
        """The state objects behind row ``i``, of an EVSE that is here."""
        return self._here[i]

    def _welcome(self) -> list[int]:
        """Rows for EVSEs that have come since."""
        if not self._absent:
            return []
        still: list[int] = []
        arrived: list[int] = []
        for i in self._absent:
            station = self._fleet.get(self.keys[i].station_id)
            evse = station.evses.get(self.keys[i].evse_id) if station is not None else None
            if station is None or evse is None or evse.place is None:
                still.append(i)
                continue
            arrived.append(i)
            self._here[i] = (station, evse)
            evse.watch(self._evse_changes, i)
            self._watch_station(i, station)
        self.told.here[arrived] = True
        self._absent = still
        return arrived

    def _watch_station(self, i: int, station: StationState) -> None:
        """Of a station with several EVSEs the first row stands for all."""
        first = self._first_row.setdefault(station.station_id, i)
        self._rows_of.setdefault(first, []).append(i)
        for part in (station, station.capabilities, station.der):
            part.watch(self._station_changes, first)

    def _read_evses(self, rows: list[int], now: datetime) -> None:
        """Column by column: of thousands of rows that is much faster than row by row."""
        told, needs = self.told, self._needs
        evses = [self._here[i][1] for i in rows]
        transactions = [evse.transaction for evse in evses]
        told.charging[rows] = [tx is not None and tx.is_open for tx in transactions]
        readings = [evse.reading or _NO_READING for evse in evses]
        told.power_w[rows] = _without_nan([one.power_w for one in readings])
        told.frequency_hz[rows] = _column([one.frequency_hz for one in readings])
        told.soc_frac[rows] = _column([one.soc_frac for one in readings])
        told.voltage_v[rows] = _column([one.voltage_v or _UNKNOWN for one in readings])
        told.received_s[rows] = _column([evse.reading_received_s for evse in evses])
        told.changed_s[rows] = _column([evse.changed_s for evse in evses])
        told.commanded_w[rows] = _column([evse.commanded_w for evse in evses])
        told.commanded_before_w[rows] = _column([evse.commanded_before_w for evse in evses])
        told.commanded_s[rows] = _column([evse.commanded_s for evse in evses])
        if self._mark is not None:
            self._read_plans(rows, now)
        pairs = zip(rows, [evse.needs for evse in evses], strict=True)
        for i, told_needs in [(i, one) for i, one in pairs if one is not needs[i]]:
            needs[i] = told_needs
            self._read_needs(i, told_needs or _NO_NEEDS)

    def _read_needs(self, i: int, needs: ChargingNeedsTold) -> None:
        told = self.told
        told.max_charge_w[i] = _number(needs.max_charge_w)
        told.max_discharge_w[i] = _number(needs.max_discharge_w)
        told.energy_wh[i] = _number(needs.energy_wh)
        told.departure_s[i] = needs.departure.timestamp() if needs.departure else nan
        told.capacity_wh[i] = _number(needs.capacity_wh)
        told.target_soc_frac[i] = _number(needs.target_soc_frac)
        told.arrival_soc_frac[i] = _number(needs.soc_frac)

    def _read_plans(self, rows: list[int], now: datetime) -> None:
        planned = [self._plans.planned_w(self._here[i][1], now) for i in rows]
        self.told.planned_w[rows] = _column(planned)

    def _read_station(self, first: int) -> None:
        told, station = self.told, self._here[first][0]
        for i in self._rows_of[first]:
            told.leadable[i] = station.connected and station.capabilities.controllable
            told.trips_itself[i] = self._trips_itself(self.keys[i])
            told.curves.put(i, self._curve(self.keys[i]))


def _column(values: list[Any]) -> FloatArray:
    """``None`` as NaN."""
    return np.array(values, np.float64)


def _number(value: float | None) -> float:
    return nan if value is None else value


def _without_nan(values: list[float | None]) -> FloatArray:
    """Infinite for a power that is not a number, which would pass for one that was not told."""
    column = _column(values)
    for at in np.flatnonzero(np.isnan(column)).tolist():
        if values[at] is not None:
            column[at] = inf
    return column
