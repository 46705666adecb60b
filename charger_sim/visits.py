"""Who comes and goes: puts a scenario's vehicles onto its stations at their times."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import count

from charger_sim.scenario import StationSpec, Visit
from charger_sim.station.station import Station
from charger_sim.vehicle import EvCredentials, Vehicle


class Visits:
    """Arrivals and departures in order of time; ``credentials_of`` (id token, visit) is asked for
    vehicles that speak ISO 15118; by default they do not."""

    def __init__(
        self,
        specs: Iterable[StationSpec],
        stations: Mapping[str, Station],
        epoch: datetime,
        credentials_of: Callable[[str, Visit], EvCredentials | None] = lambda _token, _visit: None,
    ) -> None:
        self._stations = stations
        self._credentials_of = credentials_of
        self._epoch = epoch
        self._due: list[tuple[float, int, str, Visit, bool]] = []
        serial = count()
        for spec in specs:
            for visit in spec.visits:
                self._push(visit.arrival_s, next(serial), spec.id, visit, arriving=True)
                if visit.leave_s is not None:
                    self._push(visit.leave_s, next(serial), spec.id, visit, arriving=False)

    def _push(
        self, at_s: float, serial: int, station_id: str, visit: Visit, *, arriving: bool
    ) -> None:
        heapq.heappush(self._due, (at_s, serial, station_id, visit, arriving))

    def run_due(self, t_s: float) -> None:
        """Plugs and unplugs everything due at ``t_s`` seconds."""
        while self._due and self._due[0][0] <= t_s:
            _, _, station_id, visit, arriving = heapq.heappop(self._due)
            sessions = self._stations[station_id].sessions
            if arriving:
                sessions.plug_in(visit.evse, self._vehicle(station_id, visit))
            elif self._stations[station_id].evses[visit.evse].vehicle is not None:
                sessions.unplug(visit.evse)

    def _vehicle(self, station_id: str, visit: Visit) -> Vehicle:
        need = None if visit.need_s is None else self._epoch + timedelta(seconds=visit.need_s)
        id_token = id_token_of(station_id, visit)
        return Vehicle(
            id_token=id_token,
            capacity_wh=visit.capacity_wh,
            soc_frac=visit.soc_frac,
            max_charge_w=visit.max_charge_w,
            max_discharge_w=visit.max_discharge_w,
            n_phases=visit.n_phases,
            target_soc_frac=visit.target_soc_frac,
            soc_floor_frac=visit.soc_floor_frac,
            departure=need,
            ramp_w_per_s=math.inf if visit.ramp_w_per_s is None else visit.ramp_w_per_s,
            credentials=None if visit.iso15118 is None else self._credentials_of(id_token, visit),
        )


def id_token_of(station_id: str, visit: Visit) -> str:
    """The same vehicle comes to the same EVSE, unless the scenario tells them apart."""
    return visit.id_token or f"EV-{station_id}-{visit.evse}"[:20]
