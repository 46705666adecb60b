"""Schedules for cars that negotiate theirs over ISO 15118 (OCPP K15 to K17).

A car that tells its needs gets a TxProfile at once: the planner's schedule, else all that its EVSE may have. That is
the envelope in which it plans its own charging; dispatch's setpoints lie above it on the stack and lead from second
to second. Should they end it is what stays in force, so its ceiling is the EVSE's safe power. A new plan makes a
renegotiation, and so does a car that chose more than it was offered (K16).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from csms.clock import Clock
from csms.domain.commands import (
    ClearChargingProfile,
    Command,
    CommandState,
    SetChargingProfile,
)
from csms.domain.errors import DomainError
from csms.domain.events import (
    ChargingNeedsReply,
    ChargingNeedsTold,
    EvScheduleReply,
    EvScheduleTold,
)
from csms.domain.fleet import EvsePlace, EvseState, Fleet, StationState
from csms.domain.profile import ChargingProfile, Kind, Period, Purpose
from csms.domain.transaction import Transaction
from csms.ids import EvseKey, StationId, TransactionId
from csms.services.command_desk import CommandDesk
from csms.services.ev_schedules import Step, at_most, differ, excess, planned_steps
from csms.services.live import LiveBus
from csms.services.profile_ids import NEGOTIATED_PROFILE_BASE, is_setpoint
from csms.services.setpoints import in_unit
from csms.units import NOMINAL_PHASE_V

ISSUER = "negotiation"
SETTLE_S = 0.1
"""Pause after the needs were answered, so that the answer is on the wire before the profile."""
MAX_REJECTIONS = 3
"""So often one transaction's car is offered its schedule again; then an operator is told."""
REPLAN_S = 300.0
"""Cars renegotiate no more often than this when plans change."""
MATERIAL_FRAC = 0.05
"""Of the EVSE's rating: a plan that differs by less is not worth a renegotiation."""
MAX_PERIODS = 1024
_PHASES = {"AC_single_phase": 1, "AC_two_phase": 2}

Planned = Callable[[EvseState, datetime], tuple[datetime, Sequence[int]] | None]
"""W of each quarter hour from an instant on, for the car that is at the EVSE."""


@dataclass(slots=True)
class _Session:
    """Of one transaction: the TxProfiles that its station has taken, by id."""

    transaction_id: TransactionId
    profiles: dict[int, ChargingProfile] = field(default_factory=dict)
    rejections: int = 0
    steps: list[Step] | None = None
    """What was offered last, counted from ``offered``."""
    offered: datetime | None = None
    ceiling_w: float = 0.0
    by_plan: bool = False


class EvNegotiation:
    """``unled_w`` is what an EVSE may have when nobody leads it, ``is_led`` whether dispatch leads a
    station, ``droops`` whether an EVSE's default profile carries its droop."""

    def __init__(
        self,
        fleet: Fleet,
        desk: CommandDesk,
        live: LiveBus,
        clock: Clock,
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
        *,
        planned: Planned,
        unled_w: Callable[[EvseKey, EvsePlace], float],
        is_led: Callable[[StationId], bool],
        droops: Callable[[StationState, EvseState], bool],
    ) -> None:
        self._fleet = fleet
        self._desk = desk
        self._live = live
        self._clock = clock
        self._spawn = spawn
        self._planned = planned
        self._unled_w = unled_w
        self._is_led = is_led
        self._droops = droops
        self._sessions: dict[EvseKey, _Session] = {}

    def needs_told(self, station: StationState, event: ChargingNeedsTold) -> ChargingNeedsReply:
        """Rejected without a transaction for a profile to name, and where nobody knows a rating (K15.FR.04)."""
        evse = station.evse(event.evse_id)
        if (
            _transaction(evse) is None
            or _rating_w(evse) is None
            or self._would_unseat(station, evse)
        ):
            return ChargingNeedsReply(status="Rejected")
        self._spawn(self._answer(station, evse), f"schedule {evse.key}")
        return ChargingNeedsReply(status="Accepted")

    def schedule_told(self, station: StationState, event: EvScheduleTold) -> EvScheduleReply:
        """K15.FR.11 to .13: a schedule beyond the limits is refused, and the car is offered its own again."""
        evse = station.evses.get(event.evse_id)
        tx = None if evse is None else _transaction(evse)
        session = None if evse is None else self._sessions.get(evse.key)
        if (
            evse is None
            or tx is None
            or session is None
            or session.transaction_id != tx.transaction_id
        ):
            return EvScheduleReply()  # nothing was offered that it could break
        found = excess(
            event,
            [p for i, p in session.profiles.items() if not is_setpoint(i)],
            started=tx.started or event.start,
            w_per_a=_w_per_a(evse),
            led_w=max(evse.commanded_w or 0.0, evse.commanded_before_w or 0.0),
        )
        if found is None:
            return EvScheduleReply()
        session.rejections += 1
        why = f"{evse.key}: the car means to draw {found.asked_w:.0f} W where it may {found.allowed_w:.0f} W"
        if session.rejections > MAX_REJECTIONS:
            self._live.publish("alarm", f"{why}; offered {session.rejections} times")
        else:
            self._spawn(self._answer(station, evse), f"schedule {evse.key}")
        return EvScheduleReply(status="Rejected")

    def taken(self, station_id: StationId, command: Command) -> None:
        """A station has accepted ``command``, whoever sent it: what it is bound to is judged by."""
        station = self._fleet.get(station_id)
        if station is None:
            return
        match command:
            case SetChargingProfile(evse_id=evse_id, profile=profile) if (
                profile.purpose is Purpose.TX
            ):
                tx = _transaction(station.evse(evse_id))
                if tx is not None and tx.transaction_id == profile.transaction_id:
                    self._session(station.evse(evse_id), tx).profiles[profile.profile_id] = profile
            case ClearChargingProfile():
                for evse in station.evses.values():
                    session = self._sessions.get(evse.key)
                    if session is not None:
                        _clear(session, evse.key.evse_id, command)
            case _:
                pass

    async def run(self) -> None:
        """For ever: what the planner changes, the cars are told (K16)."""
        watch = self._live.watch("plan", limit=1)
        try:
            async for _ in watch:
                await self.follow_plan()
        finally:
            self._live.unwatch(watch)

    async def follow_plan(self) -> None:
        """Offer each car that negotiates its new schedule, where it is materially another."""
        now = self._clock.now()
        for evse in list(self._fleet.evses()):
            session = self._sessions.get(evse.key)
            if session is not None and self._is_outdated(evse, session, now):
                station = self._fleet.station(evse.key.station_id)
                self._spawn(self._offer(station, evse), f"schedule {evse.key}")

    def _is_outdated(self, evse: EvseState, session: _Session, now: datetime) -> bool:
        tx, rating_w = _transaction(evse), _rating_w(evse)
        if tx is None or tx.transaction_id != session.transaction_id or evse.needs is None:
            return False
        planned = self._planned(evse, now)
        if session.steps is None or session.offered is None or planned is None or rating_w is None:
            return False
        age_s = (now - session.offered).total_seconds()
        if session.by_plan and age_s < REPLAN_S:
            return False
        station = self._fleet.station(evse.key.station_id)
        steps = self._steps(station, evse, now, session.ceiling_w)
        held = [(start_s - age_s, limit_w) for start_s, limit_w in session.steps]
        return station.connected and differ(held, steps, MATERIAL_FRAC * rating_w)

    async def _answer(self, station: StationState, evse: EvseState) -> None:
        await asyncio.sleep(SETTLE_S)
        await self._offer(station, evse)

    async def _offer(self, station: StationState, evse: EvseState) -> None:
        tx, rating_w = _transaction(evse), _rating_w(evse)
        if tx is None or rating_w is None:
            return  # it has ended meanwhile
        now = self._clock.now()
        ceiling_w = rating_w if evse.place is None else self._unled_w(evse.key, evse.place)
        state = await self._push(station, evse, tx, now, ceiling_w)
        if state in (CommandState.REJECTED, CommandState.FAILED):
            self._live.publish("alarm", f"{evse.key} refuses the schedule of its car")

    async def _push(
        self,
        station: StationState,
        evse: EvseState,
        tx: Transaction,
        now: datetime,
        ceiling_w: float,
    ) -> CommandState:
        steps = self._steps(station, evse, now, ceiling_w)
        unit = station.capabilities.rate_unit
        profile = ChargingProfile(
            profile_id=NEGOTIATED_PROFILE_BASE + evse.key.evse_id,
            stack_level=0,
            purpose=Purpose.TX,
            kind=Kind.ABSOLUTE,
            unit=unit,
            start=now,
            transaction_id=tx.transaction_id,
            periods=tuple(
                Period(start_s=int(start_s), limit=in_unit(evse, unit, limit_w))
                for start_s, limit_w in steps
            ),
        )
        try:
            record = await self._desk.push(
                station.station_id,
                SetChargingProfile(evse_id=evse.key.evse_id, profile=profile),
                issued_by=ISSUER,
                coalesce_key=f"schedule/{evse.key.evse_id}",
            )
        except DomainError as error:
            self._live.publish("alarm", f"{evse.key}: {error.message}")
            return CommandState.FAILED
        if record.state is CommandState.ACCEPTED:
            session = self._session(evse, tx)
            session.steps, session.offered, session.ceiling_w = steps, now, ceiling_w
            session.by_plan = self._planned(evse, now) is not None
        return record.state

    def _steps(
        self, station: StationState, evse: EvseState, now: datetime, ceiling_w: float
    ) -> list[Step]:
        planned = self._planned(evse, now)
        if planned is None:
            return [(0.0, ceiling_w)]
        start, power_w = planned
        told = evse.needs.max_periods if evse.needs is not None else None
        n = min(told or MAX_PERIODS, station.capabilities.periods_per_schedule or MAX_PERIODS)
        return at_most(planned_steps(power_w, start, now, ceiling_w), n)

    def _would_unseat(self, station: StationState, evse: EvseState) -> bool:
        """A TxProfile goes before a TxDefaultProfile, which leads such a station or holds its droop."""
        by_default = station.capabilities.setpoint_purpose is Purpose.TX_DEFAULT
        return self._is_led(station.station_id) and (by_default or self._droops(station, evse))

    def _session(self, evse: EvseState, tx: Transaction) -> _Session:
        session = self._sessions.get(evse.key)
        if session is None or session.transaction_id != tx.transaction_id:
            session = self._sessions[evse.key] = _Session(tx.transaction_id)
        return session


def _transaction(evse: EvseState) -> Transaction | None:
    tx = evse.transaction
    return tx if tx is not None and tx.is_open else None


def _rating_w(evse: EvseState) -> float | None:
    """What the EVSE can give; where nobody told it, what the car can take."""
    if evse.place is not None:
        return evse.place.max_power_w
    told_w = evse.needs.max_charge_w if evse.needs is not None else None
    return told_w or None  # some tell 0 for what they do not know


def _w_per_a(evse: EvseState) -> float:
    if evse.place is not None:
        return evse.place.phases.n_phases * NOMINAL_PHASE_V
    mode = evse.needs.requested_transfer if evse.needs is not None else ""
    return _PHASES.get(mode, 3) * NOMINAL_PHASE_V


def _clear(session: _Session, evse_id: int, command: ClearChargingProfile) -> None:
    if command.profile_id is not None:
        session.profiles.pop(command.profile_id, None)
        return
    if command.evse_id not in (None, 0, evse_id) or command.purpose not in (None, Purpose.TX):
        return
    for profile in list(session.profiles.values()):
        if command.stack_level in (None, profile.stack_level):
            del session.profiles[profile.profile_id]
