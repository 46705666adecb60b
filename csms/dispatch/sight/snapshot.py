"""The fleet at one instant, as the numbers that the dispatcher decides upon. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from csms.dispatch.sight.curves import Curves
from csms.dispatch.sight.energy_room import EnergyRoom, energy_room
from csms.dispatch.sight.places import Places
from csms.dispatch.sight.told import Told
from csms.dispatch.sight.wants import Wants, wants
from csms.grid.network import BoolArray, FloatArray

PLAUSIBLE_POWER = 2.0
"""Times its rating: an EVSE that claims to draw more has a broken meter."""
PLAUSIBLE_V_PU = (0.4, 1.6)
PLAUSIBLE_HZ = (40.0, 70.0)


class Footing(IntEnum):
    """How far an EVSE can be led now."""

    ABSENT = 0
    """Its station has not come yet."""
    IDLE = 1
    """No transaction: it draws what it draws."""
    LED = 2
    """Connected, telling fresh values, obeying setpoints."""
    STALE = 3
    """Connected, but its values are old, frozen or absurd: sent to its safe power, assumed to draw the worst (G3)."""
    ALONE = 4
    """Not connected, or refusing setpoints: assumed to draw the worst of what it was last allowed (G4)."""


@dataclass(frozen=True, slots=True)
class RegulationCall:
    """``change_w`` of the fleet's import against its baseline, < 0 is upward regulation; ``up_w`` and ``down_w`` >= 0
    are the reserve to hold for it."""

    change_w: float = 0.0
    up_w: float = 0.0
    down_w: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """Of N EVSEs. Owns its arrays, but for those that its roster keeps up to date."""

    footing: NDArray[np.int8]  # (N,) of Footing
    measured_w: FloatArray  # (N,) 0 when unknown
    assumed_w: FloatArray  # (N,) what the feeder must bear from it if it is not led
    want: Wants
    v_pu: FloatArray  # (N, 3) fresh and plausible, else NaN; in the order of the phases it is wired to
    age_s: FloatArray  # (N,) of its last reading
    new: BoolArray  # (N,) that reading has come since the cycle before
    room: EnergyRoom
    curves: Curves  # droop of their own; the roster's
    trips_itself: BoolArray  # (N,); the roster's
    frequency_hz: float | None = None
    regulation: RegulationCall | None = None
    import_w: float | None = None  # by a meter at the feeder's head, where there is one

    @property
    def led(self) -> BoolArray:
        """(N,)"""
        return self.footing == Footing.LED


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """When a snapshot is taken, and what counts as fresh then."""

    now: datetime
    now_s: float
    """Monotonic."""
    stale_after_s: float
    lease_s: float = np.inf
    nominal_phase_v: float


def take(
    places: Places,
    told: Told,
    at: Instant,
    *,
    previous_want_w: FloatArray,
    safe_w: FloatArray,
    droop_w: FloatArray,
    seen_s: FloatArray,
    frequency_hz: float | None = None,
    regulation: RegulationCall | None = None,
    import_w: float | None = None,
) -> Snapshot:
    """All (N,): ``previous_want_w``, the wishes of the cycle before (NaN: none); ``safe_w``, what each falls back to;
    ``droop_w`` <= 0, what its station's own droop may have taken off what its meter shows; ``seen_s``, when the
    readings came that the cycle before knew (NaN: none)."""
    fresh = trusted(places, told, at)
    footing = np.where(told.leadable, np.where(fresh, Footing.LED, Footing.STALE), Footing.ALONE)
    footing = np.where(told.charging, footing, Footing.IDLE)
    footing = np.where(told.here, footing, Footing.ABSENT).astype(np.int8)
    measured_w = np.where(fresh, told.power_w, np.nan)
    worst_w = _worst_w(places, told, safe_w, at)
    # fresh values need not tell the power
    unseen = (footing == Footing.STALE) | np.isnan(measured_w)
    known_w = np.nan_to_num(measured_w)
    assumed_w = np.where(unseen & (footing > Footing.IDLE), worst_w, known_w)
    v_pu = told.voltage_v / at.nominal_phase_v
    plausible = (v_pu >= PLAUSIBLE_V_PU[0]) & (v_pu <= PLAUSIBLE_V_PU[1])
    unix_s = at.now.timestamp()
    return Snapshot(
        footing=footing,
        measured_w=known_w,
        assumed_w=assumed_w,
        want=wants(places, told, fresh, previous_want_w, droop_w, unix_s),
        v_pu=np.where(fresh[:, None] & plausible, v_pu, np.nan),
        age_s=np.maximum(at.now_s - np.nan_to_num(told.received_s, nan=at.now_s), 0.0),
        new=fresh & (told.received_s != seen_s),
        room=energy_room(told, fresh, unix_s),
        curves=told.curves,
        trips_itself=told.trips_itself,
        frequency_hz=frequency_hz,
        regulation=regulation,
        import_w=import_w,
    )


def trusted(places: Places, told: Told, at: Instant) -> BoolArray:
    """(N,) whose reading was received lately, moves, and can be true: a frozen meter that keeps talking is as blind as
    a silent one, and an absurd power has no AC solution and would cost the whole feeder its control."""
    oldest_s = at.now_s - at.stale_after_s
    moving = (told.received_s >= oldest_s) & (told.changed_s >= oldest_s)
    absurd = np.abs(told.power_w) > PLAUSIBLE_POWER * places.rated_w
    found: BoolArray = told.here & moving & ~absurd
    return found


def frequency_of(places: Places, told: Told, at: Instant) -> float | None:
    """The median of fresh measurements, Hz: one liar moves nothing."""
    lowest, highest = PLAUSIBLE_HZ
    counts = (
        trusted(places, told, at) & (told.frequency_hz >= lowest) & (told.frequency_hz <= highest)
    )
    return float(np.median(told.frequency_hz[counts])) if counts.any() else None


def _worst_w(places: Places, told: Told, safe_w: FloatArray, at: Instant) -> FloatArray:
    """What each may draw while nobody sees it: what it accepted, until that lease ends; then its safe default.

    A meter's last word does not count beside a setpoint that was accepted later: taken as drawn, it would be
    mistaken for an error of the feeder's model and corrected away.
    """
    was_told = ~np.isnan(told.commanded_w) & ~np.isnan(told.commanded_s)
    leased = at.now_s - told.commanded_s <= at.lease_s
    commanded_w = np.where(leased, np.maximum(told.commanded_w, safe_w), safe_w)
    last_w = np.minimum(np.nan_to_num(told.power_w, posinf=np.inf), places.max_power_w)
    return np.where(was_told, commanded_w, np.maximum(last_w, safe_w))
