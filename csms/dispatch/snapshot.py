"""The fleet at one instant, as the numbers that the dispatcher decides upon. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import inf, isnan
from statistics import median

from csms.dispatch.energy_room import NOT_TOLD, EnergyRoom, energy_room
from csms.dispatch.regulation import RegulationCall
from csms.dispatch.wants import Want, want
from csms.domain.fleet import EvsePlace, EvseState, StationState
from csms.ids import EvseKey

PLAUSIBLE_POWER = 2.0
"""Times its rating: an EVSE that claims to draw more has a broken meter."""
PLAUSIBLE_V_PU = (0.4, 1.6)
PLAUSIBLE_HZ = (40.0, 70.0)


class Footing(StrEnum):
    """How far an EVSE can be led now."""

    IDLE = "idle"
    """No transaction: it draws what it draws."""
    LED = "led"
    """Connected, telling fresh values, obeying setpoints."""
    STALE = "stale"
    """Connected, but its values are old, frozen or absurd: sent to its safe power, assumed to draw the worst (G3)."""
    ALONE = "alone"
    """Not connected, or refusing setpoints: assumed to draw the worst of what it was last allowed (G4)."""


@dataclass(frozen=True, slots=True)
class EvseNow:
    key: EvseKey
    place: EvsePlace
    footing: Footing
    measured_w: float
    """0 when unknown and idle."""
    assumed_w: float
    """What the feeder must bear from it if it is not led."""
    want: Want
    v_pu: tuple[float | None, float | None, float | None] | None
    """Fresh measured voltage, pu of nominal, in the order of the phases it is wired to."""
    room: EnergyRoom = NOT_TOLD
    age_s: float = 0.0
    """Of its last reading."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    evses: tuple[EvseNow, ...]
    frequency_hz: float | None
    regulation: RegulationCall | None = None
    import_w: float | None = None
    """By a meter at the feeder's head, where there is one."""


def take(
    stations: Iterable[StationState],
    previous_wants: Mapping[EvseKey, float],
    safe_power_w: Mapping[EvseKey, float],
    *,
    now: datetime,
    now_s: float,
    stale_after_s: float,
    nominal_phase_v: float,
    lease_s: float = inf,
    planned_w: Callable[[EvseState], float | None] = lambda _evse: None,
    frequency_hz: float | None = None,
    droop_w: Callable[[EvseKey, EvsePlace], float] = lambda _key, _place: 0.0,
) -> Snapshot:
    """All EVSEs of ``stations`` that stand on the feeder.

    ``planned_w``: what the schedule has for an EVSE now, ``None`` for one that is not planned. ``droop_w`` <= 0: what
    its station's own droop may have taken off what its meter shows.
    """
    evses: list[EvseNow] = []
    for station in stations:
        for evse in station.evses.values():
            if evse.place is None:
                continue
            fresh = is_fresh(evse, now_s, stale_after_s) and is_plausible(evse, evse.place)
            want_w = previous_wants.get(evse.key)
            worst_w = _worst_w(evse, safe_power_w[evse.key], now_s, lease_s)
            evses.append(
                _evse_now(
                    station,
                    evse,
                    evse.place,
                    fresh,
                    now,
                    nominal_phase_v,
                    want_w,
                    worst_w,
                    planned_w(evse),
                    droop_w(evse.key, evse.place),
                    max(0.0, now_s - (evse.reading_received_s or now_s)),
                )
            )
    return Snapshot(tuple(evses), frequency_hz)


def frequency_of(
    stations: Iterable[StationState], now_s: float, stale_after_s: float
) -> float | None:
    """The median of fresh measurements, Hz: one liar moves nothing."""
    told = [
        evse.reading.frequency_hz
        for station in stations
        for evse in station.evses.values()
        if evse.reading is not None
        and evse.reading.frequency_hz is not None
        and PLAUSIBLE_HZ[0] <= evse.reading.frequency_hz <= PLAUSIBLE_HZ[1]
        and evse.place is not None
        and is_fresh(evse, now_s, stale_after_s)
        and is_plausible(evse, evse.place)
    ]
    return median(told) if told else None


def is_fresh(evse: EvseState, now_s: float, stale_after_s: float) -> bool:
    """Received lately, and moving: a frozen meter that keeps talking is as blind as a silent one."""
    return (
        evse.reading_received_s is not None
        and evse.changed_s is not None
        and now_s - evse.reading_received_s <= stale_after_s
        and now_s - evse.changed_s <= stale_after_s
    )


def is_plausible(evse: EvseState, place: EvsePlace) -> bool:
    """Whether its power can be true. An absurd one has no AC solution, and would cost the whole feeder its control."""
    power_w = evse.reading.power_w if evse.reading else None
    most_w = PLAUSIBLE_POWER * place.rated_w
    return power_w is None or abs(power_w) <= most_w


def _worst_w(evse: EvseState, safe_w: float, now_s: float, lease_s: float) -> float:
    """What it may draw while nobody sees it: what it accepted, until that lease ends; then its safe default.

    A meter's last word does not count beside a setpoint that was accepted later: taken as drawn, it would be
    mistaken for an error of the feeder's model and corrected away.
    """
    if evse.commanded_w is not None and evse.commanded_s is not None:
        leased = now_s - evse.commanded_s <= lease_s
        return max(evse.commanded_w, safe_w) if leased else safe_w
    last_w = (evse.reading.power_w if evse.reading else None) or 0.0
    most_w = evse.place.max_power_w if evse.place else inf
    return max(most_w if isnan(last_w) else min(last_w, most_w), safe_w)


def _evse_now(
    station: StationState,
    evse: EvseState,
    place: EvsePlace,
    fresh: bool,
    now: datetime,
    nominal_phase_v: float,
    previous_want_w: float | None,
    worst_w: float,
    planned_w: float | None,
    droop_w: float,
    age_s: float,
) -> EvseNow:
    reading = evse.reading if fresh else None
    measured_w = reading.power_w if reading else None
    if not evse.is_charging:
        footing = Footing.IDLE
    elif not station.connected or not station.capabilities.controllable:
        footing = Footing.ALONE
    elif fresh:
        footing = Footing.LED
    else:
        footing = Footing.STALE
    allowed_w = evse.commanded_w
    if allowed_w is not None and evse.commanded_before_w is not None:
        allowed_w = min(allowed_w, evse.commanded_before_w)  # the meter may not have followed yet
    wish = want(place, evse.needs, reading, allowed_w, previous_want_w, now, planned_w, droop_w)
    if footing is Footing.IDLE:
        assumed_w = measured_w or 0.0
    elif footing is Footing.STALE or measured_w is None:  # fresh values need not tell the power
        assumed_w = worst_w
    else:
        assumed_w = measured_w
    v_pu = None
    if reading is not None and reading.voltage_v is not None:
        a, b, c = reading.voltage_v
        v_pu = (_pu(a, nominal_phase_v), _pu(b, nominal_phase_v), _pu(c, nominal_phase_v))
    room = energy_room(evse.needs, reading.soc_frac if reading else None, now)
    return EvseNow(evse.key, place, footing, measured_w or 0.0, assumed_w, wish, v_pu, room, age_s)


def _pu(volts: float | None, nominal_v: float) -> float | None:
    v_pu = None if volts is None else volts / nominal_v
    return v_pu if v_pu is not None and PLAUSIBLE_V_PU[0] <= v_pu <= PLAUSIBLE_V_PU[1] else None
