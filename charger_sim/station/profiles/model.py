"""Charging profiles as values, read from OCPP 1.6, 2.0.1 or 2.1 JSON (Part 2 K, 1.6 chapter 7).

Limits stay in the unit they were sent in; :mod:`.composite` converts. Sign: charge > 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from charger_sim.clock import parse_time

Purpose = Literal["StationMax", "External", "TxDefault", "Tx", "Priority", "LocalGeneration"]

PURPOSES: dict[str, Purpose] = {
    "ChargePointMaxProfile": "StationMax",
    "ChargingStationMaxProfile": "StationMax",
    "ChargingStationExternalConstraints": "External",
    "TxDefaultProfile": "TxDefault",
    "TxProfile": "Tx",
    "PriorityCharging": "Priority",
    "LocalGeneration": "LocalGeneration",
}
RECURRENCE_S = {"Daily": 86_400.0, "Weekly": 604_800.0}


@dataclass(frozen=True, slots=True)
class Period:
    """One step of a schedule. ``limit``, ``discharge_limit`` (<= 0) and ``setpoint`` are per the
    schedule's unit; a 2.1 value with _L2 and _L3 is summed over the phases for W, and for A the
    smallest phase counts (this simulator draws balanced)."""

    start_s: float
    limit: float | None = None
    discharge_limit: float | None = None
    setpoint: float | None = None
    n_phases: int | None = None
    mode: str = "ChargingOnly"
    baseline_w: float = 0.0
    freq_watt: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Schedule:
    unit: Literal["W", "A"]
    periods: tuple[Period, ...]
    start: datetime | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """``wire`` is the profile as it came, for reports; ``received`` is when it (or its last
    UpdateDynamicSchedule) came."""

    id: int
    stack_level: int
    purpose: Purpose
    kind: str
    schedule: Schedule
    received: datetime
    wire: dict[str, Any]
    recurrency: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: str | None = None
    max_offline_s: float | None = None
    invalid_after_offline: bool = False
    pull_interval_s: float | None = None

    @property
    def is_set_point(self) -> bool:
        """One value on a short lease, rather than a schedule that a car could plan by."""
        leased = self.kind == "Dynamic" or self.schedule.duration_s is not None
        return leased and len(self.schedule.periods) == 1


def _time(value: Any) -> datetime | None:
    return None if value is None else parse_time(value)


def _phases(period: dict[str, Any], name: str, unit: str) -> float | None:
    values = [period[key] for key in (name, f"{name}_L2", f"{name}_L3") if key in period]
    if not values:
        return None
    if len(values) == 1:
        return float(values[0])
    return float(sum(values)) if unit == "W" else float(min(values, key=abs))


def parse_period(period: dict[str, Any], unit: str) -> Period:
    curve = period.get("v2xFreqWattCurve", ())
    return Period(
        start_s=float(period["startPeriod"]),
        limit=_phases(period, "limit", unit),
        discharge_limit=_phases(period, "dischargeLimit", unit),
        setpoint=_phases(period, "setpoint", unit),
        n_phases=period.get("numberPhases"),
        mode=period.get("operationMode", "ChargingOnly"),
        baseline_w=float(period.get("v2xBaseline", 0.0)),
        freq_watt=tuple(sorted((float(p["frequency"]), float(p["power"])) for p in curve)),
    )


def parse_profile(wire: dict[str, Any], received: datetime) -> Profile:
    """Reads ``csChargingProfiles`` (1.6) or ``chargingProfile`` (2.x), already schema-valid.

    Raises ``ValueError`` naming what cannot be read.
    """
    schedules = wire["chargingSchedule"]
    raw = schedules if isinstance(schedules, dict) else schedules[0]
    unit = raw["chargingRateUnit"]
    periods = tuple(parse_period(p, unit) for p in raw["chargingSchedulePeriod"])
    if not periods or periods[0].start_s != 0.0:
        raise ValueError("the first chargingSchedulePeriod must have startPeriod 0")
    if any(b.start_s <= a.start_s for a, b in pairwise(periods)):
        raise ValueError("startPeriod must grow from one period to the next")
    tx = wire.get("transactionId")
    duration = raw.get("duration")
    return Profile(
        id=int(wire["id"] if "id" in wire else wire["chargingProfileId"]),
        stack_level=wire["stackLevel"],
        purpose=PURPOSES[wire["chargingProfilePurpose"]],
        kind=wire["chargingProfileKind"],
        schedule=Schedule(
            unit=unit,
            periods=periods,
            start=_time(raw.get("startSchedule")),
            duration_s=None if duration is None else float(duration),
        ),
        received=received,
        wire=wire,
        recurrency=wire.get("recurrencyKind"),
        valid_from=_time(wire.get("validFrom")),
        valid_to=_time(wire.get("validTo")),
        transaction_id=None if tx is None else str(tx),
        max_offline_s=wire.get("maxOfflineDuration"),
        invalid_after_offline=wire.get("invalidAfterOfflineDuration", False),
        pull_interval_s=wire.get("dynUpdateInterval"),
    )


def with_update(profile: Profile, update: dict[str, Any], received: datetime) -> Profile:
    """A Dynamic profile after UpdateDynamicSchedule: only the named values change (K28.FR.06)."""
    raw = dict(profile.wire["chargingSchedule"][0])
    period = {**raw["chargingSchedulePeriod"][0], **update}
    raw["chargingSchedulePeriod"] = [period]
    schedule = replace(profile.schedule, periods=(parse_period(period, profile.schedule.unit),))
    wire = {**profile.wire, "chargingSchedule": [raw]}
    return replace(profile, schedule=schedule, wire=wire, received=received)
