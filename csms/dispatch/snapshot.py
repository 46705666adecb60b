"""The fleet at one instant, as the numbers that the dispatcher decides upon. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from statistics import median

from csms.dispatch.wants import Want, want
from csms.domain.fleet import EvsePlace, EvseState, Fleet, StationState
from csms.ids import EvseKey


class Footing(StrEnum):
    """How far an EVSE can be led now."""

    IDLE = "idle"
    """No transaction: it draws what it draws."""
    LED = "led"
    """Connected, telling fresh values, obeying setpoints."""
    STALE = "stale"
    """Connected, but its values are old or frozen: sent to its safe power, assumed to draw the worst (G3)."""
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


@dataclass(frozen=True, slots=True)
class Snapshot:
    evses: tuple[EvseNow, ...]
    frequency_hz: float | None


def take(
    fleet: Fleet,
    previous_wants: Mapping[EvseKey, float],
    safe_power_w: Mapping[EvseKey, float],
    *,
    now: datetime,
    now_s: float,
    stale_after_s: float,
    nominal_phase_v: float,
) -> Snapshot:
    """All EVSEs that stand on the feeder. The frequency is the median of fresh measurements: one liar moves nothing."""
    evses: list[EvseNow] = []
    frequencies: list[float] = []
    for station in fleet:
        for evse in station.evses.values():
            if evse.place is None:
                continue
            fresh = is_fresh(evse, now_s, stale_after_s)
            reading = evse.reading if fresh else None
            if reading is not None and reading.frequency_hz is not None:
                frequencies.append(reading.frequency_hz)
            want_w, safe_w = previous_wants.get(evse.key), safe_power_w[evse.key]
            evses.append(
                _evse_now(station, evse, evse.place, fresh, now, nominal_phase_v, want_w, safe_w)
            )
    return Snapshot(tuple(evses), median(frequencies) if frequencies else None)


def is_fresh(evse: EvseState, now_s: float, stale_after_s: float) -> bool:
    """Received lately, and moving: a frozen meter that keeps talking is as blind as a silent one."""
    return (
        evse.reading_received_s is not None
        and evse.changed_s is not None
        and now_s - evse.reading_received_s <= stale_after_s
        and now_s - evse.changed_s <= stale_after_s
    )


def _evse_now(
    station: StationState,
    evse: EvseState,
    place: EvsePlace,
    fresh: bool,
    now: datetime,
    nominal_phase_v: float,
    previous_want_w: float | None,
    safe_w: float,
) -> EvseNow:
    reading = evse.reading if fresh else None
    last_w = evse.reading.power_w if evse.reading else None
    measured_w = last_w if last_w is not None and fresh else None
    if not evse.is_charging:
        footing = Footing.IDLE
    elif not station.connected or not station.capabilities.controllable:
        footing = Footing.ALONE
    elif fresh:
        footing = Footing.LED
    else:
        footing = Footing.STALE
    wish = want(place, evse.needs, reading, evse.commanded_w, previous_want_w, now)
    # Without a fresh value, the worst of: what it drew last, what it was told last, what it does on its own.
    worst_w = max(last_w or 0.0, evse.commanded_w or 0.0, safe_w)
    assumed_w = {
        Footing.IDLE: measured_w or 0.0,
        Footing.LED: measured_w or 0.0,
        Footing.STALE: worst_w,
        Footing.ALONE: measured_w if measured_w is not None else worst_w,
    }[footing]
    v_pu = None
    if reading is not None and reading.voltage_v is not None:
        a, b, c = reading.voltage_v
        v_pu = (_pu(a, nominal_phase_v), _pu(b, nominal_phase_v), _pu(c, nominal_phase_v))
    return EvseNow(evse.key, place, footing, measured_w or 0.0, assumed_w, wish, v_pu)


def _pu(volts: float | None, nominal_v: float) -> float | None:
    return None if volts is None else volts / nominal_v
