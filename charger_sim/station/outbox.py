"""Transaction messages: in order, kept over outages, retried, given up as the version says.

1.6 section 3.7 (TransactionMessageAttempts, ...RetryInterval), 2.x E12-E13 (MessageAttempts,
MessageAttemptInterval): after the n-th failure the station waits n intervals; a message that was
refused ``message_attempts`` times is dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from charger_sim.station.rpc import OnReply, Payload, RpcSession
from charger_sim.station.settings import Settings
from charger_sim.station.timers import Timer, Timers

MAX_WAITING = 5_000


def _nothing() -> None:
    return None


@dataclass(slots=True)
class _Item:
    action: str
    build: Callable[[], Payload]
    on_reply: OnReply
    on_discard: Callable[[], None]
    sample: bool
    attempts: int = 0


class Outbox:
    """A durable queue in front of the RPC session. ``build`` runs when the message is sent, so that
    a 1.6 message may use a transaction id that was unknown when it was queued."""

    def __init__(self, rpc: RpcSession, timers: Timers, settings: Settings) -> None:
        self._rpc = rpc
        self._timers = timers
        self._settings = settings
        self._items: deque[_Item] = deque()
        self._busy = False
        self._open = False
        self._retry: Timer | None = None
        self.discarded = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(
        self,
        action: str,
        build: Callable[[], Payload],
        on_reply: OnReply,
        *,
        sample: bool = False,
        on_discard: Callable[[], None] = _nothing,
    ) -> None:
        """Queues a message; ``sample`` marks one that may be dropped when memory runs short."""
        if len(self._items) >= MAX_WAITING:
            self._drop_one_sample()
        self._items.append(_Item(action, build, on_reply, on_discard, sample))
        self._pump()

    def open(self) -> None:
        """Connected and accepted: the queue flows."""
        self._open = True
        self._pump()

    def close(self) -> None:
        self._open = False
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _drop_one_sample(self) -> None:
        first = 1 if self._busy else 0
        for index in range(first, len(self._items)):
            if self._items[index].sample:
                del self._items[index]
                self.discarded += 1
                return

    def _pump(self) -> None:
        if self._busy or not self._open or not self._items or self._retry is not None:
            return
        item = self._items[0]
        self._busy = True
        self._rpc.call(
            item.action,
            item.build(),
            lambda reply: self._done(item, reply),
            lambda reason: self._failed(item, reason),
        )

    def _done(self, item: _Item, reply: Payload) -> None:
        self._busy = False
        self._items.popleft()
        item.on_reply(reply)
        self._pump()

    def _failed(self, item: _Item, reason: str) -> None:
        self._busy = False
        if reason == "offline":
            return
        item.attempts += 1
        if item.attempts >= self._settings.message_attempts:
            self._items.popleft()
            self.discarded += 1
            item.on_discard()
            self._pump()
            return
        wait_s = self._settings.message_attempt_interval * item.attempts
        self._retry = self._timers.after(wait_s, self._retry_now)

    def _retry_now(self) -> None:
        self._retry = None
        self._pump()
