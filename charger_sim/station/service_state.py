"""Whether an EVSE may exchange power with the grid now: it trips, waits, comes back (2.1 block R).

Sans I/O; the random part of a delay is drawn from the generator that comes in. A trip curve says
after how many seconds (x) beyond a frequency in Hz or a voltage in percent of nominal (y) the EVSE
must cease to exchange power: each point is one such pair, as IEEE 1547-2018 tables 11 and 18 give
them. EnterService counts only while out of service (4.10 there): the EVSE comes back when voltage
and frequency have been inside its window for ``delay`` and a random part of ``randomDelay``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Any

TRIP_KINDS = ("LFMustTrip", "HFMustTrip", "LVMustTrip", "HVMustTrip")
GRID_EVENT = {
    "LFMustTrip": "UnderFrequency",
    "HFMustTrip": "OverFrequency",
    "LVMustTrip": "UnderVoltage",
    "HVMustTrip": "OverVoltage",
}
_ENTRY = "EnterService"
_EPS_S = 1e-6


@dataclass(frozen=True, slots=True)
class Trip:
    """Out of service after ``after_s`` beyond ``threshold``, Hz or percent of nominal voltage."""

    kind: str
    after_s: float
    threshold: float

    def holds(self, f_hz: float, v_pct: float) -> bool:
        value = f_hz if self.kind[1] == "F" else v_pct
        return value < self.threshold if self.kind[0] == "L" else value > self.threshold


@dataclass(frozen=True, slots=True)
class EnterWindow:
    """When an EVSE may come back. Voltages are percent of nominal."""

    low_hz: float
    high_hz: float
    low_v_pct: float
    high_v_pct: float
    delay_s: float = 0.0
    random_s: float = 0.0

    def inside(self, f_hz: float, v_pct: float) -> bool:
        return self.low_hz <= f_hz <= self.high_hz and self.low_v_pct <= v_pct <= self.high_v_pct


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """The controls in force. ``ramp_s`` and ``soft_ramp_s`` are the time that a change over the
    whole rating takes, ``soft`` after coming back; 0 is at once."""

    trips: tuple[Trip, ...] = ()
    window: EnterWindow | None = None
    ramp_s: float = 0.0
    soft_ramp_s: float = 0.0


def read_trips(kind: str, curve: dict[str, Any]) -> Iterable[Trip]:
    """The points of a must-trip curve."""
    return (Trip(kind, float(p["x"]), float(p["y"])) for p in curve["curveData"])


def read_window(body: dict[str, float]) -> EnterWindow:
    return EnterWindow(
        low_hz=body["lowFreq"],
        high_hz=body["highFreq"],
        low_v_pct=body["lowVoltage"],
        high_v_pct=body["highVoltage"],
        delay_s=body.get("delay", 0.0),
        random_s=body.get("randomDelay", 0.0),
    )


class ServiceState:
    """One EVSE's. ``out_because`` is the control that keeps it out, ``None`` while in service;
    ``soft`` tells that the power still ramps up after coming back."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.out_because: str | None = None
        self.soft = False
        self.trips = 0
        self._beyond_s: dict[Trip, float] = {}
        self._inside_s = 0.0
        self._wait_s = 0.0
        self._entering = True

    @property
    def in_service(self) -> bool:
        return self.out_because is None

    def session_ended(self) -> None:
        """The next session enters service anew: only inside the window, and softly."""
        self._entering = True

    def step(self, rules: ServiceRules, dt_s: float, f_hz: float, v_pct: float) -> bool:
        """Advances ``dt_s`` seconds at this frequency and voltage; whether power may flow."""
        if self.out_because is None:
            self._watch(rules, dt_s, f_hz, v_pct)
        else:
            self._wait(rules, dt_s, f_hz, v_pct)
        return self.out_because is None

    def enter(self, rules: ServiceRules, f_hz: float, v_pct: float) -> None:
        """A session wants power: the first of it comes softly, or not before the grid is well."""
        if not self._entering or self.out_because is not None:
            return
        self._entering, self.soft = False, True
        if rules.window is not None and not rules.window.inside(f_hz, v_pct):
            self._leave(_ENTRY, rules)

    def _watch(self, rules: ServiceRules, dt_s: float, f_hz: float, v_pct: float) -> None:
        held = self._beyond_s
        self._beyond_s = {
            trip: held.get(trip, 0.0) + dt_s for trip in rules.trips if trip.holds(f_hz, v_pct)
        }
        for trip, beyond_s in self._beyond_s.items():
            if beyond_s > trip.after_s - _EPS_S:
                self.trips += 1
                self._leave(trip.kind, rules)
                return

    def _leave(self, because: str, rules: ServiceRules) -> None:
        self.out_because, self._beyond_s, self._inside_s = because, {}, 0.0
        window = rules.window
        self._wait_s = 0.0
        if window is not None:
            self._wait_s = window.delay_s + self._rng.uniform(0.0, window.random_s)

    def _wait(self, rules: ServiceRules, dt_s: float, f_hz: float, v_pct: float) -> None:
        if rules.window is not None:
            well = rules.window.inside(f_hz, v_pct)
        else:
            well = not any(trip.holds(f_hz, v_pct) for trip in rules.trips)
        self._inside_s = self._inside_s + dt_s if well else 0.0
        if well and self._inside_s > self._wait_s - _EPS_S:
            self.out_because, self.soft, self._entering = None, True, False
