"""Which grid controls each station of the site is given: its own droop curve, its own share of ride-through. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from zlib import crc32

import numpy as np

from csms.dispatch.frequency.droop_curves import freq_watt, shifted, split_droop
from csms.domain.der import DerControl, FreqDroop, droop_control
from csms.domain.fleet import EvsePlace
from csms.domain.ride_through import RideThrough, RideThroughPolicy, der_controls, ride_through
from csms.ids import EvseKey, StationId
from csms.units import NOMINAL_PHASE_V

AC_STEP_A = 1.0
"""Resolution of IEC 61851-1 chargers."""


class GridControls:
    """For the EVSEs of one site. Stations are ranked as the site lists them, so that nobody's share moves when another
    comes or goes; a station that the site does not list gets a share by its name."""

    def __init__(
        self,
        places: Mapping[EvseKey, EvsePlace],
        droop: FreqDroop | None,
        policy: RideThroughPolicy | None,
        nominal_hz: float,
        *,
        droop_full_w: float | None = None,
    ) -> None:
        """``droop_full_w`` is what all of the site give together where ``droop`` asks for 1 pu; ``None``: each its
        rating. Raises ``ValueError`` when they cannot give as much."""
        self.policy = policy
        self._droop = droop
        self._nominal_hz = nominal_hz
        stations: dict[StationId, EvsePlace] = {}
        for key, place in places.items():
            stations.setdefault(key.station_id, place)
        self._rank = {station_id: n for n, station_id in enumerate(stations)}
        self._curves: dict[StationId, FreqDroop | None] = {}
        if droop is not None:
            rated_w = np.array([place.rated_w for place in stations.values()])
            steps_w = np.array([charger_step_w(place) for place in stations.values()])
            curves: tuple[FreqDroop | None, ...] = shifted(droop, rated_w, steps_w, nominal_hz)
            if droop_full_w is not None and stations:
                curves = split_droop(droop, droop_full_w, rated_w, rated_w, steps_w, nominal_hz)
            self._curves = dict(zip(stations, curves, strict=True))

    def droop(self, station_id: StationId) -> FreqDroop | None:
        """The station's own curve; ``None`` without droop."""
        return self._curves.get(station_id, self._droop)

    def freq_watt(self, place: EvsePlace, station_id: StationId) -> tuple[tuple[float, float], ...]:
        """The station's droop as points of a profile's curve (Q08); empty without droop."""
        droop = self.droop(station_id)
        if droop is None:
            return ()
        rated_w = place.rated_w
        return freq_watt(droop, rated_w, rated_w, rated_w, self._nominal_hz)

    def share(self, policy: RideThroughPolicy, station_id: StationId) -> RideThrough:
        """When the station trips and returns."""
        rank = self._rank.get(station_id)
        return ride_through(policy, crc32(station_id.encode()) if rank is None else rank)

    def der_controls(self, station_id: StationId) -> tuple[DerControl, ...]:
        """What a 2.1 station is given to run by itself."""
        droop = self.droop(station_id)
        controls: tuple[DerControl, ...] = () if droop is None else (droop_control(droop),)
        if self.policy is not None:
            controls += der_controls(self.policy, self.share(self.policy, station_id))
        return controls


def charger_step_w(place: EvsePlace) -> float:
    """The least change of power that the EVSE makes, W."""
    if place.min_current_a <= 0.0:
        return place.step_w
    return max(place.step_w, AC_STEP_A * NOMINAL_PHASE_V * place.phases.n_phases)
