"""Fan-out of what happens to whoever watches now: pages, the API's stream, the bridge.

A watcher that does not keep up loses the oldest notes, never slows the source, and is told how many it lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol


class Note(NamedTuple):
    """``topic`` is one of ``station``, ``evse``, ``transaction``, ``command``, ``feeder`` (a ``FeederCycle``),
    ``knock``, ``alarm``."""

    topic: str
    data: Any


class Publisher(Protocol):
    def publish(self, topic: str, data: Any) -> None: ...


@dataclass(eq=False)
class Watch:
    """One watcher's bounded queue."""

    topics: frozenset[str]
    limit: int
    lost: int = 0
    _queue: deque[Note] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, note: Note) -> None:
        if len(self._queue) >= self.limit:
            self._queue.popleft()
            self.lost += 1
        self._queue.append(note)
        self._wake.set()

    def __aiter__(self) -> AsyncIterator[Note]:
        return self

    async def __anext__(self) -> Note:
        while not self._queue:
            self._wake.clear()
            await self._wake.wait()
        return self._queue.popleft()


class LiveBus:
    """Publish to all open watches."""

    def __init__(self) -> None:
        self._watches: set[Watch] = set()

    def publish(self, topic: str, data: Any) -> None:
        for watch in self._watches:
            if not watch.topics or topic in watch.topics:
                watch.offer(Note(topic, data))

    def watch(self, *topics: str, limit: int = 1_000) -> Watch:
        """A new watch on the named topics (all when none is named). Close it with ``unwatch``."""
        watch = Watch(frozenset(topics), limit)
        self._watches.add(watch)
        return watch

    def unwatch(self, watch: Watch) -> None:
        self._watches.discard(watch)


class NamedAlarms:
    """The bus as one of several feeders uses it: its alarms begin with its name."""

    def __init__(self, live: Publisher, name: str) -> None:
        self._live = live
        self._name = name

    def publish(self, topic: str, data: Any) -> None:
        self._live.publish(topic, f"{self._name}: {data}" if topic == "alarm" else data)
