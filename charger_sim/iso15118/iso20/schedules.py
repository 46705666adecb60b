"""Power schedules and prices of ScheduleExchangeRes, and power profiles of the EV."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from charger_sim.iso15118.backend import PowerSchedule, PriceEntry
from charger_sim.iso15118.iso20.messages import Body
from charger_sim.iso15118.iso20.numbers import rational, real

MAX_ENTRIES: Final = 1024
_MAX_TUPLES: Final = 3
_MAX_DURATION_S: Final = 2**32 - 1


def _durations(starts_s: Sequence[float], end_s: float) -> list[int]:
    edges = [*starts_s, max(end_s, starts_s[-1] + 1.0)]
    return [min(_MAX_DURATION_S, max(1, round(b - a))) for a, b in pairwise(edges)]


def write_tuples(schedules: Sequence[PowerSchedule], anchor_s: int, *, discharge: bool) -> Body:
    """Scheduled_SEResControlMode. `anchor_s` is Unix time; with `discharge` the same limits hold
    for giving back.

    Raises ValueError for a schedule without entries.
    """
    rows = []
    for schedule in schedules[:_MAX_TUPLES]:
        power = {"PowerSchedule": _power(schedule, anchor_s)}
        charging: Body = dict(power)
        if schedule.tariff:
            charging["PriceLevelSchedule"] = _levels(schedule, anchor_s)
        row: Body = {"ScheduleTupleID": max(1, schedule.tuple_id), "ChargingSchedule": charging}
        if discharge:
            row["DischargingSchedule"] = power
        rows.append(row)
    return {"ScheduleTuple": rows}


def _power(schedule: PowerSchedule, anchor_s: int) -> Body:
    limits = schedule.limits[:MAX_ENTRIES]
    if not limits:
        raise ValueError(f"schedule {schedule.tuple_id} has no entries")
    durations = _durations([start for start, _ in limits], schedule.duration_s)
    return {
        "TimeAnchor": anchor_s,
        "PowerScheduleEntries": {
            "PowerScheduleEntry": [
                {"Duration": duration, "Power": rational(power_w)}
                for duration, (_, power_w) in zip(durations, limits, strict=True)
            ]
        },
    }


def _levels(schedule: PowerSchedule, anchor_s: int) -> Body:
    entries = schedule.tariff[:MAX_ENTRIES]
    durations = _durations([each.start_s for each in entries], schedule.duration_s)
    return {
        "TimeAnchor": anchor_s,
        "PriceScheduleID": max(1, schedule.tuple_id),
        "NumberOfPriceLevels": max(each.level for each in entries) + 1,
        "PriceLevelScheduleEntries": {
            "PriceLevelScheduleEntry": [
                {"Duration": duration, "PriceLevel": each.level}
                for duration, each in zip(durations, entries, strict=True)
            ]
        },
    }


def read_tuples(control_mode: Body) -> tuple[Chosen, ...]:
    """The charger's offers of scheduled mode, as the EV may choose."""
    return tuple(_read_tuple(each) for each in control_mode["ScheduleTuple"])


def _read_tuple(row: Body) -> Chosen:
    charging = row["ChargingSchedule"]
    limits, end_s = _read_entries(charging["PowerSchedule"]["PowerScheduleEntries"])
    tariff = []
    if "PriceLevelSchedule" in charging:
        start_s = 0.0
        levels = charging["PriceLevelSchedule"]["PriceLevelScheduleEntries"]
        for each in levels["PriceLevelScheduleEntry"]:
            tariff.append(PriceEntry(start_s, each["PriceLevel"]))
            start_s += each["Duration"]
    schedule = PowerSchedule(row["ScheduleTupleID"], limits, end_s, tuple(tariff))
    return Chosen(schedule, charging["PowerSchedule"]["TimeAnchor"])


def _read_entries(entries: Body) -> tuple[tuple[tuple[float, float], ...], float]:
    start_s, found = 0.0, []
    for each in entries["PowerScheduleEntry"]:
        found.append((start_s, real(each["Power"])))
        start_s += each["Duration"]
    return tuple(found), start_s


def write_profile(chosen: Chosen, max_w: float) -> Body:
    """The EVPowerProfile of scheduled mode: as much as the schedule and `max_w` allow."""
    schedule = chosen.schedule
    limits = schedule.limits[:MAX_ENTRIES]
    durations = _durations([start for start, _ in limits], schedule.duration_s)
    return {
        "TimeAnchor": chosen.anchor_s,
        "Scheduled_EVPPTControlMode": {
            "SelectedScheduleTupleID": schedule.tuple_id,
            "PowerToleranceAcceptance": "PowerToleranceConfirmed",
        },
        "EVPowerProfileEntries": {
            "EVPowerProfileEntry": [
                {"Duration": duration, "Power": rational(min(power_w, max_w))}
                for duration, (_, power_w) in zip(durations, limits, strict=True)
            ]
        },
    }


def read_profile(profile: Body) -> tuple[tuple[float, float], ...]:
    """(start in s from the anchor, power in W)."""
    start_s, found = 0.0, []
    for each in profile["EVPowerProfileEntries"]["EVPowerProfileEntry"]:
        found.append((start_s, real(each["Power"])))
        start_s += each["Duration"]
    return tuple(found)


def exceeds(profile: Sequence[tuple[float, float]], schedule: PowerSchedule) -> bool:
    """Whether the profile asks for more than the schedule gives, anywhere (0.1% + 1 W of room)."""
    asked, given = _Steps(profile), _Steps(schedule.limits)
    return any(asked.at(t) > given.at(t) * 1.001 + 1.0 for t in {*asked.starts_s, *given.starts_s})


@dataclass(frozen=True, slots=True)
class Chosen:
    """The schedule in force, its times counting from `anchor_s` (Unix time)."""

    schedule: PowerSchedule
    anchor_s: int

    def limit_w(self, now: datetime) -> float:
        """What may be charged with at `now`; the last entry holds on."""
        return _Steps(self.schedule.limits).at(now.timestamp() - self.anchor_s)


class _Steps:
    """Power over time, constant from each start to the next."""

    def __init__(self, steps: Sequence[tuple[float, float]]) -> None:
        self.starts_s = [start_s for start_s, _ in steps]
        self._powers_w = [power_w for _, power_w in steps]

    def at(self, t_s: float) -> float:
        return self._powers_w[max(0, bisect_right(self.starts_s, t_s) - 1)]
