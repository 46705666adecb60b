"""Once a period: look at the fleet, decide setpoints that keep the feeder inside its limits, send what changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import numpy as np

from csms.clock import Clock
from csms.dispatch.decide import Decision, FeederDesk
from csms.dispatch.frequency.own_droop import SeenFrequency
from csms.dispatch.orders import Orders
from csms.dispatch.sight.roster import Roster
from csms.dispatch.sight.snapshot import Instant, frequency_of, take
from csms.dispatch.signals import GridSignals
from csms.dispatch.views import Cycle
from csms.domain.commands import CommandState
from csms.domain.errors import DomainError
from csms.domain.feeder_view import EvseDecision
from csms.grid.network import BoolArray
from csms.services.live import Publisher
from csms.services.setpoints import Setpoints

RENEWALS_PER_LEASE = 3
"""An unchanged setpoint is sent again this often within its lease."""
IMMATERIAL_W = 1.0
IMMATERIAL_RISE_FRAC = 0.01
SENT_AT_ONCE = 100
"""Setpoints handed to their connections before all else has its turn."""


def next_due_s(due_s: float, period_s: float, now_s: float) -> float:
    """The turn after ``due_s``. Of turns that were missed the last is due, at once: so a loop that is late runs without
    a break, and many that a stall held up together part again."""
    following_s = due_s + period_s
    return following_s + max(now_s - following_s, 0.0) // period_s * period_s


class DispatchLoop:
    """The shell around :class:`FeederDesk`: clock, fleet and stations on one side, pure decisions on the other."""

    def __init__(
        self,
        desk: FeederDesk,
        roster: Roster,
        setpoints: Setpoints,
        live: Publisher,
        clock: Clock,
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
        signals: GridSignals,
        frequency: SeenFrequency,
        *,
        period_s: float,
        lease_s: float,
        stale_after_s: float,
        offset_s: float = 0.0,
        cycle_took: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        """``offset_s`` into each period the cycle runs: many loops of one process take turns."""
        self._desk = desk
        self._roster = roster
        self._setpoints = setpoints
        self._live = live
        self._clock = clock
        self._spawn = spawn
        self._signals = signals
        self._frequency = frequency
        self._period_s = period_s
        self._lease_s = lease_s
        self._renew_s = lease_s / RENEWALS_PER_LEASE
        self._stale_after_s = stale_after_s
        self._offset_s = offset_s
        self._cycle_took = cycle_took
        n = len(desk.rows)
        self._seen_s = np.full(n, np.nan)
        self._in_flight = np.zeros(n, bool)
        self._want_w = np.full(n, np.nan)
        self._alarms: frozenset[str] = frozenset()
        self.last: Cycle | None = None
        """``None`` before the first cycle."""
        self.failure: str | None = None
        """Why the last cycle failed; ``None`` when it did not."""

    async def run(self) -> None:
        """For ever. A cycle that fails is an alarm, not the end: the leases protect the feeder meanwhile."""
        loop = asyncio.get_running_loop()
        due_s = loop.time() + self._offset_s
        while True:
            due_s = next_due_s(due_s, self._period_s, loop.time())
            await asyncio.sleep(max(due_s - loop.time(), 0.0))
            try:
                self.cycle()
            except Exception as error:  # noqa: BLE001 whatever it is, the next cycle must come
                self._failed(f"dispatch cycle failed: {type(error).__name__}: {error}")
            else:
                self.failure = None

    def cycle(self) -> Decision:
        """One turn of the loop, without the waiting."""
        desk, signals = self._desk, self._signals
        at = Instant(
            now=self._clock.now(), now_s=self._clock.monotonic(),
            stale_after_s=self._stale_after_s, lease_s=self._lease_s, nominal_phase_v=desk.nominal_phase_v,
        )  # fmt: skip
        for i in self._roster.refresh(at.now):
            _, evse = self._roster.states(i)
            evse.decided = partial(self._decided, i)
        told = self._roster.told
        frequency_hz = signals.current_frequency_hz()
        if frequency_hz is None:
            frequency_hz = frequency_of(desk.rows, told, at)
        self._frequency.see(frequency_hz, at.now_s)
        snapshot = take(
            desk.rows, told, at, previous_want_w=self._want_w, safe_w=desk.safe_w, seen_s=self._seen_s,
            droop_w=self._frequency.overlay_w(told.curves, desk.rows.rated_w),
            frequency_hz=frequency_hz, regulation=signals.current_regulation(),
            import_w=signals.current_import_w(),
        )  # fmt: skip
        desk.limit_import(signals.current_import_limit_w())
        decision = desk.decide(snapshot, at.now, self._clock)
        self._seen_s = told.received_s.copy()
        self._want_w = np.where(snapshot.led, snapshot.want.power_w, np.nan)
        due = np.flatnonzero(self._due(decision.orders, at.now_s))
        if due.size:
            self._in_flight[due] = True
            power_w = decision.orders.power_w[due].tolist()
            self._spawn(self._send_all(due.tolist(), power_w), "setpoints")
        self.last = decision.cycle
        self._live.publish("feeder", decision.cycle)
        self._cycle_took(decision.summary.cycle_ms / 1e3)
        alarms = decision.summary.alarms
        for alarm in alarms:
            if alarm not in self._alarms:
                self._live.publish("alarm", alarm)
        self._alarms = frozenset(alarms)
        return decision

    def _failed(self, why: str) -> None:
        if why != self.failure:  # once, not every second
            self._live.publish("alarm", why)
        self.failure = why

    def _decided(self, i: int) -> EvseDecision | None:
        return None if self.last is None else self.last.decision(i)

    def _due(self, orders: Orders, now_s: float) -> BoolArray:
        """(N,) whose setpoint is to be sent: because it changes, or because its lease must be renewed."""
        told, rating_w = self._roster.told, self._desk.rows.max_power_w
        change_w = orders.power_w - told.commanded_w
        # A fall protects the feeder and goes out at once; a rise may wait until it is worth a message.
        rise_w = np.maximum(IMMATERIAL_W, IMMATERIAL_RISE_FRAC * rating_w)
        changes = (change_w <= -IMMATERIAL_W) | (change_w >= rise_w)
        ends = now_s - told.commanded_s >= self._renew_s
        nothing = np.isnan(told.commanded_w) | np.isnan(told.commanded_s)
        due: BoolArray = orders.told & ~self._in_flight & (nothing | ends | changes)
        return due

    async def _send_all(self, rows: list[int], power_w: list[float]) -> None:
        """One task each, a few at a time: who hears last hears no later, and all else runs in between."""
        begun = 0
        try:
            while begun < len(rows):
                end = begun + SENT_AT_ONCE
                for i, watts in zip(rows[begun:end], power_w[begun:end], strict=True):
                    begun += 1
                    self._spawn(self._send(i, watts), f"setpoint {self._roster.keys[i]}")
                await asyncio.sleep(0.0)
        finally:
            self._in_flight[rows[begun:]] = False

    async def _send(self, i: int, power_w: float) -> None:
        key = self._roster.keys[i]
        station, evse = self._roster.states(i)
        try:
            record = await self._setpoints.apply(station, evse, power_w)
            if record is not None and record.state is CommandState.TIMED_OUT:
                self._live.publish("alarm", f"{key} does not answer its setpoint")
        except DomainError as error:
            self._live.publish("alarm", f"{key}: {error.message}")
        finally:
            self._in_flight[i] = False
