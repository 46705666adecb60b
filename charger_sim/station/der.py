"""DER controls of OCPP 2.1 block R: which are held, which is in force, and what they do to power.

Pure. Sign: charge > 0, so an under-frequency response is negative. The droop is IEEE 1547-2018
6.5.2.7: dP/P_rated = (f_start - f) / (f_nominal * droop), with an open-loop response time in which
90 % of a step is reached.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from charger_sim.clock import parse_time
from charger_sim.station.service_state import TRIP_KINDS, ServiceRules, read_trips, read_window

FIELD_OF = {
    "FreqDroop": "freqDroop",
    "EnterService": "enterService",
    "Gradients": "gradient",
    "LimitMaxDischarge": "limitMaxDischarge",
    "FixedPFAbsorb": "fixedPFAbsorb",
    "FixedPFInject": "fixedPFInject",
    "FixedVar": "fixedVar",
}
SUPPORTED = (
    "FreqDroop", "VoltWatt", "LimitMaxDischarge", "EnterService", "Gradients", *TRIP_KINDS,
)  # fmt: skip
DEFAULT_ONLY = {"EnterService", "Gradients"}
MAX_CONTROLS = 24
LN_10 = math.log(10.0)


@dataclass(slots=True)
class DerControl:
    """One control as it came; ``superseded`` once a lower priority number has overruled it."""

    id: str
    type: str
    is_default: bool
    priority: int
    body: dict[str, Any]
    start: datetime | None = None
    duration_s: float | None = None
    superseded: bool = False
    announced: bool = False

    def in_force(self, now: datetime) -> bool:
        if self.is_default or self.start is None:
            return True
        end = self.start + timedelta(seconds=self.duration_s or 0.0)
        return self.start <= now < end

    def over(self, now: datetime) -> bool:
        if self.start is None or self.duration_s is None:
            return False
        return now >= self.start + timedelta(seconds=self.duration_s)


@dataclass(frozen=True, slots=True)
class DerAnswer:
    status: str
    reason: str | None = None
    superseded_ids: tuple[str, ...] = ()


class DerStore:
    """Holds default and scheduled controls (R04)."""

    def __init__(self, *, available: bool) -> None:
        self.available = available
        self.controls: dict[str, DerControl] = {}

    def set(self, request: dict[str, Any], now: datetime) -> DerAnswer:
        """SetDERControl; never raises on a schema-valid request."""
        kind, is_default = request["controlType"], request["isDefault"]
        if not self.available or kind not in SUPPORTED:
            return DerAnswer("NotSupported", "UnsupportedParam")
        field = FIELD_OF.get(kind, "curve")
        carried = [name for name in {*FIELD_OF.values(), "curve"} if name in request]
        if carried != [field]:  # R04.FR.15-17
            return DerAnswer("Rejected", "InvalidValue")
        body = request[field]
        start, duration = body.get("startTime"), body.get("duration")
        if is_default and (start is not None or duration is not None):  # R04.FR.12
            return DerAnswer("Rejected", "InvalidValue")
        if not is_default and (kind in DEFAULT_ONLY or duration is None):
            return DerAnswer("Rejected", "InvalidValue")
        if not _in_range(kind, body):
            return DerAnswer("Rejected", "ValueOutOfRange")
        if request["controlId"] not in self.controls and len(self.controls) >= MAX_CONTROLS:
            return DerAnswer("Rejected", "OutOfStorage")
        control = DerControl(
            id=request["controlId"],
            type=kind,
            is_default=is_default,
            priority=body["priority"],
            body=body,
            start=None if is_default else (parse_time(start) if start else now),
            duration_s=duration,
        )
        return DerAnswer("Accepted", superseded_ids=self._admit(control))

    def _admit(self, new: DerControl) -> tuple[str, ...]:
        """A strictly lower priority number overrules (R04.FR.03, .06); ties live side by side and
        the latest is in force."""
        self.controls.pop(new.id, None)
        overruled: list[str] = []
        for held in self.controls.values():
            if (held.type, held.is_default) != (new.type, new.is_default) or held.superseded:
                continue
            if not _overlap(held, new):
                continue
            loser = None
            if new.priority < held.priority:
                loser = held
            elif new.priority > held.priority:
                loser = new
            if loser is not None and not loser.superseded:
                loser.superseded = True
                overruled.append(loser.id)
        self.controls[new.id] = new
        return tuple(overruled)

    def clear(self, request: dict[str, Any]) -> DerAnswer:
        """ClearDERControl by id, or by type and default flag."""
        if not self.available:
            return DerAnswer("NotSupported")
        doomed = [c.id for c in self.matching(request)]
        for control_id in doomed:
            del self.controls[control_id]
        return DerAnswer("Accepted" if doomed else "NotFound")

    def matching(self, request: dict[str, Any]) -> list[DerControl]:
        """Controls that fit ``controlId``, ``controlType`` and ``isDefault`` where given."""
        return [
            c
            for c in self.controls.values()
            if request.get("controlId") in {None, c.id}
            and request.get("controlType") in {None, c.type}
            and request.get("isDefault") in {None, c.is_default}
        ]

    def current(self, kind: str, now: datetime) -> DerControl | None:
        """The control of one type in force: scheduled before default, then priority, then age."""
        best: DerControl | None = None
        for control in self.controls.values():
            if control.type != kind or control.superseded or not control.in_force(now):
                continue
            if best is None or (control.is_default, control.priority) <= (
                best.is_default,
                best.priority,
            ):
                best = control
        return best

    def transitions(self, now: datetime) -> list[tuple[DerControl, bool]]:
        """Scheduled controls that began (True) or ended (False) since the last call; ended ones
        are dropped (R04.FR.20-22)."""
        changes: list[tuple[DerControl, bool]] = []
        for control in list(self.controls.values()):
            if control.is_default or control.superseded:
                continue
            if not control.announced and control.in_force(now):
                control.announced = True
                changes.append((control, True))
            elif control.over(now):
                del self.controls[control.id]
                if control.announced:
                    changes.append((control, False))
        return changes


def _in_range(kind: str, body: dict[str, Any]) -> bool:
    """What the schema cannot say: slopes and times that mean something, units that fit."""
    if kind == "FreqDroop":
        return bool(min(body["overDroop"], body["underDroop"]) > 0)
    if kind in TRIP_KINDS:  # R04.FR.51
        return body["yUnit"] == "Not_Applicable" and all(p["x"] >= 0 for p in body["curveData"])
    if kind == "EnterService":
        not_negative = all(body.get(name, 0) >= 0 for name in ("delay", "randomDelay", "rampRate"))
        ordered = body["lowFreq"] < body["highFreq"] and body["lowVoltage"] < body["highVoltage"]
        return bool(ordered and not_negative)
    if kind == "Gradients":
        return bool(min(body["gradient"], body["softGradient"]) >= 0)
    return True


def _overlap(a: DerControl, b: DerControl) -> bool:
    if a.start is None or b.start is None:
        return True
    a_end = a.start + timedelta(seconds=a.duration_s or 0.0)
    b_end = b.start + timedelta(seconds=b.duration_s or 0.0)
    return a.start < b_end and b.start < a_end


def droop_w(body: dict[str, float], f_hz: float, f_nominal_hz: float, rated_w: float) -> float:
    """Steady change of power that ``freqDroop`` asks for at ``f_hz``, W; 0 inside the dead band."""
    if f_hz < body["underFreq"]:
        return -rated_w * (body["underFreq"] - f_hz) / (f_nominal_hz * body["underDroop"])
    if f_hz > body["overFreq"]:
        return rated_w * (f_hz - body["overFreq"]) / (f_nominal_hz * body["overDroop"])
    return 0.0


def lag(value: float, target: float, response_time_s: float, dt_s: float) -> float:
    """First-order step whose 90 % point is ``response_time_s`` (open-loop response time)."""
    if response_time_s <= 0.0:
        return target
    return target + (value - target) * math.exp(-LN_10 * dt_s / response_time_s)


def curve_y(points: list[dict[str, float]], x: float) -> float:
    """Linear interpolation, constant outside."""
    ordered = sorted((p["x"], p["y"]) for p in points)
    if x <= ordered[0][0]:
        return ordered[0][1]
    for (x0, y0), (x1, y1) in pairwise(ordered):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return ordered[-1][1]


def service_rules(der: DerStore, now: datetime) -> ServiceRules:
    """The trip curves, EnterService and Gradients in force. OCPP 2.1 gives ramps in seconds."""
    trips = [
        trip
        for kind in TRIP_KINDS
        if (control := der.current(kind, now)) is not None
        for trip in read_trips(kind, control.body)
    ]
    gradients, enter = der.current("Gradients", now), der.current("EnterService", now)
    ramp_s = soft_s = 0.0
    if gradients is not None:
        ramp_s, soft_s = gradients.body["gradient"], gradients.body["softGradient"]
    if enter is not None:
        soft_s = enter.body.get("rampRate", 0.0) or soft_s
    return ServiceRules(
        trips=tuple(trips),
        window=None if enter is None else read_window(enter.body),
        ramp_s=ramp_s,
        soft_ramp_s=soft_s or ramp_s,
    )
