"""What happened lately, kept small: the newest commands and alarms, and two minutes of the feeder's figures."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from typing import NamedTuple

from csms.clock import Clock
from csms.domain.commands import CommandRecord
from csms.domain.feeder_view import FeederSummary
from csms.ids import CommandId
from csms.services.live import LiveBus, Note

MAX_COMMANDS = 400
MAX_ALARMS = 20
HISTORY = timedelta(minutes=2)
LATENCY_WINDOW = timedelta(minutes=5)
ALARM_WINDOW = timedelta(minutes=10)


class Point(NamedTuple):
    at_s: float
    """Unix time."""
    frequency_hz: float | None
    worst_v_pu: float


class Alarm(NamedTuple):
    at: datetime
    text: str


class Recent:
    """Fed from the live bus by ``run``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._commands: OrderedDict[CommandId, CommandRecord] = OrderedDict()
        self._alarms: deque[Alarm] = deque(maxlen=MAX_ALARMS)
        self._points: dict[str, deque[Point]] = {}
        """By the feeder's name, which the settings bound."""

    async def run(self, live: LiveBus) -> None:
        watch = live.watch("command", "alarm", "feeder", limit=2_000)
        try:
            async for note in watch:
                self.take(note)
        finally:
            live.unwatch(watch)

    def take(self, note: Note) -> None:
        data = note.data
        if isinstance(data, CommandRecord):
            self._commands[data.command_id] = data
            if len(self._commands) > MAX_COMMANDS:
                self._commands.popitem(last=False)
        elif note.topic == "feeder":
            seen: FeederSummary = data.summary
            points = self._points.setdefault(seen.site, deque(maxlen=600))
            points.append(Point(seen.at.timestamp(), seen.frequency_hz, seen.worst_v_pu))
        elif note.topic == "alarm":
            self._alarms.append(Alarm(self._clock.now(), str(data)))

    def commands(self, limit: int) -> list[CommandRecord]:
        """Newest first."""
        return sorted(self._commands.values(), key=lambda one: one.created, reverse=True)[:limit]

    def alarms(self) -> list[Alarm]:
        """Those of the last minutes, newest first."""
        oldest = self._clock.now() - ALARM_WINDOW
        return [alarm for alarm in reversed(self._alarms) if alarm.at >= oldest]

    def points(self, feeder: str) -> list[Point]:
        oldest_s = (self._clock.now() - HISTORY).timestamp()
        return [point for point in self._points.get(feeder, ()) if point.at_s >= oldest_s]

    def latency_ms(self) -> tuple[float | None, float | None]:
        """p50 and p99 from queued to answered, over the commands answered in the last minutes."""
        oldest = self._clock.now() - LATENCY_WINDOW
        took = sorted(
            (one.queue_ms or 0.0) + one.round_trip_ms
            for one in self._commands.values()
            if one.round_trip_ms is not None and one.created >= oldest
        )
        if not took:
            return None, None
        return took[len(took) // 2], took[min(len(took) - 1, int(len(took) * 0.99))]
