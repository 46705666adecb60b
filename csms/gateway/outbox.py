"""The commands that wait for one station. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class OutboxFullError(Exception):
    """The queue of one station has reached its bound."""


class Outbox(Generic[Item]):
    """Two first-in-first-out lanes: setpoints, which coalesce by key, and everything else.

    A newer setpoint takes the *place* of the unsent older one with its key, so frequent updates never push
    a command to the back. Setpoints go first, but never twice in a row while the other lane waits.
    """

    def __init__(self, max_items: int) -> None:
        self._max_items = max_items
        self._setpoints: dict[Hashable, Item] = {}
        self._others: dict[int, Item] = {}
        self._next_key = 0
        self._setpoint_was_last = False

    def __len__(self) -> int:
        return len(self._setpoints) + len(self._others)

    def put(self, item: Item, coalesce_key: Hashable | None = None) -> Item | None:
        """Queue an item; returns the one that it supersedes. Raises ``OutboxFullError``."""
        if coalesce_key is not None and coalesce_key in self._setpoints:
            older = self._setpoints[coalesce_key]
            self._setpoints[coalesce_key] = item
            return older
        if len(self) >= self._max_items:
            raise OutboxFullError(f"{len(self)} commands wait already")
        if coalesce_key is not None:
            self._setpoints[coalesce_key] = item
        else:
            self._others[self._next_key] = item
            self._next_key += 1
        return None

    def pop(self) -> Item | None:
        """The next item to send, or None."""
        if self._setpoints and not (self._setpoint_was_last and self._others):
            self._setpoint_was_last = True
            return self._setpoints.pop(next(iter(self._setpoints)))
        if self._others:
            self._setpoint_was_last = False
            return self._others.pop(next(iter(self._others)))
        return None

    def discard(self, item: Item) -> bool:
        """Remove an item that need not be sent any more; False when it is not queued."""
        lanes: tuple[dict[Hashable, Item] | dict[int, Item], ...] = (self._setpoints, self._others)
        for lane in lanes:
            for key, queued in lane.items():
                if queued is item:
                    del lane[key]  # type: ignore[arg-type]
                    return True
        return False

    def drain(self) -> list[Item]:
        """Remove and return everything."""
        items = [*self._setpoints.values(), *self._others.values()]
        self._setpoints.clear()
        self._others.clear()
        return items
