"""Once a period: look at the fleet, decide setpoints that keep the feeder inside its limits, send what changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from csms.clock import Clock
from csms.dispatch.decide import Decision, FeederDesk
from csms.dispatch.signals import GridSignals
from csms.dispatch.snapshot import Footing, frequency_of, take
from csms.domain.commands import CommandState
from csms.domain.errors import DomainError
from csms.domain.feeder_view import FeederView
from csms.domain.fleet import EvseState, Fleet, StationState
from csms.ids import EvseKey
from csms.services.live import Publisher
from csms.services.setpoints import Setpoints

RENEWALS_PER_LEASE = 3
"""An unchanged setpoint is sent again this often within its lease."""
IMMATERIAL_W = 1.0
IMMATERIAL_RISE_FRAC = 0.01


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
        fleet: Fleet,
        setpoints: Setpoints,
        live: Publisher,
        clock: Clock,
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
        signals: GridSignals,
        planned_w: Callable[[EvseState, datetime], float | None] = lambda _evse, _now: None,
        *,
        period_s: float,
        lease_s: float,
        stale_after_s: float,
        site: str = "",
        offset_s: float = 0.0,
        cycle_took: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        """``offset_s`` into each period the cycle runs: many loops of one process take turns."""
        self._desk = desk
        self._fleet = fleet
        self._setpoints = setpoints
        self._live = live
        self._clock = clock
        self._spawn = spawn
        self._signals = signals
        self._planned_w = planned_w
        self._period_s = period_s
        self._lease_s = lease_s
        self._renew_s = lease_s / RENEWALS_PER_LEASE
        self._stale_after_s = stale_after_s
        self._site = site
        self._offset_s = offset_s
        self._cycle_took = cycle_took
        self._stations = tuple(dict.fromkeys(key.station_id for key in desk.places))
        self._in_flight: set[EvseKey] = set()
        self._wants: dict[EvseKey, float] = {}
        self._alarms: tuple[str, ...] = ()
        self.view: FeederView | None = None
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
        begun_s = self._clock.monotonic()
        now = self._clock.now()
        members = self._members()
        frequency_hz = self._signals.current_frequency_hz()
        if frequency_hz is None:
            frequency_hz = frequency_of(members, begun_s, self._stale_after_s)
        self._desk.own_droop.see(frequency_hz, begun_s)
        snapshot = take(
            members, self._wants, self._desk.safe_power_w, now=now, now_s=begun_s,
            stale_after_s=self._stale_after_s, nominal_phase_v=self._desk.nominal_phase_v,
            lease_s=self._lease_s, planned_w=lambda evse: self._planned_w(evse, now),
            frequency_hz=frequency_hz, droop_w=self._desk.own_droop.overlay_w,
        )  # fmt: skip
        snapshot = replace(
            snapshot,
            regulation=self._signals.current_regulation(),
            import_w=self._signals.current_import_w(),
        )
        self._desk.limit_import(self._signals.current_import_limit_w())
        decision = self._desk.decide(snapshot, now, self._clock)
        self._wants = {e.key: e.want.power_w for e in snapshot.evses if e.footing is Footing.LED}
        for order in decision.orders:
            state = self._fleet.station(order.key.station_id)
            evse = state.evse(order.key.evse_id)
            evse.wanted_w, evse.binding = order.wanted_w, order.binding
            if self._is_due(order.key, order.power_w, begun_s):
                self._in_flight.add(order.key)
                self._spawn(self._send(order.key, order.power_w), f"setpoint {order.key}")
        self.view = msgspec.structs.replace(decision.view, site=self._site)
        self._live.publish("feeder", self.view)
        self._cycle_took(decision.view.cycle_ms / 1e3)
        for alarm in decision.view.alarms:
            if alarm not in self._alarms:
                self._live.publish("alarm", alarm)
        self._alarms = decision.view.alarms
        return decision

    def _failed(self, why: str) -> None:
        if why != self.failure:  # once, not every second
            self._live.publish("alarm", why)
        self.failure = why

    def _members(self) -> list[StationState]:
        """The stations of this feeder that have come by now."""
        return [one for one in map(self._fleet.get, self._stations) if one is not None]

    def _is_due(self, key: EvseKey, power_w: float, now_s: float) -> bool:
        if key in self._in_flight:
            return False
        evse = self._fleet.station(key.station_id).evse(key.evse_id)
        if evse.commanded_w is None or evse.commanded_s is None:
            return True
        if now_s - evse.commanded_s >= self._renew_s:
            return True
        change_w = power_w - evse.commanded_w
        rating_w = evse.place.max_power_w if evse.place else 0.0
        # A fall protects the feeder and goes out at once; a rise may wait until it is worth a message.
        return change_w <= -IMMATERIAL_W or change_w >= max(
            IMMATERIAL_W, IMMATERIAL_RISE_FRAC * rating_w
        )

    async def _send(self, key: EvseKey, power_w: float) -> None:
        station = self._fleet.station(key.station_id)
        try:
            record = await self._setpoints.apply(station, station.evse(key.evse_id), power_w)
            if record is not None and record.state is CommandState.TIMED_OUT:
                self._live.publish("alarm", f"{key} does not answer its setpoint")
        except DomainError as error:
            self._live.publish("alarm", f"{key}: {error.message}")
        finally:
            self._in_flight.discard(key)
