"""The fleet as the planner sees it: which cars stand where, what they told, and when that changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from csms.dispatch.planner.needs import PluggedIn
from csms.domain.events import ChargingNeedsTold
from csms.domain.fleet import EvsePlace, EvseState, Fleet, StationState
from csms.domain.plan import EvPlan
from csms.ids import EvseKey, TransactionId


class Told(NamedTuple):
    """Needs, and the transaction's registers when they were first seen."""

    needs: ChargingNeedsTold
    import_wh: float
    export_wh: float


class FleetSight:
    """Remembers the meter at the moment at which a car told its needs: they say what is wanted from then on."""

    def __init__(self, fleet: Fleet, places: Mapping[EvseKey, EvsePlace]) -> None:
        self._fleet = fleet
        self._places = places
        self._told: dict[EvseKey, Told] = {}
        self._seen: dict[EvseKey, tuple[TransactionId, int | None]] = {}
        self._warned: dict[EvseKey, TransactionId] = {}

    def charging(self) -> list[EvseState]:
        """EVSEs of the site with an open transaction."""
        found = (self._fleet.get(key.station_id) for key in self._places)
        evses = (
            station.evses.get(key.evse_id)
            for key, station in zip(self._places, found, strict=True)
            if station is not None
        )
        return [e for e in evses if e is not None and e.place is not None and e.is_charging]

    def able_w(self) -> dict[EvseKey, float]:
        """What each EVSE of the site may feed back, W; those that may not are left out."""
        return {
            key: place.max_discharge_w
            for key, place in self._places.items()
            if place.max_discharge_w > 0.0
        }

    def changed(self) -> bool:
        """Whether a car came, or told other needs, since the last ``look``."""
        return any(self._seen.get(e.key) != _mark(e) for e in self.charging())

    def look(self, now: datetime) -> list[PluggedIn]:
        """Every car that can be led. The answer of ``changed`` starts anew."""
        evses = self.charging()
        self._seen = {e.key: _mark(e) for e in evses}
        here = self._seen.keys()
        self._told = {key: told for key, told in self._told.items() if key in here}
        self._warned = {key: tx for key, tx in self._warned.items() if key in here}
        cars = []
        for evse in evses:
            station = self._fleet.station(evse.key.station_id)
            if station.connected and station.capabilities.controllable:
                cars.append(self._car(station, evse, now))
        return cars

    def first_told(self, ev: EvPlan) -> bool:
        """Whether this car's shortfall has not been announced yet."""
        key = EvseKey(ev.station_id, ev.evse_id)
        if self._warned.get(key) == ev.transaction_id:
            return False
        self._warned[key] = ev.transaction_id
        return True

    def _car(self, station: StationState, evse: EvseState, now: datetime) -> PluggedIn:
        tx, place = evse.transaction, evse.place
        assert tx is not None  # ``charging`` left the others out
        assert place is not None
        told = self._told.get(evse.key)
        if evse.needs is None:  # a new transaction begins without
            told = None
        elif told is None or told.needs is not evse.needs:
            told = self._told[evse.key] = Told(evse.needs, tx.energy_wh, tx.discharged_wh)
        reading = evse.reading
        since = tx.started or tx.last_at or now
        fresh = reading is not None and reading.at >= since
        return PluggedIn(
            key=evse.key,
            transaction_id=tx.transaction_id,
            place=place,
            started=since,
            token=tx.token.key if tx.token else None,
            import_wh=tx.energy_wh,
            export_wh=tx.discharged_wh,
            needs=evse.needs,
            told_import_wh=told.import_wh if told else 0.0,
            told_export_wh=told.export_wh if told else 0.0,
            soc_frac=reading.soc_frac if reading is not None and fresh else None,
            may_discharge=station.capabilities.discharge,
        )


def _mark(evse: EvseState) -> tuple[TransactionId, int | None]:
    tx = evse.transaction
    assert tx is not None  # ``charging`` left the others out
    return tx.transaction_id, None if evse.needs is None else id(evse.needs)
