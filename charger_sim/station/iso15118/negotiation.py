"""The schedule that a car is offered, out of the charging profiles (K15, K16). Pure.

Set-points reach the car in every round of its charge loop. What lasts is a schedule, which is
negotiated anew when it changes; and so it is when the charger may give materially more than the car
was offered, since a car plans by that. Less is enforced in the loop as well (K16.FR.11).
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from charger_sim.iso15118.backend import PowerSchedule
from charger_sim.station.evse import Evse
from charger_sim.station.profiles import Grant, ProfileStore, composite, evaluate

if TYPE_CHECKING:
    from charger_sim.station.profiles.model import Schedule
    from charger_sim.station.station import Station

HORIZON_S: Final = 86_400.0
MAX_ENTRIES: Final = 12
"""Of a schedule that small EVCCs can take; never more than the car asks for."""
RAISE_FRAC: Final = 0.1
RAISE_INTERVAL_S: Final = 60.0
"""So much more power is worth a renegotiation, and not sooner than this after the last."""
Limits = tuple[tuple[float, float], ...]
Plan = tuple[tuple[int, "Schedule"], ...]


class Negotiation:
    """Of one session. ``round`` counts the offers."""

    def __init__(self, station: Station, evse: Evse) -> None:
        self._station = station
        self._evse = evse
        self._plan_offered: Plan | None = None
        self._limits: Limits = ()
        """What the car was offered, where that is less than the rating throughout."""
        self._since: datetime | None = None
        self.round = 0

    def offer(self, max_entries: int) -> tuple[PowerSchedule, ...]:
        st, evse = self._station, self._evse
        self._plan_offered = self._plan()
        self._limits, self._since = (), st.clock.now()
        self.round += 1
        rating_w = evse.config.max_charge_w
        lasting = st.profiles.lasting()
        if not self._plan_offered and not lasting.of(evse.config.id, "Tx"):
            return (PowerSchedule(1, ((0.0, rating_w),), HORIZON_S),)
        steps = composite(
            lasting, evse.config.id, st.moment(evse), HORIZON_S, evse.supply(st.n_active())
        )
        now_w = self._set_point_w()
        raised = [(offset_s, min(max(_charge_w(g), now_w), rating_w)) for offset_s, g in steps]
        limits = [raised[0], *(b for a, b in pairwise(raised) if a[1] != b[1])]
        self._limits = tuple(limits[: max(1, min(max_entries, MAX_ENTRIES))])
        return (PowerSchedule(1, self._limits, HORIZON_S),)

    @property
    def outdated(self) -> bool:
        """Whether the car should be offered another schedule than the one it has."""
        if self._plan_offered is None:
            return False
        return self._plan_offered != self._plan() or self._is_raised()

    def _is_raised(self) -> bool:
        if not self._limits or self._since is None:
            return False
        st, evse = self._station, self._evse
        elapsed_s = (st.clock.now() - self._since).total_seconds()
        if elapsed_s < RAISE_INTERVAL_S:
            return False
        offered_w = [limit_w for start_s, limit_w in self._limits if start_s <= elapsed_s][-1]
        rating_w = evse.config.max_charge_w
        granted_w = _charge_w(self._granted(st.profiles))
        return min(granted_w, rating_w) > offered_w + RAISE_FRAC * rating_w

    def _set_point_w(self) -> float:
        """What is granted now, if a set-point grants it; else 0."""
        profiles = self._station.profiles
        granted, lasting = self._granted(profiles), self._granted(profiles.lasting())
        return 0.0 if granted == lasting else _charge_w(granted)

    def _granted(self, profiles: ProfileStore) -> Grant:
        st, evse = self._station, self._evse
        return evaluate(profiles, evse.config.id, st.moment(evse), evse.supply(st.n_active()))

    def _plan(self) -> Plan:
        return tuple(
            (profile.id, profile.schedule)
            for evse_id, profile in self._station.profiles
            if evse_id in {0, self._evse.config.id} and len(profile.schedule.periods) > 1
        )


def _charge_w(grant: Grant) -> float:
    return max(0.0, grant.limit_w if grant.setpoint_w is None else grant.setpoint_w)
