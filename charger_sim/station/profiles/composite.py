"""What the profiles allow at a moment, and over time. Pure.

Stacking (1.6 section 3.13.3, 2.x K01): per purpose the highest stack level whose schedule covers the
moment; TxProfile before TxDefaultProfile, one at the EVSE before one at EVSE 0; the result never
above ChargePointMaxProfile / ChargingStationMaxProfile. A schedule whose duration is over leaves
its stack level to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from charger_sim.station.profiles.model import RECURRENCE_S, Period, Profile
from charger_sim.station.profiles.store import STATION, ProfileStore


@dataclass(frozen=True, slots=True)
class Moment:
    """When, and what the profiles' kinds refer to. ``offline_s`` is 0 while connected."""

    now: datetime
    tx_started: datetime | None = None
    offline_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Supply:
    """How an EVSE is wired. ``rating_w`` bounds charging, ``discharge_rating_w`` >= 0 injecting;
    a station-wide limit is shared evenly by ``n_active`` EVSEs."""

    rating_w: float
    discharge_rating_w: float = 0.0
    v_ln: float = 230.0
    n_phases: int = 3
    n_active: int = 1

    def watts(self, value: float, unit: str, n_phases: int | None) -> float:
        """``value`` in W; amperes are per phase."""
        if unit == "W":
            return value
        return value * self.v_ln * min(self.n_phases, n_phases or self.n_phases)


@dataclass(frozen=True, slots=True)
class Grant:
    """What an EVSE may do now. ``setpoint_w`` is ``None`` where the vehicle decides under
    ``limit_w``; ``discharge_limit_w`` <= 0 is as low as a setpoint or a droop may go.
    ``profile_id`` is the profile that decided, ``None`` without one."""

    limit_w: float
    discharge_limit_w: float = 0.0
    setpoint_w: float | None = None
    mode: str = "ChargingOnly"
    freq_watt: tuple[tuple[float, float], ...] = ()
    n_phases: int | None = None
    profile_id: int | None = None


def active_period(profile: Profile, moment: Moment) -> Period | None:
    """The period in force, or ``None`` when the profile says nothing about the moment."""
    now = moment.now
    if profile.valid_from is not None and now < profile.valid_from:
        return None
    if profile.valid_to is not None and now >= profile.valid_to:
        return None
    if profile.max_offline_s is not None and moment.offline_s > profile.max_offline_s:
        return None
    elapsed_s = _elapsed_s(profile, moment)
    if elapsed_s is None or elapsed_s < 0.0:
        return None
    duration_s = profile.schedule.duration_s
    if duration_s is not None and elapsed_s >= duration_s:
        return None
    current: Period | None = None
    for period in profile.schedule.periods:
        if period.start_s > elapsed_s:
            break
        current = period
    return current


def _elapsed_s(profile: Profile, moment: Moment) -> float | None:
    start = profile.schedule.start
    if profile.kind == "Dynamic":
        if start is not None and moment.now < start:
            return None
        return (moment.now - profile.received).total_seconds()  # dead-man's switch, K28.FR.13
    if profile.kind == "Relative":
        start = moment.tx_started
        if start is None and profile.purpose == "StationMax":
            start = profile.received
    elif start is None:
        start = moment.tx_started or profile.received
    if start is None:
        return None
    elapsed_s = (moment.now - start).total_seconds()
    if profile.kind == "Recurring" and elapsed_s >= 0.0:
        elapsed_s %= RECURRENCE_S[profile.recurrency or "Daily"]
    return elapsed_s


def _top(profiles: list[Profile], moment: Moment) -> tuple[Profile, Period] | None:
    for profile in profiles:
        period = active_period(profile, moment)
        if period is not None:
            return profile, period
    return None


def evaluate(store: ProfileStore, evse_id: int, moment: Moment, supply: Supply) -> Grant:
    """What ``evse_id`` may do at ``moment``; without any profile, its rating."""
    cap_w = supply.rating_w
    floor_w = -supply.discharge_rating_w
    cap_id: int | None = None
    for purpose in ("StationMax", "External"):
        found = _top(store.of(STATION, purpose), moment)
        if found is None:
            continue
        profile, period = found
        unit = profile.schedule.unit
        if period.limit is not None:
            whole_w = max(0.0, supply.watts(period.limit, unit, period.n_phases))
            if whole_w / supply.n_active < cap_w:
                cap_w, cap_id = whole_w / supply.n_active, profile.id
        if period.discharge_limit is not None:
            lowest_w = supply.watts(period.discharge_limit, unit, period.n_phases)
            floor_w = max(floor_w, lowest_w / supply.n_active)
    chosen = (
        (_top(store.of(evse_id, "Tx"), moment) if moment.tx_started else None)
        or _top(store.of(evse_id, "TxDefault"), moment)
        or _top(store.of(STATION, "TxDefault"), moment)
    )
    if chosen is None:
        return Grant(limit_w=cap_w, discharge_limit_w=floor_w, profile_id=cap_id)
    return _grant(store, *chosen, supply, cap_w, floor_w, cap_id)


def _grant(
    store: ProfileStore,
    profile: Profile,
    period: Period,
    supply: Supply,
    cap_w: float,
    floor_w: float,
    cap_id: int | None,
) -> Grant:
    unit = profile.schedule.unit
    if period.mode == "Idle":
        return Grant(limit_w=0.0, setpoint_w=0.0, mode="Idle", profile_id=profile.id)
    if period.mode == "LocalFrequency":
        return Grant(
            limit_w=cap_w,
            discharge_limit_w=floor_w,
            setpoint_w=min(max(period.baseline_w, floor_w), cap_w),
            mode=period.mode,
            freq_watt=period.freq_watt,
            profile_id=profile.id,
        )
    if period.setpoint is not None and period.mode != "ChargingOnly":
        wanted_w = supply.watts(period.setpoint, unit, period.n_phases)
        return Grant(
            limit_w=cap_w,
            discharge_limit_w=floor_w,
            setpoint_w=min(max(wanted_w, floor_w), cap_w),
            mode=period.mode,
            n_phases=period.n_phases,
            profile_id=profile.id,
        )
    limit_w = supply.watts(period.limit or 0.0, unit, period.n_phases)
    if limit_w < 0.0:  # the legacy way to ask for discharge
        down_w = max(limit_w, floor_w) if store.rules.discharge_by_limit else 0.0
        return Grant(
            limit_w=0.0, discharge_limit_w=down_w, setpoint_w=down_w, profile_id=profile.id
        )
    bound = limit_w <= cap_w
    return Grant(
        limit_w=min(limit_w, cap_w),
        discharge_limit_w=floor_w,
        n_phases=period.n_phases,
        profile_id=profile.id if bound or cap_id is None else cap_id,
    )


def composite(
    store: ProfileStore, evse_id: int, moment: Moment, duration_s: float, supply: Supply
) -> list[tuple[float, Grant]]:
    """(offset s, grant) steps from ``moment`` on, equal neighbours merged; never empty."""
    steps: list[tuple[float, Grant]] = []
    for offset_s in _breakpoints(store, moment, duration_s):
        then = Moment(moment.now + timedelta(seconds=offset_s), moment.tx_started, moment.offline_s)
        grant = evaluate(store, evse_id, then, supply)
        if not steps or _differs(steps[-1][1], grant):
            steps.append((offset_s, grant))
    return steps


def _differs(a: Grant, b: Grant) -> bool:
    return (a.limit_w, a.setpoint_w, a.discharge_limit_w, a.mode, a.n_phases) != (
        b.limit_w,
        b.setpoint_w,
        b.discharge_limit_w,
        b.mode,
        b.n_phases,
    )


def _breakpoints(store: ProfileStore, moment: Moment, duration_s: float) -> list[float]:
    """Offsets at which any profile may change its mind, within [0, duration_s)."""
    marks = {0.0}
    for _, profile in store:
        for edge in (profile.valid_from, profile.valid_to):
            if edge is not None:
                marks.add((edge - moment.now).total_seconds())
        elapsed_s = _elapsed_s(profile, moment)
        if elapsed_s is None:
            if profile.schedule.start is None:
                continue
            elapsed_s = (moment.now - profile.schedule.start).total_seconds()
        edges = [p.start_s for p in profile.schedule.periods]
        if profile.schedule.duration_s is not None:
            edges.append(profile.schedule.duration_s)
        marks.update(edge - elapsed_s for edge in edges)
        if profile.kind == "Recurring":
            cycle_s = RECURRENCE_S[profile.recurrency or "Daily"]
            turns = int(duration_s // cycle_s) + 2
            marks.update(
                edge - elapsed_s + turn * cycle_s for turn in range(turns) for edge in edges
            )
    return sorted(mark for mark in marks if 0.0 <= mark < duration_s or mark == 0.0)
